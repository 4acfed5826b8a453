//! Messages for others.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{MessageId, OutboxKind, OutboxMessage, OutboxStore, StoreResult};

const MOST_TAKEN: usize = 500;

#[derive(Default)]
pub(super) struct Outbox {
    by_id: HashMap<MessageId, Entry>,
    /// Those that are not finished.
    due: BTreeSet<(OutboxKind, Timestamp, MessageId)>,
    ends: Expiry<MessageId>,
}

struct Entry {
    message: OutboxMessage,
    finished: bool,
}

fn place(message: &OutboxMessage) -> (OutboxKind, Timestamp, MessageId) {
    (message.kind, message.due_at, message.id.clone())
}

impl Outbox {
    fn put(&mut self, message: &OutboxMessage) {
        if self.by_id.contains_key(&message.id) {
            return;
        }
        self.due.insert(place(message));
        self.ends.insert(message.expires_at, message.id.clone());
        let entry = Entry {
            message: message.clone(),
            finished: false,
        };
        self.by_id.insert(message.id.clone(), entry);
    }

    fn take(
        &mut self,
        kind: OutboxKind,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Vec<OutboxMessage> {
        let first = (kind, Timestamp::from_millis(i64::MIN), MessageId::new(""));
        let due: Vec<_> = self
            .due
            .range(first..)
            .take_while(|(of, due_at, _)| *of == kind && *due_at <= now)
            .filter(|(.., id)| {
                let entry = self.by_id.get(id);
                entry.is_some_and(|entry| now < entry.message.expires_at)
            })
            .take(limit.min(MOST_TAKEN))
            .map(|(.., id)| id.clone())
            .collect();
        let mut taken = Vec::with_capacity(due.len());
        for id in due {
            if let Some(entry) = self.by_id.get_mut(&id) {
                self.due.remove(&place(&entry.message));
                entry.message.due_at = until;
                entry.message.attempts += 1;
                self.due.insert(place(&entry.message));
                taken.push(entry.message.clone());
            }
        }
        taken
    }

    fn finish(&mut self, id: &MessageId) -> bool {
        let Some(entry) = self.by_id.get_mut(id).filter(|entry| !entry.finished) else {
            return false;
        };
        entry.finished = true;
        entry.message.payload = Vec::new();
        self.due.remove(&place(&entry.message));
        true
    }

    fn delay(&mut self, id: &MessageId, due_at: Timestamp) {
        if let Some(entry) = self.by_id.get_mut(id).filter(|entry| !entry.finished) {
            self.due.remove(&place(&entry.message));
            entry.message.due_at = due_at;
            self.due.insert(place(&entry.message));
        }
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let ended = self.ends.due(now, limit, |_| true);
        for (end, id) in &ended {
            if let Some(entry) = self.by_id.remove(id) {
                self.due.remove(&place(&entry.message));
            }
            self.ends.remove(*end, id.clone());
        }
        ended.len()
    }
}

#[async_trait]
impl OutboxStore for MemoryStore {
    async fn put_messages(&self, messages: &[OutboxMessage]) -> StoreResult<()> {
        let mut outbox = lock(&self.inner.outbox);
        for message in messages {
            outbox.put(message);
        }
        Ok(())
    }

    async fn take_due(
        &self,
        kind: OutboxKind,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<OutboxMessage>> {
        Ok(lock(&self.inner.outbox).take(kind, now, until, limit as usize))
    }

    async fn finish_message(&self, id: &MessageId) -> StoreResult<bool> {
        Ok(lock(&self.inner.outbox).finish(id))
    }

    async fn delay_message(&self, id: &MessageId, due_at: Timestamp) -> StoreResult<()> {
        lock(&self.inner.outbox).delay(id, due_at);
        Ok(())
    }
}
