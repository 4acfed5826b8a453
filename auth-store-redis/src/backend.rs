//! What the store says of itself.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{Backend, Reach, StoreResult};

use crate::RedisStore;

#[async_trait]
impl Backend for RedisStore {
    fn reach(&self) -> Reach {
        Reach::Shared
    }

    /// Removes nothing: every key carries its own expiry.
    async fn prune(&self, _now: Timestamp, _limit: u32) -> StoreResult<u64> {
        Ok(0)
    }
}
