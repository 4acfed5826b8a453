//! `sector_identifier_uri`: several sites say that they are one (OpenID Connect Registration §5).

use serde_json::{Map, Value};

use super::metadata;
use crate::provider::ProviderWing;
use crate::provider::error::OAuthError;

impl ProviderWing {
    /// Fetches what is at `sector_identifier_uri` and looks for every redirect URI in it (§5: "MUST be included in the
    /// elements of the array, or registration MUST fail").
    ///
    /// A false positive lets a client take part in a sector that does not want it, and so compare its subjects with
    /// those of others. Whatever went wrong, the answer is one: it says nothing about what is at the address
    /// (threat 44).
    pub(super) async fn check_sector(
        &self,
        metadata: &Map<String, Value>,
    ) -> Result<(), OAuthError> {
        let Some((uri, redirect_uris)) = metadata::claimed(metadata) else {
            return Ok(());
        };
        let refused = || {
            OAuthError::invalid_client_metadata(
                "sector_identifier_uri must give a JSON array with all of redirect_uris",
            )
        };
        let body = self.client_keys.fetch(uri).await.map_err(|error| {
            tracing::warn!(
                error = &*error as &dyn std::error::Error,
                "a sector_identifier_uri could not be fetched"
            );
            refused()
        })?;
        let listed: Vec<String> = serde_json::from_slice(&body).map_err(|_| refused())?;
        let is_listed = |uri: &&str| listed.iter().any(|own| own == uri);
        if redirect_uris.iter().all(is_listed) {
            Ok(())
        } else {
            Err(refused())
        }
    }
}
