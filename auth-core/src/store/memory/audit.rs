//! What happened.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{AuditId, AuditQuery, AuditRecord, AuditStore, StoreResult};

const MOST_READ: usize = 1_000;

/// Memory is no place for an archive: beyond these the oldest go.
const MOST_KEPT: usize = 100_000;

type Key = (Timestamp, AuditId);

#[derive(Default)]
pub(super) struct Audit {
    records: BTreeMap<Key, AuditRecord>,
    ids: HashSet<AuditId>,
    ends: Expiry<Key>,
}

fn matches(query: &AuditQuery, record: &AuditRecord) -> bool {
    fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
        wanted.is_none() || wanted == found
    }
    is(query.actor.as_ref(), record.actor.as_ref())
        && is(query.subject.as_ref(), record.subject.as_ref())
        && is(query.organization.as_ref(), record.organization.as_ref())
        && is(query.event.as_ref(), Some(&record.event))
        && query.since.is_none_or(|since| since <= record.at)
        && query.until.is_none_or(|until| record.at < until)
}

impl Audit {
    fn append(&mut self, record: &AuditRecord) {
        if !self.ids.insert(record.id.clone()) {
            return;
        }
        let key = (record.at, record.id.clone());
        self.ends.insert(record.expires_at, key.clone());
        self.records.insert(key, record.clone());
        let oldest = self.records.first_key_value();
        if let Some((key, oldest)) = oldest.filter(|_| self.records.len() > MOST_KEPT) {
            let (key, end) = (key.clone(), oldest.expires_at);
            self.forget(end, key);
        }
    }

    fn forget(&mut self, end: Timestamp, key: Key) {
        self.records.remove(&key);
        self.ids.remove(&key.1);
        self.ends.remove(end, key);
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let ended = self.ends.due(now, limit, |_| true);
        let count = ended.len();
        for (end, key) in ended {
            self.forget(end, key);
        }
        count
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append_audit(&self, records: &[AuditRecord]) -> StoreResult<()> {
        let mut audit = lock(&self.inner.audit);
        for record in records {
            audit.append(record);
        }
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>> {
        let audit = lock(&self.inner.audit);
        let after = |key: &Key| query.after.as_ref().is_none_or(|after| key < after);
        let found = audit.records.iter().rev();
        Ok(found
            .filter(|(key, record)| after(key) && matches(query, record))
            .take(MOST_READ.min(query.limit as usize))
            .map(|(_, record)| record.clone())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_beyond_the_most() {
        let mut audit = Audit::default();
        let most = i64::try_from(MOST_KEPT).unwrap_or_default();
        for number in 0..most + 5 {
            let record = AuditRecord {
                id: AuditId::new(number.to_string()),
                at: Timestamp::from_millis(number),
                event: String::new(),
                actor: None,
                subject: None,
                organization: None,
                client: None,
                address: None,
                data: String::new(),
                expires_at: Timestamp::from_millis(most * 2),
            };
            audit.append(&record);
        }
        assert_eq!(audit.records.len(), MOST_KEPT);
        assert_eq!(audit.ids.len(), MOST_KEPT);
        let oldest = audit.records.first_key_value().map(|(key, _)| key.0);
        assert_eq!(oldest, Some(Timestamp::from_millis(5)));
        let late = Timestamp::from_millis(most * 2);
        assert_eq!(audit.prune(late, usize::MAX), MOST_KEPT);
        assert!(audit.records.is_empty() && audit.ids.is_empty());
    }
}
