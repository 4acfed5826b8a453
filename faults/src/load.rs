//! Many people and their app, at several nodes at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinHandle;

use crate::worker::{Progress, Shared, Worker};
use crate::{Ledger, Node, until};

/// Workers that run whole flows until they are told to stop.
pub struct Load {
    ledger: Arc<Ledger>,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts so many workers, each a person with an account of their own.
    pub async fn start(nodes: &[Node], ledger: &Arc<Ledger>, workers: usize) -> Self {
        let shared = Arc::new(Shared::new(nodes, workers));
        let mut tasks = Vec::new();
        for index in 0..workers {
            let worker = Worker::new(ledger, &shared, index).await;
            tasks.push(tokio::spawn(worker.run()));
        }
        Self {
            ledger: Arc::clone(ledger),
            shared,
            tasks,
        }
    }

    /// Waits until every worker has completed so many rounds from now on.
    pub async fn complete(&mut self, rounds: u64) {
        self.advance("a round of every worker", |of| &of.rounds, rounds)
            .await;
    }

    /// Waits until every worker has been told to come later, from now on.
    pub async fn be_refused(&mut self) {
        self.advance("a 503 for every worker", |of| &of.unavailable, 1)
            .await;
    }

    async fn advance(&mut self, what: &str, counter: fn(&Progress) -> &AtomicU64, by: u64) {
        let read = |of: &Progress| counter(of).load(Ordering::SeqCst);
        let goals: Vec<u64> = self
            .shared
            .progress
            .iter()
            .map(|of| read(of) + by)
            .collect();
        let (shared, tasks) = (&self.shared, &mut self.tasks);
        until(what, async || {
            fail_with(tasks).await;
            let mut all = shared.progress.iter().zip(&goals);
            all.all(|(of, goal)| read(of) >= *goal)
        })
        .await;
    }

    /// Stops the workers, and holds what they were answered against the nodes.
    pub async fn settle(mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for task in self.tasks.drain(..) {
            task.await.expect("a worker that saw nothing wrong");
        }
        self.ledger.settle(&self.shared.nodes).await;
    }
}

/// A worker ends before it is told to when it saw what may not be.
async fn fail_with(tasks: &mut Vec<JoinHandle<()>>) {
    if let Some(index) = tasks.iter().position(JoinHandle::is_finished) {
        let task = tasks.swap_remove(index);
        task.await.expect("a worker that saw nothing wrong");
    }
}
