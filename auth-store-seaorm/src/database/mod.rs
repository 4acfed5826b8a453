//! Talking to the database: within the time of a verb, on a connection that is well, again when the database says so.

mod dialect;
mod failure;
mod link;
mod pause;
mod pool;
mod run;
#[cfg(test)]
pub(crate) mod seen;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth_core::store::{Reach, StoreResult};
pub(crate) use dialect::{Count, Dialect, Field, MOST_KEYS};
#[cfg(feature = "sqlite")]
pub(crate) use failure::is_busy;
use failure::{Cause, Failure};
pub(crate) use link::How;
use link::{Answer, Link};
use pause::Pause;
pub(crate) use pool::Pool;
pub(crate) use run::Run;
use sea_orm::{DatabaseConnection, DbBackend, Statement};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};
pub(crate) use transaction::Transaction;

pub(crate) struct Database {
    pool: Pool,
    backend: DbBackend,
    timeout: Duration,
    /// Whether the pool is ours alone: then we may throw its connections away.
    own_pool: bool,
    /// Counts how often that was done, so that one trouble leads to it once.
    generation: AtomicU64,
    /// As many as the pool has connections: who has one knows whether there is time to open a connection. A verb that
    /// begins too late leaves a half-open one behind, at a server that is slow already, and so does the next in line.
    places: Option<Arc<Semaphore>>,
    /// SQLite has one writer at a time, and who waits for its lock polls. Here they wait in order instead.
    turns: Option<Semaphore>,
    /// Wakes this process's watches of ended sessions.
    pub(crate) ended: watch::Sender<()>,
    #[cfg(test)]
    pub(crate) seen: seen::Seen,
}

impl Database {
    pub(crate) fn new(connection: &DatabaseConnection, timeout: Duration, own_pool: bool) -> Self {
        let backend = connection.get_database_backend();
        let pool = Pool::of(connection);
        // A host uses a pool of its own too, so that its places are not ours to count.
        let places = pool.places().filter(|_| own_pool);
        Self {
            places: places.map(|places| Arc::new(Semaphore::new(places as usize))),
            pool,
            backend,
            timeout,
            own_pool,
            generation: AtomicU64::new(0),
            turns: (backend == DbBackend::Sqlite).then(|| Semaphore::new(1)),
            ended: watch::Sender::new(()),
            #[cfg(test)]
            seen: seen::Seen::default(),
        }
    }

    pub(crate) fn reach(&self) -> Reach {
        self.pool.reach()
    }

    /// Begins the time of a verb.
    pub(crate) fn verb(self: &Arc<Self>) -> Verb {
        Verb {
            db: Arc::clone(self),
            deadline: Instant::now() + self.timeout,
        }
    }

    /// A connection of this generation was lost. Those that wait in the pool are most likely lost too (a restart, a
    /// fail-over, a firewall that forgot them), and the verbs to come should not have to find out one by one.
    fn lost(&self, generation: u64) {
        let next = generation.wrapping_add(1);
        let first =
            self.generation
                .compare_exchange(generation, next, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.drop_idle();
        }
    }

    fn drop_idle(&self) {
        if self.own_pool {
            self.pool.drop_idle();
        }
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// One call of a verb: whatever it does, it ends within its time.
pub(crate) struct Verb {
    db: Arc<Database>,
    deadline: Instant,
}

impl Verb {
    /// Whether at least half of the time is left: enough to begin another step of a long work.
    pub(crate) fn has_time(&self) -> bool {
        Instant::now() + self.db.timeout / 2 < self.deadline
    }

    async fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, Failure> {
        let Some(turns) = &self.db.turns else {
            return Ok(None);
        };
        let turn = timeout_at(self.deadline, turns.acquire()).await;
        let turn = turn.map_err(|_| Failure::too_late("its turn to write"))?;
        Ok(Some(turn.map_err(Failure::other)?))
    }

    async fn take(&self) -> Result<Link, Failure> {
        let late = || Failure::too_late("a connection");
        let take = async {
            let place = match &self.db.places {
                Some(places) => Some(Arc::clone(places).acquire_owned().await),
                None => None,
            };
            let place = place.transpose().map_err(Failure::other)?;
            if place.is_some() && !self.has_time() && !self.db.pool.has_idle() {
                return Err(late());
            }
            Link::take(&self.db, place).await
        };
        timeout_at(self.deadline, take)
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    /// Runs one statement by itself. Again when the database undid it; once more on another connection when this one
    /// turned out to be lost and the statement changes nothing: whether a change was made nobody can say.
    async fn alone(&self, statement: &Statement, how: How) -> Result<Answer, Failure> {
        let mut pause = Pause::default();
        let mut spare = matches!(how, How::Read | How::ReadOne);
        loop {
            let _turn = match how {
                How::Read | How::ReadOne => None,
                How::Change | How::Execute => self.turn().await?,
            };
            let mut link = self.take().await?;
            let tried = Instant::now();
            let failure = match link.run(statement, how, self.deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            drop(link);
            match failure.cause {
                Cause::Lost => {
                    if !std::mem::take(&mut spare) || Instant::now() >= self.deadline {
                        return Err(failure);
                    }
                }
                Cause::Again => pause.wait(self.deadline, tried, failure).await?,
                Cause::Taken | Cause::Other => return Err(failure),
            }
        }
    }

    /// Begins a transaction. A lost connection is replaced once: before a transaction nothing was written.
    async fn begin(&self) -> Result<Transaction, Failure> {
        let mut spare = true;
        loop {
            let mut link = self.take().await?;
            let Err(failure) = link.begin(self.deadline).await else {
                return Ok(Transaction::new(self.db.backend, link, self.deadline));
            };
            drop(link);
            if failure.cause != Cause::Lost || !std::mem::take(&mut spare) {
                return Err(failure);
            }
        }
    }

    /// Runs `work` in a transaction, and again when the database undid it. It is committed when `work` answers, unless
    /// it asked to [undo](Transaction::undo) it, and rolled back when `work` fails.
    pub(crate) async fn transact<T, F>(
        &self,
        record: &'static str,
        work: impl Fn(Transaction) -> F,
    ) -> StoreResult<T>
    where
        F: Future<Output = StoreResult<T>>,
    {
        let failed = |failure: Failure| failure.into_store_error(record);
        let mut pause = Pause::default();
        loop {
            // Held until the transaction has ended.
            let _turn = self.turn().await.map_err(failed)?;
            let tried = Instant::now();
            let again = match self.begin().await {
                Ok(transaction) => {
                    let answer = work(transaction.handle()).await;
                    match transaction.end(answer).await {
                        Ok(answer) => return answer,
                        Err(again) => again,
                    }
                }
                Err(failure) if failure.cause == Cause::Again => failure,
                Err(failure) => return Err(failed(failure)),
            };
            let waited = pause.wait(self.deadline, tried, again).await;
            waited.map_err(failed)?;
        }
    }
}

impl Run for Verb {
    fn backend(&self) -> DbBackend {
        self.db.backend
    }

    async fn run(&mut self, statement: Statement, how: How) -> Result<Answer, Failure> {
        self.alone(&statement, how).await
    }
}
