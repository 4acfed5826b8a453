//! OAuth clients.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::store::{Client, ClientChange, ClientId, ClientStore, StoreError, StoreResult};

#[derive(Default)]
pub(super) struct Clients {
    by_id: BTreeMap<ClientId, Arc<Client>>,
}

impl Clients {
    fn page(&self, after: Option<&ClientId>, limit: u32) -> Vec<Arc<Client>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id
            .range::<ClientId, _>((start, Bound::Unbounded))
            .take(limit as usize)
            .map(|(_, client)| Arc::clone(client))
            .collect()
    }
}

#[async_trait]
impl ClientStore for MemoryStore {
    async fn insert_client(&self, client: &Client) -> StoreResult<()> {
        match lock(&self.inner.clients)
            .by_id
            .entry(client.client_id.clone())
        {
            Entry::Occupied(_) => Err(StoreError::Exists { record: "client" }),
            Entry::Vacant(entry) => {
                entry.insert(Arc::new(client.clone()));
                Ok(())
            }
        }
    }

    async fn client(&self, id: &ClientId) -> StoreResult<Option<Client>> {
        // The copy is made after the lock is gone: every request of the provider comes through here.
        let found = lock(&self.inner.clients).by_id.get(id).cloned();
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn update_client(&self, client: &Client) -> StoreResult<ClientChange> {
        match lock(&self.inner.clients).by_id.get_mut(&client.client_id) {
            Some(stored) if Some(stored.version) == client.version.checked_sub(1) => {
                *stored = Arc::new(client.clone());
                Ok(ClientChange::Updated)
            }
            _ => Ok(ClientChange::Stale),
        }
    }

    async fn delete_client(&self, id: &ClientId) -> StoreResult<bool> {
        Ok(lock(&self.inner.clients).by_id.remove(id).is_some())
    }

    async fn clients(&self, after: Option<&ClientId>, limit: u32) -> StoreResult<Vec<Client>> {
        let page = lock(&self.inner.clients).page(after, limit);
        Ok(page.into_iter().map(Arc::unwrap_or_clone).collect())
    }
}
