//! The record of what happened: written once, never changed, read by operators and by the people it is about.

use async_trait::async_trait;

use super::{Backend, ClientId, StoreResult, UserId, identifier};
use crate::ground::Timestamp;

identifier! {
    /// An audit record's id.
    AuditId
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Id, random.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// What: the event's name in snake case.
    pub event: String,
    /// Who did it, where that is known.
    pub actor: Option<UserId>,
    /// Whom it is about.
    pub subject: Option<UserId>,
    /// The organization it happened in.
    pub organization: Option<String>,
    /// The client that was involved.
    pub client: Option<ClientId>,
    /// The client's network address.
    pub address: Option<String>,
    /// The whole event as a JSON object, at most 8 KiB. Ids, never e-mail addresses or secrets.
    pub data: String,
    /// Kept until then.
    pub expires_at: Timestamp,
}

/// What to look for; what is `None` is not asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Done by.
    pub actor: Option<UserId>,
    /// About.
    pub subject: Option<UserId>,
    /// In.
    pub organization: Option<String>,
    /// Of this name.
    pub event: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Only what comes after this one in the order of answers: time and id of the last record of the page before.
    pub after: Option<(Timestamp, AuditId)>,
    /// At most so many; 1,000 at most.
    pub limit: u32,
}

/// The audit table.
#[async_trait]
pub trait AuditStore: Backend {
    /// Writes these records, all or none. One whose id is there stays as it is: a writer that does not know whether it
    /// was heard says it again.
    async fn append_audit(&self, records: &[AuditRecord]) -> StoreResult<()>;

    /// What matches, the newest first, equal times by descending id. Pages follow from [`AuditQuery::after`] without
    /// gap or repetition, also while records are written.
    async fn audit(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>>;
}
