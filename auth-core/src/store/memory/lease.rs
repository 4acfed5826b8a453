//! Leases.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{LeaseStore, StoreResult};

#[derive(Default)]
pub(super) struct Leases {
    held: HashMap<String, (String, Timestamp)>,
}

impl Leases {
    fn hold(&mut self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> bool {
        let others = self
            .held
            .get(name)
            .is_some_and(|(held_by, end)| held_by != holder && now < *end);
        if !others {
            self.held
                .insert(name.to_owned(), (holder.to_owned(), until));
        }
        !others
    }

    fn release(&mut self, name: &str, holder: &str) {
        self.held
            .retain(|held, (held_by, _)| held != name || held_by != holder);
    }
}

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn hold_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<bool> {
        Ok(lock(&self.inner.leases).hold(name, holder, now, until))
    }

    async fn release_lease(&self, name: &str, holder: &str) -> StoreResult<()> {
        lock(&self.inner.leases).release(name, holder);
        Ok(())
    }
}
