//! Clients' key sets come through the guarded outbound client.

use async_trait::async_trait;
use bytes::Bytes;

use crate::provider::{JwksFetchError, JwksFetcher};
use crate::services::outbound::Outbound;

/// [`JwksFetcher`] over [`Outbound`].
pub(crate) struct OutboundJwks(pub(crate) Outbound);

#[async_trait]
impl JwksFetcher for OutboundJwks {
    async fn fetch(&self, url: &str) -> Result<Bytes, JwksFetchError> {
        self.0
            .get_json_bytes(url)
            .await
            .map_err(|error| JwksFetchError(Box::new(error)))
    }
}
