//! Keeps events: every one becomes a record in the store, without a request that waits for it.
//!
//! An event gets its id and its place in a queue when it happens. Whatever waits is written in batches, and again with
//! growing pauses while the store is away: the ids stay, so what is said twice is kept once. What waits when a process
//! is killed is lost, and when the queue is full what comes is, loudly; the log has each event all the same.

mod record;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use self::sample::Sample;
use super::{EventRecord, EventSink};
use crate::ground::{Random, Timestamp};
use crate::store::{AuditId, AuditQuery, AuditRecord, AuditStore, StoreError, StoreResult};

/// Records that wait at most: a few megabytes, and many minutes of a store that is away.
pub(crate) const MOST_WAITING: usize = 10_000;
/// Records in one write.
const BATCH: usize = 200;
/// Most records of one page; the store gives no more.
const MOST_READ: u32 = 1_000;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Some records, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// What matches.
    pub records: Vec<AuditRecord>,
    /// To be the [`after`](AuditQuery::after) of the query for the next page; `None` on the last one.
    pub next: Option<(Timestamp, AuditId)>,
}

impl AuditPage {
    /// Reads a page. What was emitted a moment ago may not be written yet.
    pub(crate) async fn read(store: &dyn AuditStore, query: &AuditQuery) -> StoreResult<Self> {
        let limit = query.limit.min(MOST_READ);
        // One more than is shown tells whether there is another page, where the store gives as many.
        let wanted = AuditQuery {
            limit: limit + 1,
            ..query.clone()
        };
        let mut records = store.audit(&wanted).await?;
        let is_full = limit > 0 && records.len() > limit.min(MOST_READ - 1) as usize;
        records.truncate(limit as usize);
        let last = records.last().filter(|_| is_full);
        let next = last.map(|last| (last.at, last.id.clone()));
        Ok(Self { records, next })
    }
}

/// Writes events to [`AuditStore`]. On by default; see [`AuthBuilder::audit`](crate::auth::AuthBuilder::audit).
pub struct AuditSink {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn AuditStore>,
    random: Arc<dyn Random>,
    keep: Duration,
    queue: Mutex<Queue>,
    sample: Mutex<Sample>,
    /// One batch at a time is on its way, so the front of the queue stays what it was.
    writing: tokio::sync::Mutex<()>,
    wake: Notify,
    closed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<AuditRecord>,
    /// How many were let in, and how many of them have left.
    entered: u64,
    left: u64,
    dropped: u64,
}

impl AuditSink {
    /// A sink whose records are kept for so long. Nothing is written before it is [started](Self::start) or
    /// [flushed](Self::flush).
    pub fn new(store: Arc<dyn AuditStore>, random: Arc<dyn Random>, keep: Duration) -> Self {
        let shared = Shared {
            store,
            random,
            keep,
            queue: Mutex::default(),
            sample: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            closed: AtomicBool::new(false),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Writes in the background until the sink is dropped, and then what is left.
    pub fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::warn!("no tokio runtime: events are kept by Auth::flush_audit alone");
            return;
        };
        runtime.spawn(Arc::clone(&self.shared).work());
    }

    /// Returns once everything that was emitted before this call is written.
    ///
    /// # Errors
    /// The store's. Nothing is lost then: it goes on waiting, and is tried again.
    pub async fn flush(&self) -> StoreResult<()> {
        let until = self.shared.queue().entered;
        while self.shared.queue().left < until {
            self.shared.write_some().await?;
        }
        Ok(())
    }
}

impl Drop for AuditSink {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }
}

#[async_trait]
impl EventSink for AuditSink {
    async fn receive(&self, event: &EventRecord) {
        if !record::is_kept(&event.event) || !self.shared.is_in_sample(event) {
            return;
        }
        let id = AuditId::new(self.shared.random.id());
        let record = record::of(event, id, self.shared.keep);
        self.shared.enter(record);
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_in_sample(&self, event: &EventRecord) -> bool {
        if !record::is_sampled(&event.event) {
            return true;
        }
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        sample.takes(event)
    }

    fn enter(&self, record: AuditRecord) {
        let mut queue = self.queue();
        if queue.waiting.len() < MOST_WAITING {
            queue.waiting.push_back(record);
            queue.entered += 1;
            drop(queue);
            self.wake.notify_one();
            return;
        }
        queue.dropped += 1;
        let dropped = queue.dropped;
        drop(queue);
        // Often enough to be seen, and no flood of its own.
        if dropped.is_power_of_two() || dropped.is_multiple_of(1_000) {
            let event = record.event.as_str();
            tracing::error!(
                dropped,
                event,
                "the audit's queue is full: events are lost to it, and stand in the log alone"
            );
        }
    }

    async fn work(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.write_some().await {
                Ok(0) if self.closed.load(Ordering::Acquire) => return,
                Ok(0) => {
                    self.wake.notified().await;
                    continue;
                }
                Ok(_) => {
                    pause = FIRST_PAUSE;
                    continue;
                }
                Err(error) => error,
            };
            let closed = self.closed.load(Ordering::Acquire);
            self.tell_failure(&error, closed);
            if closed {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn tell_failure(&self, error: &StoreError, is_the_end: bool) {
        let waiting = self.queue().waiting.len();
        let error = error as &dyn std::error::Error;
        if is_the_end {
            tracing::error!(error, waiting, "events were not written to the audit");
        } else {
            tracing::warn!(
                error,
                waiting,
                "events could not be written to the audit; trying again"
            );
        }
    }

    /// Writes what waits longest; how many that were.
    async fn write_some(&self) -> StoreResult<usize> {
        let _turn = self.writing.lock().await;
        let batch: Vec<_> = self.queue().waiting.iter().take(BATCH).cloned().collect();
        if batch.is_empty() {
            return Ok(0);
        }
        self.append(&batch).await?;
        let mut queue = self.queue();
        queue.waiting.drain(..batch.len());
        queue.left += batch.len() as u64;
        Ok(batch.len())
    }

    async fn append(&self, batch: &[AuditRecord]) -> StoreResult<()> {
        match self.store.append_audit(batch).await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::Unavailable(_)) => return Err(error),
            Err(_) => {}
        }
        // One record that cannot be kept must not stand in the way of all that come after it.
        for record in batch {
            match self.store.append_audit(std::slice::from_ref(record)).await {
                Ok(()) => {}
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(error) => {
                    let (error, event) = (&error as &dyn std::error::Error, record.event.as_str());
                    tracing::error!(error, event, "the audit's store refused an event");
                }
            }
        }
        Ok(())
    }
}
