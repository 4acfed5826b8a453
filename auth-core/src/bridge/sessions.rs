//! The end of a session ends what clients were given for its duration, and they are told.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use crate::login::{SessionObserver, SessionsEnded};
use crate::provider::ProviderWing;

/// Ends at the provider what ended at the login wing.
pub(crate) struct EndGrants(Weak<ProviderWing>);

impl EndGrants {
    // Weak: the provider holds the login wing through its account resolver.
    pub(crate) fn new(provider: &Arc<ProviderWing>) -> Self {
        Self(Arc::downgrade(provider))
    }
}

#[async_trait]
impl SessionObserver for EndGrants {
    async fn sessions_ended(&self, ended: &SessionsEnded) {
        let Some(provider) = self.0.upgrade() else {
            return;
        };
        for session in &ended.sessions {
            provider.session_ended(session, ended.at).await;
        }
    }
}
