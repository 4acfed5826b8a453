//! The store in memory: for tests, demonstrations and hosts of one process that may forget everything.
//!
//! One lock per group of records, held for a few map operations and never across an await. Every group keeps an index
//! ordered by end of life, so pruning looks only at rows that are due.

mod audit;
mod client;
mod device;
mod expiry;
mod factor;
mod grant;
mod identity;
mod lease;
mod one_time;
mod outbox;
mod passkey;
mod session;
mod signing_key;
mod throttle;
mod upstream_session;
mod user;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Backend, Reach, StoreResult};
use crate::ground::Timestamp;

/// Everything in memory. Clones share their contents.
#[derive(Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    users: Mutex<user::Users>,
    sessions: Mutex<session::Sessions>,
    one_time: Mutex<one_time::OneTimeValues>,
    throttles: Mutex<throttle::Throttles>,
    clients: Mutex<client::Clients>,
    grants: Mutex<grant::Grants>,
    signing_keys: Mutex<signing_key::SigningKeys>,
    leases: Mutex<lease::Leases>,
    outbox: Mutex<outbox::Outbox>,
    factors: Mutex<factor::Factors>,
    devices: Mutex<device::Devices>,
    passkeys: Mutex<passkey::Passkeys>,
    identities: Mutex<identity::Identities>,
    upstream_sessions: Mutex<upstream_session::UpstreamSessions>,
    audit: Mutex<audit::Audit>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// Locks a group. A panic while it was held leaves maps whole (no verb panics between two changes that belong
/// together), so the poison is ignored rather than spread to every later request.
fn lock<T>(group: &Mutex<T>) -> MutexGuard<'_, T> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Backend for MemoryStore {
    fn reach(&self) -> Reach {
        Reach::Node("memory")
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        let limit = limit as usize;
        let mut removed = lock(&self.inner.sessions).prune(now, limit);
        removed += lock(&self.inner.one_time).prune(now, limit - removed);
        removed += lock(&self.inner.throttles).prune(now, limit - removed);
        removed += lock(&self.inner.grants).prune(now, limit - removed);
        removed += lock(&self.inner.signing_keys).prune(now, limit - removed);
        removed += lock(&self.inner.outbox).prune(now, limit - removed);
        removed += lock(&self.inner.devices).prune(now, limit - removed);
        removed += lock(&self.inner.upstream_sessions).prune(now, limit - removed);
        removed += lock(&self.inner.audit).prune(now, limit - removed);
        Ok(removed as u64)
    }
}

#[cfg(all(test, feature = "testkit"))]
mod tests {
    use super::*;

    async fn store() -> MemoryStore {
        MemoryStore::new()
    }

    crate::store_contract!(store);

    #[test]
    fn debug_shows_no_contents() {
        assert_eq!(format!("{:?}", MemoryStore::new()), "MemoryStore { .. }");
    }
}
