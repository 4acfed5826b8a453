//! What happened.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{AuditId, AuditQuery, AuditRecord, AuditStore, StoreResult};

const MOST_READ: usize = 1_000;

type Key = (Timestamp, AuditId);

#[derive(Default)]
pub(super) struct Audit {
    records: BTreeMap<Key, AuditRecord>,
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
        let key = (record.at, record.id.clone());
        if !self.records.contains_key(&key) {
            self.ends.insert(record.expires_at, key.clone());
            self.records.insert(key, record.clone());
        }
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let ended = self.ends.due(now, limit, |_| true);
        for (end, key) in &ended {
            self.records.remove(key);
            self.ends.remove(*end, key.clone());
        }
        ended.len()
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
