//! The sign-in page names the app that sends somebody there.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use crate::login::{RequestedSignIn, RequestingApp, RequestingApps};
use crate::provider::ProviderWing;
use crate::web::{Exchange, ReturnTo};

/// [`RequestingApps`] over the provider's pending requests.
pub(crate) struct PendingRequests(Weak<ProviderWing>);

impl PendingRequests {
    // Weak: the provider holds the login wing through its account resolver.
    pub(crate) fn new(provider: &Arc<ProviderWing>) -> Self {
        Self(Arc::downgrade(provider))
    }
}

#[async_trait]
impl RequestingApps for PendingRequests {
    async fn behind(&self, exchange: &Exchange<'_>, return_to: &ReturnTo) -> Option<RequestingApp> {
        let provider = self.0.upgrade()?;
        let app = provider.client_behind(exchange, return_to.as_str()).await?;
        Some(RequestingApp {
            name: app.name,
            client_uri: app.client_uri,
            logo_uri: app.logo_uri,
            policy_uri: app.policy_uri,
            tos_uri: app.tos_uri,
        })
    }

    async fn asks(&self, exchange: &Exchange<'_>, return_to: &ReturnTo) -> Option<RequestedSignIn> {
        let provider = self.0.upgrade()?;
        let wanted = provider
            .sign_in_wanted_behind(exchange, return_to.as_str())
            .await?;
        Some(RequestedSignIn {
            not_before: wanted.not_before,
            max_age: wanted.max_age,
            asks_again: wanted.asks_again,
            acr_values: wanted.acr_values,
            login_hint: wanted.login_hint,
        })
    }
}
