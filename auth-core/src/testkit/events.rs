//! A sink that keeps what happened.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::services::{Event, EventRecord, EventSink};

/// Keeps every event in order. Clones share what they keep.
#[derive(Clone, Debug, Default)]
pub struct CapturedEvents(Arc<Mutex<Vec<EventRecord>>>);

impl CapturedEvents {
    /// What happened so far.
    pub fn all(&self) -> Vec<Event> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().map(|record| record.event.clone()).collect()
    }
}

#[async_trait]
impl EventSink for CapturedEvents {
    async fn receive(&self, record: &EventRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(record.clone());
    }
}
