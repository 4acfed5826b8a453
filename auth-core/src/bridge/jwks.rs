//! Clients' key sets come through the guarded outbound client.

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;

use crate::provider::JwksFetcher;
use crate::services::outbound::Outbound;

/// [`JwksFetcher`] over [`Outbound`].
pub(crate) struct OutboundJwks(pub(crate) Outbound);

#[async_trait]
impl JwksFetcher for OutboundJwks {
    async fn fetch(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        Ok(self.0.get_json_bytes(url).await?)
    }

    async fn fetch_request_object(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        // RFC 9101 §5.2.3, and what was in use before it.
        let accept =
            "application/oauth-authz-req+jwt, application/jwt, application/jose, */*;q=0.5";
        Ok(self.0.get_bytes(url, accept).await?)
    }
}
