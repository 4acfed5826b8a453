//! Attempt counters.

use std::collections::HashMap;

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::{Digest32, Timestamp};
use crate::store::{StoreResult, ThrottlePolicy, ThrottleState, ThrottleStore, Verdict};

#[derive(Default)]
pub(super) struct Throttles {
    by_key: HashMap<Digest32, ThrottleState>,
    ends: Expiry<Digest32>,
}

impl Throttles {
    fn count(&mut self, key: Digest32, policy: &ThrottlePolicy, now: Timestamp) -> Verdict {
        let state = self.by_key.entry(key).or_default();
        let before = state.forget_at;
        let verdict = state.count(policy, now);
        let after = state.forget_at;
        self.ends.remove(before, key);
        self.ends.insert(after, key);
        verdict
    }

    fn remove(&mut self, key: &Digest32) {
        if let Some(state) = self.by_key.remove(key) {
            self.ends.remove(state.forget_at, *key);
        }
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let due = self.ends.due(now, limit, |_| true);
        for (_, key) in &due {
            self.remove(key);
        }
        due.len()
    }
}

#[async_trait]
impl ThrottleStore for MemoryStore {
    async fn count_and_check(
        &self,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict> {
        Ok(lock(&self.inner.throttles).count(*key, policy, now))
    }

    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()> {
        if let Some(state) = lock(&self.inner.throttles).by_key.get_mut(key) {
            state.count = state.count.saturating_sub(1);
        }
        Ok(())
    }

    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()> {
        lock(&self.inner.throttles).remove(key);
        Ok(())
    }
}
