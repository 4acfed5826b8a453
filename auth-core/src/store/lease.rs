//! Work that one node at a time does.

use async_trait::async_trait;

use super::{Backend, StoreResult};
use crate::ground::Timestamp;

/// Leases: a name, who holds it, until when. For work that may run twice but need not, such as pruning; never for what
/// must not happen twice, since a holder can stall past its lease.
#[async_trait]
pub trait LeaseStore: Backend {
    /// Takes the lease `name` for `holder` until `until`, or keeps it: `true` when nobody held it at `now`, or `holder`
    /// did. Of any number of holders at once, one gets it.
    async fn hold_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<bool>;

    /// Gives the lease back, if `holder` holds it.
    async fn release_lease(&self, name: &str, holder: &str) -> StoreResult<()>;
}
