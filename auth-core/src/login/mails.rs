//! Mails, for who does not wait for the worker.

use super::LoginWing;
use crate::ground::Timestamp;
use crate::store::StoreResult;

impl LoginWing {
    /// Makes the attempts that are due at `now` to hand mails over, and returns how many it made. What the worker of
    /// this node had begun is done by then too.
    ///
    /// # Errors
    /// The store's, of reading what is due. A mail that is not taken is none: it is tried again.
    pub async fn deliver_mails(&self, now: Timestamp) -> StoreResult<usize> {
        self.core.deliver_mails(now).await
    }
}
