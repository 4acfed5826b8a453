//! Messages that must reach somebody else, whatever happens to the node that wrote them.

use async_trait::async_trait;

use super::{Backend, StoreResult, identifier};
use crate::ground::Timestamp;

identifier! {
    /// A message's id. Whoever says the same thing twice gives it the same id, and it is said once.
    MessageId
}

/// What a message is, and so who delivers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutboxKind {
    /// A client is told that a session ended (OpenID Connect Back-Channel Logout 1.0 §2.5).
    BackChannelLogout,
    /// A mail to a person.
    Mail,
}

impl OutboxKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::BackChannelLogout, Self::Mail];

    /// The kind's name in a store. Never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackChannelLogout => "backchannel_logout",
            Self::Mail => "mail",
        }
    }
}

/// A message that waits for its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Id.
    pub id: MessageId,
    /// What it is.
    pub kind: OutboxKind,
    /// What it says, sealed by the caller.
    pub payload: Vec<u8>,
    /// Written.
    pub created_at: Timestamp,
    /// How often it was taken.
    pub attempts: u32,
    /// From here on somebody should take it.
    pub due_at: Timestamp,
    /// From here on it is of no use: it is not taken any more, and forgotten.
    pub expires_at: Timestamp,
}

/// Messages for others. Each is delivered at least once, and mostly just once: a node that takes one and dies says
/// nothing of how far it came, so the message falls due again.
#[async_trait]
pub trait OutboxStore: Backend {
    /// Writes all of these, or none. One whose id is there stays as it is, also when it was finished: it is no error,
    /// and nothing is said twice, until it has expired and was pruned.
    async fn put_messages(&self, messages: &[OutboxMessage]) -> StoreResult<()>;

    /// Takes up to `limit` messages (500 at most) that are due at `now`, those longest due first. What is taken falls
    /// due again at `until`, with one more attempt, and is returned so. Of any number of takers at once, each message
    /// goes to one. Never takes one that expired or is finished.
    async fn take_due(
        &self,
        kind: OutboxKind,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<OutboxMessage>>;

    /// Nothing is to be done about this message any more. Its payload is gone; its id is remembered until the message
    /// expires. `true` for one caller, the first; `false` when it was finished before, or is not there.
    async fn finish_message(&self, id: &MessageId) -> StoreResult<bool>;

    /// Another attempt is to be made at `due_at`. Never brings back a finished message; one that is not there is no
    /// error.
    async fn delay_message(&self, id: &MessageId, due_at: Timestamp) -> StoreResult<()>;
}
