//! What the provider keeps of an account goes with it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::ground::Timestamp;
use crate::login::AccountObserver;
use crate::services::Core;
use crate::store::{StoreResult, UserId};

/// Consents and grants of people who sign in at the login wing.
pub(crate) struct Consents(Arc<Core>);

impl Consents {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    async fn revoke_all(&self, user: &UserId, at: Timestamp) -> StoreResult<()> {
        let grants = &self.0.stores.grants;
        for consent in grants.consents_of(user.as_str()).await? {
            grants
                .revoke_consent(user.as_str(), &consent.client_id, at)
                .await?;
        }
        grants.revoke_grants_of_subject(user.as_str(), at).await?;
        Ok(())
    }
}

#[async_trait]
impl AccountObserver for Consents {
    async fn account_ends(&self, user: &UserId, at: Timestamp) -> StoreResult<()> {
        self.revoke_all(user, at).await
    }

    async fn owner_came(&self, user: &UserId, at: Timestamp) -> StoreResult<()> {
        self.revoke_all(user, at).await
    }

    async fn export(&self, user: &UserId) -> StoreResult<(&'static str, Value)> {
        let consents = self.0.stores.grants.consents_of(user.as_str()).await?;
        let facts = consents.iter().map(|consent| {
            json!({
                "client_id": consent.client_id,
                "scopes": consent.scopes,
                "granted_at": consent.granted_at.rfc3339(),
            })
        });
        Ok(("connected_apps", facts.collect()))
    }
}
