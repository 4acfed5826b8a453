//! Users and organizations of WorkOS, kept for a while: bounded in number and age, forgotten when a webhook says so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::api::CallError;
use super::{Hosted, HostedAccess, access};
use crate::ground::Timestamp;
use crate::login::LoginWing;
use crate::login::turns::Turns;
use crate::services::Core;

/// So much longer than its age something counts while WorkOS does not answer.
const STALE: u32 = 12;
/// So many of those that were forgotten last are known. Whoever asked before that has asked too long ago.
const FORGOTTEN: usize = 1024;

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
    known: Mutex<Known<T>>,
    turns: Turns<String>,
}

struct Known<T> {
    kept: HashMap<String, Kept<T>>,
    /// The last ones, oldest first.
    forgotten: VecDeque<String>,
    /// How many there have been.
    count: u64,
}

/// When something was asked for, as counted by what was forgotten until then.
#[derive(Clone, Copy)]
pub(super) struct Moment(u64);

struct Kept<T> {
    record: Arc<T>,
    at: Timestamp,
}

impl<T> Known<T> {
    fn is_forgotten(&self, id: &str, since: Moment) -> bool {
        let missed = usize::try_from(self.count - since.0).unwrap_or(usize::MAX);
        let mut last = self.forgotten.iter().rev().take(missed);
        missed > self.forgotten.len() || last.any(|forgotten| forgotten == id)
    }
}

impl<T> Directory<T> {
    pub(super) fn new(most: usize, age: Duration) -> Self {
        Self {
            most,
            age,
            known: Mutex::new(Known {
                kept: HashMap::new(),
                forgotten: VecDeque::new(),
                count: 0,
            }),
            turns: Turns::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be taken before something is asked for that is put.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.known().count)
    }

    /// Keeps a record that was asked for at a moment, unless it was forgotten since: what is on its way while it changes
    /// is an old one.
    pub(super) fn put(&self, id: &str, record: T, since: Moment, now: Timestamp) -> Arc<T> {
        let record = Arc::new(record);
        let mut known = self.known();
        if known.is_forgotten(id, since) {
            return record;
        }
        let kept = &mut known.kept;
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
        let mut known = self.known();
        known.kept.remove(id);
        known.count += 1;
        known.forgotten.push_back(id.to_owned());
        if known.forgotten.len() > FORGOTTEN {
            known.forgotten.pop_front();
        }
    }

    fn younger_than(&self, id: &str, age: Duration, now: Timestamp) -> Option<Arc<T>> {
        let known = self.known();
        let found = known.kept.get(id).filter(|kept| now.since(kept.at) < age)?;
        Some(found.record.clone())
    }

    /// The record, asked for where there is none that is young enough; by one of those who want it at once.
    async fn get(
        &self,
        id: &str,
        now: Timestamp,
        ask: impl AsyncFnOnce() -> Result<Option<T>, CallError>,
    ) -> Result<Arc<T>, HostedError> {
        if let Some(record) = self.younger_than(id, self.age, now) {
            return Ok(record);
        }
        let _turn = self.turns.take(&id.to_owned()).await;
        if let Some(record) = self.younger_than(id, self.age, now) {
            return Ok(record);
        }
        let since = self.moment();
        match ask().await {
            Ok(Some(record)) => Ok(self.put(id, record, since, now)),
            Ok(None) => {
                self.forget(id);
                Err(HostedError::NotFound)
            }
            Err(_) => {
                let old = self.younger_than(id, self.age * STALE, now);
                old.ok_or(HostedError::Unavailable)
            }
        }
    }
}

/// What a call finds, if there is something.
async fn found<T>(
    call: impl Future<Output = Result<T, workos::Error>>,
) -> Result<Option<T>, workos::Error> {
    match call.await {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}

impl Hosted {
    async fn user(&self, core: &Core, id: &str) -> Result<Arc<workos::User>, HostedError> {
        let (api, clock) = (self.client.user_management(), &*core.clock);
        let ask = async || self.breaker.ask(clock, found(api.get_user(id))).await;
        self.users.get(id, clock.now(), ask).await
    }

    async fn organization(
        &self,
        core: &Core,
        id: &str,
    ) -> Result<Arc<workos::Organization>, HostedError> {
        let (api, clock) = (self.client.organizations(), &*core.clock);
        let ask = async || {
            self.breaker
                .ask(clock, found(api.get_organization(id)))
                .await
        };
        self.organizations.get(id, clock.now(), ask).await
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
        hosted.user(&self.core, &access.user_id).await
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
        hosted.organization(&self.core, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(most: usize) -> Directory<u32> {
        Directory::new(most, Duration::from_mins(5))
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_763_700_000);

    fn kept(directory: &Directory<u32>, id: &str) -> Option<u32> {
        let found = directory.younger_than(id, Duration::from_mins(5), NOW)?;
        Some(*found)
    }

    #[test]
    fn what_was_forgotten_since_it_was_asked_for_is_not_kept() {
        let directory = directory(8);
        let since = directory.moment();
        directory.forget("ada");
        assert_eq!(*directory.put("ada", 1, since, NOW), 1);
        assert_eq!(kept(&directory, "ada"), None);
        directory.put("bob", 2, since, NOW);
        assert_eq!(kept(&directory, "bob"), Some(2), "somebody else's");
        directory.put("ada", 3, directory.moment(), NOW);
        assert_eq!(kept(&directory, "ada"), Some(3), "asked for since");
    }

    #[test]
    fn who_asked_too_long_ago_keeps_nothing() {
        let directory = directory(8);
        let since = directory.moment();
        directory.forget("ada");
        for index in 0..FORGOTTEN {
            directory.forget(&index.to_string());
        }
        assert_eq!(directory.known().forgotten.len(), FORGOTTEN);
        directory.put("ada", 1, since, NOW);
        assert_eq!(kept(&directory, "ada"), None);
    }

    #[test]
    fn it_never_grows_past_its_bound() {
        let directory = directory(8);
        for index in 0..100 {
            directory.put(&index.to_string(), index, directory.moment(), NOW);
            assert!(directory.known().kept.len() <= 8);
        }
        assert_eq!(kept(&directory, "99"), Some(99));
    }
}
