//! A short transaction.

use std::sync::Arc;

use auth_core::store::{StoreError, StoreResult};
use sea_orm::{DbBackend, Statement};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Run;
use super::failure::{Cause, Failure};
use super::link::{Answer, How, Link};

/// A transaction that runs: the handle that its work is given. When the last is dropped, it is rolled back.
pub(crate) struct Transaction {
    backend: DbBackend,
    // Never contended: who began it waits for the work that runs in it.
    running: Arc<Mutex<Running>>,
}

struct Running {
    link: Link,
    deadline: Instant,
    undo: bool,
    /// Why it has to be run again.
    again: Option<Failure>,
}

impl Transaction {
    pub(super) fn new(backend: DbBackend, link: Link, deadline: Instant) -> Self {
        let running = Running {
            link,
            deadline,
            undo: false,
            again: None,
        };
        Self {
            backend,
            running: Arc::new(Mutex::new(running)),
        }
    }

    /// For its work.
    pub(super) fn handle(&self) -> Self {
        Self {
            backend: self.backend,
            running: Arc::clone(&self.running),
        }
    }

    /// Nothing of it shall stand, though it is answered.
    pub(crate) async fn undo(&mut self) {
        self.running.lock().await.undo = true;
    }

    /// Another transaction was faster, and what was read before it is worth nothing: all of it again. The error is to
    /// be handed up.
    pub(crate) async fn again(&mut self) -> StoreError {
        let why = "other transactions were faster every time";
        self.running.lock().await.again = Some(Failure::other(why));
        StoreError::unavailable(why)
    }

    /// Ends it: the answer, or why all of it has to be done again.
    pub(super) async fn end<T>(self, answer: StoreResult<T>) -> Result<StoreResult<T>, Failure> {
        self.running.lock().await.end(answer).await
    }
}

impl Running {
    async fn end<T>(&mut self, answer: StoreResult<T>) -> Result<StoreResult<T>, Failure> {
        if answer.is_ok() && !self.undo {
            let committed = self.link.commit(self.deadline).await;
            return match self.watched(committed) {
                Ok(()) => Ok(answer),
                Err(failure) if failure.cause == Cause::Again => Err(failure),
                Err(failure) => Ok(Err(failure.into_store_error("transaction"))),
            };
        }
        let again = self.again.take();
        // When this fails the connection is closed, which rolls back too.
        let _ = self.link.roll_back(self.deadline).await;
        match again {
            Some(again) if answer.is_err() => Err(again),
            _ => Ok(answer),
        }
    }

    /// Looks at an outcome on its way.
    fn watched<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if matches!(&outcome, Err(failure) if failure.cause == Cause::Again) {
            self.again = Some(Failure::other("the database undid it every time"));
        }
        outcome
    }
}

impl Run for Transaction {
    fn backend(&self) -> DbBackend {
        self.backend
    }

    async fn run(&mut self, statement: Statement, how: How) -> Result<Answer, Failure> {
        let mut running = self.running.lock().await;
        let deadline = running.deadline;
        let answer = running.link.run(&statement, how, deadline).await;
        running.watched(answer)
    }
}
