//! The rest of the house keeps things of an account's owner too: they go with it, and into the export of their data.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use serde_json::Value;

use crate::ground::Timestamp;
use crate::store::{StoreResult, UserId};

/// Keeps something of people that the login wing does not know.
#[async_trait]
pub trait AccountObserver: Send + Sync + 'static {
    /// The account is about to go: so must what is kept. May be told several times.
    ///
    /// # Errors
    /// The account stays for now, and this is told again later.
    async fn account_ends(&self, user: &UserId, at: Timestamp) -> StoreResult<()>;

    /// The owner of the account's address has shown themselves for the first time: what was given to others before may have
    /// been given by somebody else, and must go. May be told several times.
    ///
    /// # Errors
    /// The owner is not let in now, and comes again.
    async fn owner_came(&self, user: &UserId, at: Timestamp) -> StoreResult<()>;

    /// What is kept, for the export of the person's data, and the name it stands under.
    ///
    /// # Errors
    /// There is no export now.
    async fn export(&self, user: &UserId) -> StoreResult<(&'static str, Value)>;
}

/// Everybody who keeps something.
#[derive(Default)]
pub(super) struct AccountObservers(RwLock<Vec<Arc<dyn AccountObserver>>>);

impl AccountObservers {
    pub(super) fn add(&self, observer: Arc<dyn AccountObserver>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(observer);
    }

    /// Cloned, so that no lock is held while they work.
    fn all(&self) -> Vec<Arc<dyn AccountObserver>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) async fn account_ends(&self, user: &UserId, at: Timestamp) -> StoreResult<()> {
        for observer in self.all() {
            observer.account_ends(user, at).await?;
        }
        Ok(())
    }

    pub(super) async fn owner_came(&self, user: &UserId, at: Timestamp) -> StoreResult<()> {
        for observer in self.all() {
            observer.owner_came(user, at).await?;
        }
        Ok(())
    }

    pub(super) async fn export(&self, user: &UserId) -> StoreResult<Vec<(&'static str, Value)>> {
        let mut all = Vec::new();
        for observer in self.all() {
            all.push(observer.export(user).await?);
        }
        Ok(all)
    }
}
