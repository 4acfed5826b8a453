//! The provider's signing keys.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{SigningKeyRecord, SigningKeyStore, StoreError, StoreResult};

// A handful of rows: the order of the map is the order of the answer.
#[derive(Default)]
pub(super) struct SigningKeys {
    keys: BTreeMap<(String, u32), SigningKeyRecord>,
}

impl SigningKeys {
    fn add(&mut self, key: &SigningKeyRecord, previous_retired_at: Timestamp) -> StoreResult<bool> {
        let mut of_algorithm = self
            .keys
            .values()
            .filter(|stored| stored.algorithm == key.algorithm);
        // Later generations count too: a number that was pruned is not free again.
        if of_algorithm.any(|stored| stored.generation >= key.generation) {
            return Ok(false);
        }
        if self.keys.values().any(|stored| stored.kid == key.kid) {
            return Err(StoreError::Exists {
                record: "signing key",
            });
        }
        let previous = key
            .generation
            .checked_sub(1)
            .and_then(|generation| self.keys.get_mut(&(key.algorithm.clone(), generation)));
        if let Some(previous) = previous {
            previous.retired_at = Some(previous_retired_at);
        }
        self.keys
            .insert((key.algorithm.clone(), key.generation), key.clone());
        Ok(true)
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let due: Vec<_> = self
            .keys
            .iter()
            .filter(|(_, key)| key.retired_at.is_some_and(|end| end <= now))
            .map(|(at, _)| at.clone())
            .take(limit)
            .collect();
        for at in &due {
            self.keys.remove(at);
        }
        due.len()
    }
}

#[async_trait]
impl SigningKeyStore for MemoryStore {
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKeyRecord>> {
        Ok(lock(&self.inner.signing_keys)
            .keys
            .values()
            .cloned()
            .collect())
    }

    async fn add_signing_key(
        &self,
        key: &SigningKeyRecord,
        previous_retired_at: Timestamp,
    ) -> StoreResult<bool> {
        lock(&self.inner.signing_keys).add(key, previous_retired_at)
    }

    async fn reseal_signing_key(&self, kid: &str, sealed_private_key: &[u8]) -> StoreResult<()> {
        let mut keys = lock(&self.inner.signing_keys);
        if let Some(key) = keys.keys.values_mut().find(|key| key.kid == kid) {
            key.sealed_private_key = sealed_private_key.to_vec();
        }
        Ok(())
    }
}
