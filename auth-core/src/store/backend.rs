//! What every store says and does, whatever it holds.

use async_trait::async_trait;

use super::StoreResult;
use crate::ground::Timestamp;

/// How far what a store keeps can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every node that opens the same store sees the same records.
    Shared,
    /// One node alone. Where there are several, each would have a truth of its own, so `build()` refuses such a store
    /// when the host says `clustered`. Carries what the store is, for that message: `"a SQLite file"`.
    Node(&'static str),
}

/// A store, whatever it holds.
#[async_trait]
pub trait Backend: Send + Sync {
    /// How far what it keeps can be seen. Must never say [`Reach::Shared`] of what another node cannot see.
    fn reach(&self) -> Reach;

    /// Removes at most `limit` rows that no verb can need at `now` or later, and returns how many.
    /// May run on several nodes at once. Must never remove a row that still decides something: a consumed
    /// value before its `keep_until`, a rotated refresh token before its own `expires_at`, nor its successor before
    /// then. Must never hold a lock for long: a large `limit` is worked off in short steps. A store whose rows end by
    /// themselves removes none here.
    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64>;
}
