//! Users and organizations of WorkOS, kept for a while: bounded in number and age, forgotten when a webhook says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::turns::Turns;
use super::{Hosted, HostedAccess, access};
use crate::ground::Timestamp;
use crate::login::LoginWing;

/// So much longer than its age something counts while WorkOS does not answer.
const STALE: u32 = 12;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostedError {
    /// [`Login::hosted`](crate::login::Login::hosted) was not called.
    #[error("hosted sign-in is not set up: call Login::hosted")]
    NotSetUp,
    /// WorkOS has none with this id.
    #[error("WorkOS knows nothing by this id")]
    NotFound,
    /// WorkOS does not answer, and nothing is remembered.
    #[error("WorkOS does not answer")]
    Unavailable,
}

/// Records by their id.
pub(super) struct Directory<T> {
    most: usize,
    age: Duration,
    kept: Mutex<HashMap<String, Kept<T>>>,
    turns: Turns<String>,
}

struct Kept<T> {
    record: Arc<T>,
    at: Timestamp,
}

impl<T> Directory<T> {
    pub(super) fn new(most: usize, age: Duration) -> Self {
        Self {
            most,
            age,
            kept: Mutex::default(),
            turns: Turns::default(),
        }
    }

    pub(super) fn put(&self, id: &str, record: T, now: Timestamp) -> Arc<T> {
        let record = Arc::new(record);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most && !kept.contains_key(id) {
            kept.retain(|_, kept| now.since(kept.at) < self.age);
        }
        if kept.len() >= self.most && !kept.contains_key(id) {
            let mut keep = self.most / 2;
            kept.retain(|_, _| {
                keep = keep.saturating_sub(1);
                keep > 0
            });
        }
        let entry = Kept {
            record: record.clone(),
            at: now,
        };
        kept.insert(id.to_owned(), entry);
        record
    }

    pub(super) fn forget(&self, id: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(id);
    }

    fn younger_than(&self, id: &str, age: Duration, now: Timestamp) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(id).filter(|kept| now.since(kept.at) < age)?;
        Some(found.record.clone())
    }

    /// The record, asked for where there is none that is young enough; by one of those who want it at once.
    async fn get(
        &self,
        id: &str,
        now: Timestamp,
        ask: impl AsyncFnOnce() -> Result<T, workos::Error>,
    ) -> Result<Arc<T>, HostedError> {
        if let Some(record) = self.younger_than(id, self.age, now) {
            return Ok(record);
        }
        let _turn = self.turns.take(&id.to_owned()).await;
        if let Some(record) = self.younger_than(id, self.age, now) {
            return Ok(record);
        }
        match ask().await {
            Ok(record) => Ok(self.put(id, record, now)),
            Err(error) if error.is_not_found() => {
                self.forget(id);
                Err(HostedError::NotFound)
            }
            Err(error) => {
                tracing::warn!(status = ?error.status(), "WorkOS cannot be asked");
                let old = self.younger_than(id, self.age * STALE, now);
                old.ok_or(HostedError::Unavailable)
            }
        }
    }
}

impl Hosted {
    async fn user(&self, id: &str, now: Timestamp) -> Result<Arc<workos::User>, HostedError> {
        let api = self.client.user_management();
        self.users
            .get(id, now, async || api.get_user(id).await)
            .await
    }

    async fn organization(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Arc<workos::Organization>, HostedError> {
        let api = self.client.organizations();
        let ask = async || api.get_organization(id).await;
        self.organizations.get(id, now, ask).await
    }
}

impl LoginWing {
    /// The client of WorkOS's API, for all that is managed there: users, organizations, memberships, invitations, API
    /// keys. `None` without [`Login::hosted`](crate::login::Login::hosted). Its requests go through the house's guarded
    /// client: no redirects, 1 MiB, the time of the settings.
    pub fn workos(&self) -> Option<&workos::Client> {
        self.hosted.as_ref().map(|hosted| &hosted.client)
    }

    /// The user at WorkOS, as remembered, or asked for.
    ///
    /// # Errors
    /// [`HostedError`].
    pub async fn hosted_user(
        &self,
        access: &HostedAccess,
    ) -> Result<Arc<workos::User>, HostedError> {
        let hosted = self.hosted.as_ref().ok_or(HostedError::NotSetUp)?;
        hosted.user(&access.user_id, self.core.clock.now()).await
    }

    /// An organization at WorkOS, as remembered, or asked for.
    ///
    /// # Errors
    /// [`HostedError`].
    pub async fn hosted_organization(
        &self,
        id: &str,
    ) -> Result<Arc<workos::Organization>, HostedError> {
        let hosted = self.hosted.as_ref().ok_or(HostedError::NotSetUp)?;
        if !access::is_identifier(id) {
            return Err(HostedError::NotFound);
        }
        hosted.organization(id, self.core.clock.now()).await
    }
}
