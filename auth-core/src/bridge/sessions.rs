//! The end of a session ends what clients were given for its duration.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use crate::login::SessionObserver;
use crate::provider::ProviderWing;
use crate::store::{SessionId, UserId};

/// Revokes the grants of ended sessions that do not outlive them.
pub(crate) struct EndGrants(Weak<ProviderWing>);

impl EndGrants {
    // Weak: the provider holds the login wing through its account resolver.
    pub(crate) fn new(provider: &Arc<ProviderWing>) -> Self {
        Self(Arc::downgrade(provider))
    }
}

#[async_trait]
impl SessionObserver for EndGrants {
    async fn session_ended(&self, _: &UserId, session: &SessionId) {
        if let Some(provider) = self.0.upgrade() {
            provider.session_ended(session).await;
        }
    }
}
