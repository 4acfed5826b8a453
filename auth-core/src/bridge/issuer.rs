//! The provider vouches for its own access tokens before the resource wing.

use std::sync::Arc;

use async_trait::async_trait;

use crate::ground::Timestamp;
use crate::ground::jose::{Claims, VerificationKeys};
use crate::provider::ProviderWing;
use crate::resource::LocalIssuer;
use crate::services::Core;
use crate::store::StoreError;

/// [`LocalIssuer`] over the provider wing.
pub(crate) struct ProviderIssuer {
    core: Arc<Core>,
    provider: Arc<ProviderWing>,
}

impl ProviderIssuer {
    pub(crate) fn new(core: Arc<Core>, provider: Arc<ProviderWing>) -> Self {
        Self { core, provider }
    }
}

#[async_trait]
impl LocalIssuer for ProviderIssuer {
    fn issuer(&self) -> &str {
        self.core.base.issuer()
    }

    async fn verification_keys(&self, now: Timestamp) -> Arc<VerificationKeys> {
        self.provider.verification_keys(now).await
    }

    async fn is_revoked(&self, claims: &Claims) -> Result<bool, StoreError> {
        self.provider
            .access_token_status(claims)
            .await
            .map(|active| !active)
    }
}
