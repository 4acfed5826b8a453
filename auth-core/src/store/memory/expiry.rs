//! Rows in order of their end, for pruning without a scan.

use std::collections::BTreeSet;

use crate::ground::Timestamp;

pub(super) struct Expiry<K> {
    ends: BTreeSet<(Timestamp, K)>,
}

impl<K: Ord> Default for Expiry<K> {
    fn default() -> Self {
        Self {
            ends: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone> Expiry<K> {
    pub(super) fn insert(&mut self, end: Timestamp, key: K) {
        self.ends.insert((end, key));
    }

    pub(super) fn remove(&mut self, end: Timestamp, key: K) {
        self.ends.remove(&(end, key));
    }

    pub(super) fn change(&mut self, from: Timestamp, to: Timestamp, key: K) {
        if from != to {
            self.ends.remove(&(from, key.clone()));
            self.ends.insert((to, key));
        }
    }

    /// Keys whose end is `now` or before, the longest due first, at most `limit`, of those that `may_go`.
    pub(super) fn due(
        &self,
        now: Timestamp,
        limit: usize,
        may_go: impl Fn(&K) -> bool,
    ) -> Vec<(Timestamp, K)> {
        self.ends
            .iter()
            .take_while(|(end, _)| *end <= now)
            .filter(|(_, key)| may_go(key))
            .take(limit)
            .cloned()
            .collect()
    }
}
