//! One connection of the pool, while it is in use.

use std::convert::Infallible;
use std::sync::Arc;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use std::time::Duration;

use sea_orm::sea_query::Values;
use sea_orm::{QueryResult, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::AssertSqlSafe;
use sqlx::database::HasStatementCache;
use sqlx::pool::PoolConnection;
use sqlx_core::transaction::TransactionManager as _;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use tokio::time::timeout;
use tokio::time::{Instant, timeout_at};

use super::Database;
use super::failure::{Cause, Failure};

/// Longest wait for a connection to say that it is well when it is given back.
#[cfg(any(feature = "postgres", feature = "mysql"))]
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// With more values than this a statement is hardly ever sent twice, so no connection keeps it prepared.
const MOST_PREPARED: usize = 64;

/// A connection, whichever driver's.
pub(crate) enum Wire {
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "mysql")]
    MySql(PoolConnection<sqlx::MySql>),
    /// In a build without any driver.
    #[expect(
        dead_code,
        reason = "never made: it keeps a match complete when there is no driver"
    )]
    None(Infallible),
}

/// Does the same on the connection of each driver.
macro_rules! on {
    ($wire:expr, $connection:ident => $do:expr) => {
        match $wire {
            #[cfg(feature = "sqlite")]
            Wire::Sqlite($connection) => $do,
            #[cfg(feature = "postgres")]
            Wire::Postgres($connection) => $do,
            #[cfg(feature = "mysql")]
            Wire::MySql($connection) => $do,
            Wire::None(never) => match *never {},
        }
    };
}

/// What is expected of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It changes nothing and answers with rows.
    Read,
    /// It changes nothing, and the first row is the answer.
    ReadOne,
    /// It changes rows and answers with some.
    Change,
    /// It changes rows.
    Execute,
}

/// What a statement did.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<QueryResult>,
    /// How many rows it met, if it answered with none.
    pub(crate) touched: u64,
    /// `LAST_INSERT_ID()`, which only MySQL has.
    pub(crate) last_insert_id: u64,
}

impl Answer {
    fn of(rows: Vec<QueryResult>) -> Self {
        Self {
            rows,
            ..Self::default()
        }
    }

    fn done(touched: u64, last_insert_id: u64) -> Self {
        Self {
            touched,
            last_insert_id,
            ..Self::default()
        }
    }
}

/// A connection in use. Dropped in the middle of something it is closed, not given back: what the server still sends
/// would be taken for the answer to the next statement.
pub(crate) struct Link {
    wire: Option<Wire>,
    home: Arc<Database>,
    /// Kept until the connection is back in its pool, so that who has it next finds the connection there.
    #[cfg_attr(
        all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
        expect(dead_code, reason = "there is none for SQLite")
    )]
    place: Option<OwnedSemaphorePermit>,
    /// When it was taken, in the count of [`Database::lost`].
    generation: u64,
    clean: bool,
    in_transaction: bool,
}

impl Link {
    pub(super) async fn take(
        home: &Arc<Database>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Self, Failure> {
        let generation = home.generation();
        Ok(Self {
            wire: Some(home.pool.acquire().await?),
            home: Arc::clone(home),
            place,
            generation,
            clean: true,
            in_transaction: false,
        })
    }

    /// Runs one step on the connection, which is of no more use when the step did not end well in time.
    async fn step<T>(
        &mut self,
        deadline: Instant,
        step: impl AsyncFnOnce(&mut Wire) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Some(wire) = self.wire.as_mut().filter(|_| self.clean) else {
            return Err(Failure::lost("the connection failed before"));
        };
        self.clean = false;
        let answer = timeout_at(deadline, step(wire))
            .await
            .unwrap_or_else(|_| Err(Failure::lost("the database did not answer in time")));
        self.clean = !matches!(&answer, Err(failure) if failure.cause == Cause::Lost);
        if !self.clean {
            self.home.lost(self.generation);
        }
        answer
    }

    pub(crate) async fn run(
        &mut self,
        statement: &Statement,
        how: How,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        #[cfg(test)]
        self.home.seen.note(statement);
        let run = async |wire: &mut Wire| match (how, wire) {
            // SQLite's driver sends each row, and the end, from another thread: who wants one row does not wait for more.
            (How::ReadOne, wire) => on!(wire, connection => {
                let row = query(statement).fetch_optional(&mut **connection).await?;
                Ok(Answer::of(row.into_iter().map(QueryResult::from).collect()))
            }),
            // All rows are read: only then has SQLite committed, and the line is free again.
            (How::Read | How::Change, wire) => on!(wire, connection => {
                let rows = query(statement).fetch_all(&mut **connection).await?;
                Ok(Answer::of(rows.into_iter().map(QueryResult::from).collect()))
            }),
            #[cfg(feature = "sqlite")]
            (How::Execute, Wire::Sqlite(connection)) => {
                let done = query(statement).execute(&mut **connection).await?;
                Ok(Answer::done(done.rows_affected(), 0))
            }
            #[cfg(feature = "postgres")]
            (How::Execute, Wire::Postgres(connection)) => {
                let done = query(statement).execute(&mut **connection).await?;
                Ok(Answer::done(done.rows_affected(), 0))
            }
            #[cfg(feature = "mysql")]
            (How::Execute, Wire::MySql(connection)) => {
                let done = query(statement).execute(&mut **connection).await?;
                Ok(Answer::done(done.rows_affected(), done.last_insert_id()))
            }
            (How::Execute, Wire::None(never)) => match *never {},
        };
        self.step(deadline, run).await
    }

    /// Begins a transaction. On SQLite it takes the write lock, so that what it reads cannot grow old.
    pub(crate) async fn begin(&mut self, deadline: Instant) -> Result<(), Failure> {
        #[cfg(test)]
        self.home.seen.note_sql(self.home.backend, "BEGIN");
        let run = async |wire: &mut Wire| match wire {
            #[cfg(feature = "sqlite")]
            Wire::Sqlite(connection) => begin(connection, Some("BEGIN IMMEDIATE")).await,
            #[cfg(feature = "postgres")]
            Wire::Postgres(connection) => begin(connection, None).await,
            #[cfg(feature = "mysql")]
            Wire::MySql(connection) => begin(connection, None).await,
            Wire::None(never) => match *never {},
        };
        self.step(deadline, run).await?;
        self.in_transaction = true;
        Ok(())
    }

    pub(crate) async fn commit(&mut self, deadline: Instant) -> Result<(), Failure> {
        #[cfg(test)]
        self.home.seen.note_sql(self.home.backend, "COMMIT");
        let run = async |wire: &mut Wire| on!(wire, connection => commit(connection).await);
        self.step(deadline, run).await?;
        self.in_transaction = false;
        Ok(())
    }

    pub(crate) async fn roll_back(&mut self, deadline: Instant) -> Result<(), Failure> {
        #[cfg(test)]
        self.home.seen.note_sql(self.home.backend, "ROLLBACK");
        let run = async |wire: &mut Wire| on!(wire, connection => roll_back(connection).await);
        self.step(deadline, run).await?;
        self.in_transaction = false;
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        match self.wire.take() {
            // Nothing is lost between here and the file, and a database in memory would go with its connection. The
            // driver finishes what runs, and rolls back what was not committed.
            #[cfg(feature = "sqlite")]
            Some(Wire::Sqlite(mut connection)) if !self.clean || self.in_transaction => {
                <sqlx::Sqlite as sqlx::Database>::TransactionManager::start_rollback(
                    &mut connection,
                );
            }
            #[cfg(feature = "sqlite")]
            Some(Wire::Sqlite(_)) => {}
            #[cfg(feature = "postgres")]
            Some(Wire::Postgres(connection)) => self.give_back(connection),
            #[cfg(feature = "mysql")]
            Some(Wire::MySql(connection)) => self.give_back(connection),
            Some(Wire::None(never)) => match never {},
            None => {}
        }
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Link {
    /// Returns a connection to its pool, which first asks it whether it is well, without a limit: a peer that vanished
    /// would keep its place in the pool. Here it has to answer in time.
    fn give_back<D: sqlx::Database>(&mut self, mut connection: PoolConnection<D>) {
        let (home, generation) = (Arc::clone(&self.home), self.generation);
        let well = self.clean && !self.in_transaction && home.generation() == generation;
        let Some(runtime) = Handle::try_current().ok().filter(|_| well) else {
            drop(connection.detach());
            return;
        };
        let place = self.place.take();
        runtime.spawn(async move {
            // Out of time, its place is free as well.
            let _ = timeout(RETURN_TIMEOUT, connection.return_to_pool()).await;
            drop(place);
            if home.generation() != generation {
                // Others broke meanwhile, and this one may have come back after they were closed.
                home.drop_idle();
            }
        });
    }
}

fn query<D>(statement: &Statement) -> sqlx::query::Query<'_, D, SqlxValues>
where
    D: sqlx::Database + HasStatementCache,
    SqlxValues: sqlx::IntoArguments<D>,
{
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    let persistent = values.0.len() <= MOST_PREPARED;
    sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
        .persistent(persistent)
}

async fn begin<D: sqlx::Database>(
    connection: &mut PoolConnection<D>,
    statement: Option<&'static str>,
) -> Result<(), Failure> {
    let statement = statement.map(sqlx::SqlSafeStr::into_sql_str);
    Ok(D::TransactionManager::begin(connection, statement).await?)
}

async fn commit<D: sqlx::Database>(connection: &mut PoolConnection<D>) -> Result<(), Failure> {
    Ok(D::TransactionManager::commit(connection).await?)
}

async fn roll_back<D: sqlx::Database>(connection: &mut PoolConnection<D>) -> Result<(), Failure> {
    Ok(D::TransactionManager::rollback(connection).await?)
}
