//! Pruning, which Redis does by itself.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{Prune, StoreResult};

use crate::RedisStore;

#[async_trait]
impl Prune for RedisStore {
    /// Removes nothing: every key carries its own expiry.
    async fn prune(&self, _now: Timestamp, _limit: u32) -> StoreResult<u64> {
        Ok(0)
    }
}
