//! Counting attempts under keys that reveal nothing.

use std::sync::Arc;

use crate::ground::{Digest32, KeyRing, Purpose, Timestamp};
use crate::store::{StoreResult, ThrottlePolicy, ThrottleStore, Verdict};

/// Attempts are refused until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// When attempts count again.
    pub until: Timestamp,
    /// Whether this very attempt began the lock: the moment to tell somebody.
    pub began: bool,
}

impl Locked {
    /// Whole seconds left, at least one: for `Retry-After`.
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        self.until.since(now).as_secs().max(1)
    }
}

/// Attempt counters. What is counted (`password`, `totp`) is part of the key: success with one factor never clears
/// another's counter.
#[derive(Clone)]
pub struct Throttles {
    store: Arc<dyn ThrottleStore>,
    keys: KeyRing,
}

impl Throttles {
    /// Counters in `store`, keyed under `keys`.
    pub fn new(store: Arc<dyn ThrottleStore>, keys: KeyRing) -> Self {
        Self { store, keys }
    }

    /// Counts an attempt of kind `what` by or on `whom`; `Some` when it must be refused.
    pub async fn attempt(
        &self,
        what: &str,
        whom: &str,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Option<Locked>> {
        let key = self.key(what, whom);
        Ok(match self.store.count_and_check(&key, policy, now).await? {
            Verdict::Allowed { .. } => None,
            Verdict::Locked { until } => Some(Locked { until, began: true }),
            Verdict::Refused { until } => Some(Locked {
                until,
                began: false,
            }),
        })
    }

    /// Takes back an attempt that was counted and succeeded: only failures add up.
    pub async fn take_back(&self, what: &str, whom: &str) -> StoreResult<()> {
        let key = self.key(what, whom);
        self.store.take_back_attempt(&key).await
    }

    /// Forgets the counter of this kind alone.
    pub async fn clear(&self, what: &str, whom: &str) -> StoreResult<()> {
        self.store.clear_throttle(&self.key(what, whom)).await
    }

    fn key(&self, what: &str, whom: &str) -> Digest32 {
        let parts = Digest32::of_parts(&[what.as_bytes(), whom.as_bytes()]);
        self.keys
            .keyed_digest(Purpose::ThrottleKey, parts.as_bytes())
    }
}
