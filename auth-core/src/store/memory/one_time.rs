//! Single-use values.

use std::collections::HashMap;

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::{Digest32, Timestamp};
use crate::store::{Consumed, OneTimeKind, OneTimeStore, OneTimeValue, StoreError, StoreResult};

type Key = (OneTimeKind, Digest32);

#[derive(Default)]
pub(super) struct OneTimeValues {
    by_key: HashMap<Key, Entry>,
    ends: Expiry<Key>,
}

struct Entry {
    value: OneTimeValue,
    spent: bool,
}

impl Entry {
    /// From here on the entry decides nothing: unspent it is worthless once expired, spent it is remembered.
    fn end(&self) -> Timestamp {
        if self.spent {
            self.value.keep_until
        } else {
            self.value.expires_at
        }
    }
}

impl OneTimeValues {
    fn insert(&mut self, key: Key, entry: Entry) {
        self.ends.insert(entry.end(), key);
        self.by_key.insert(key, entry);
    }

    fn remove(&mut self, key: Key) {
        if let Some(entry) = self.by_key.remove(&key) {
            self.ends.remove(entry.end(), key);
        }
    }

    fn put(&mut self, value: &OneTimeValue) -> StoreResult<()> {
        let key = (value.kind, value.key);
        if self.by_key.contains_key(&key) {
            return Err(StoreError::Exists {
                record: "one-time value",
            });
        }
        self.insert(
            key,
            Entry {
                value: value.clone(),
                spent: false,
            },
        );
        Ok(())
    }

    fn peek(&self, key: Key, now: Timestamp) -> Option<OneTimeValue> {
        let entry = self.by_key.get(&key)?;
        (!entry.spent && now < entry.value.expires_at).then(|| entry.value.clone())
    }

    fn consume(&mut self, key: Key, now: Timestamp) -> Consumed {
        let Some(entry) = self.by_key.get_mut(&key) else {
            return Consumed::Absent;
        };
        if now >= entry.end() {
            return Consumed::Absent;
        }
        if entry.spent {
            return Consumed::Again(entry.value.clone());
        }
        let before = entry.end();
        entry.spent = true;
        let (after, value) = (entry.end(), entry.value.clone());
        self.ends.change(before, after, key);
        Consumed::First(value)
    }

    fn claim(&mut self, key: Key, now: Timestamp, keep_until: Timestamp) -> bool {
        if self.by_key.get(&key).is_some_and(|entry| now < entry.end()) {
            return false;
        }
        self.remove(key);
        self.insert(
            key,
            Entry {
                value: OneTimeValue {
                    kind: key.0,
                    key: key.1,
                    payload: Vec::new(),
                    expires_at: keep_until,
                    keep_until,
                },
                spent: true,
            },
        );
        true
    }

    fn is_claimed(&self, key: Key, now: Timestamp) -> bool {
        self.by_key
            .get(&key)
            .is_some_and(|entry| entry.spent && now < entry.end())
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let due = self.ends.due(now, limit, |_| true);
        for (_, key) in &due {
            self.remove(*key);
        }
        due.len()
    }
}

#[async_trait]
impl OneTimeStore for MemoryStore {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        lock(&self.inner.one_time).put(value)
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        Ok(lock(&self.inner.one_time).peek((kind, *key), now))
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        Ok(lock(&self.inner.one_time).consume((kind, *key), now))
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool> {
        Ok(lock(&self.inner.one_time).claim((kind, *key), now, keep_until))
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        Ok(lock(&self.inner.one_time).is_claimed((kind, *key), now))
    }
}
