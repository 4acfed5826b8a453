//! One node migrates at a time.

use sea_orm::{DatabaseConnection, DbErr};
#[cfg(feature = "sqlite")]
use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait as _};
use sea_orm_migration::SchemaManagerConnection;
use tokio::time::{Duration, Instant, sleep};
#[cfg(any(feature = "postgres", feature = "mysql"))]
use {
    sea_orm::RuntimeErr,
    sqlx::{ConnectOptions, Connection, Pool as SqlxPool, Result as SqlxResult},
    std::{future::poll_fn, pin::pin, task::Poll},
    tokio::time::timeout,
};

use crate::database::Pool;

/// Longest wait for the others.
const PATIENCE: Duration = Duration::from_mins(1);

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How often the lock is looked after, and how long that may take: both together before the server's 15 seconds.
#[cfg(any(feature = "postgres", feature = "mysql"))]
const LOOK: Duration = Duration::from_secs(5);

/// Runs `work` while no other node migrates this database, for a host whose own migrator contains [`migrations`]: those
/// of sea-orm-migration take no lock, and nodes that start at once fail. [`Migrator::run`] goes through here as well,
/// and so does [`SeaOrmStore::open`], so that all of them wait for each other.
///
/// The [crate's documentation](crate) has an example.
///
/// `work` migrates on what it is given. On PostgreSQL, MySQL and MariaDB that is `connection`, and the lock is held by
/// a connection beside its pool, made with the same options. On SQLite it is a transaction that holds the write lock of
/// the file: it is committed when `work` succeeds, and nothing else gets to write before (nor is `PRAGMA foreign_keys`
/// heard in it).
///
/// It waits a minute at most, then fails without having begun. The lock ends with the future, whether that succeeds,
/// fails or is dropped. A node that vanished loses it after 15 seconds, and one that finds it lost stops its `work`.
///
/// [`migrations`]: super::migrations
/// [`Migrator::run`]: super::Migrator::run
/// [`SeaOrmStore::open`]: crate::SeaOrmStore::open
pub async fn with_migration_lock(
    connection: &DatabaseConnection,
    work: impl AsyncFnOnce(SchemaManagerConnection<'_>) -> Result<(), DbErr>,
) -> Result<(), DbErr> {
    match Pool::of(connection) {
        #[cfg(feature = "sqlite")]
        Pool::Sqlite(_) => in_turn(connection, work).await,
        #[cfg(feature = "postgres")]
        Pool::Postgres(pool) => while_held(&pool, work(connection.into())).await,
        #[cfg(feature = "mysql")]
        Pool::MySql(pool) => while_held(&pool, work(connection.into())).await,
        Pool::None => Err(DbErr::Custom(
            "no driver of this build has such connections".into(),
        )),
    }
}

/// Waiting for the others, in steps.
struct Turns {
    deadline: Instant,
    pause: Duration,
}

impl Turns {
    fn begin() -> Self {
        Self {
            deadline: Instant::now() + PATIENCE,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits a little, or gives up.
    async fn next(&mut self) -> Result<(), DbErr> {
        if Instant::now() >= self.deadline {
            let other = "another node is migrating and does not finish";
            return Err(DbErr::Custom(other.into()));
        }
        sleep(self.pause).await;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        Ok(())
    }
}

#[cfg(feature = "sqlite")]
async fn in_turn(
    connection: &DatabaseConnection,
    work: impl AsyncFnOnce(SchemaManagerConnection<'_>) -> Result<(), DbErr>,
) -> Result<(), DbErr> {
    let mut turns = Turns::begin();
    let transaction = loop {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        match connection.begin_with_options(options).await {
            Err(error) if crate::database::is_busy(&error) => turns.next().await?,
            begun => break begun?,
        }
    };
    work((&transaction).into()).await?;
    transaction.commit().await
}

/// A connection that can hold the lock.
#[cfg(any(feature = "postgres", feature = "mysql"))]
trait Holder: Connection + Send {
    /// What it is told first: the server lets go of a node that vanished, later than that node notices.
    const PREPARE: &str;
    /// Answers with 1 when the lock was taken.
    const TAKE: &str;

    fn prepare(&mut self) -> impl Future<Output = SqlxResult<()>> + Send;

    fn take(&mut self) -> impl Future<Output = SqlxResult<Option<i64>>> + Send;
}

/// Asks again and again instead of waiting in a statement: `CREATE INDEX CONCURRENTLY` waits for every statement that
/// runs, and so for those that wait for it. In a transaction, so that the lock also ends with it behind a pooler.
#[cfg(feature = "postgres")]
impl Holder for sqlx::PgConnection {
    const PREPARE: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '15s'";
    // Advisory locks are of one database.
    const TAKE: &str =
        "SELECT pg_try_advisory_xact_lock(hashtextextended('auth migrations', 0))::int::int8";

    async fn prepare(&mut self) -> SqlxResult<()> {
        sqlx::Executor::execute(self, Self::PREPARE).await.map(drop)
    }

    async fn take(&mut self) -> SqlxResult<Option<i64>> {
        sqlx::query_scalar(Self::TAKE).fetch_one(self).await
    }
}

#[cfg(feature = "mysql")]
impl Holder for sqlx::MySqlConnection {
    const PREPARE: &str = "SET SESSION wait_timeout = 15";
    // Of the whole server, so the name says of which database.
    const TAKE: &str =
        "SELECT GET_LOCK(SHA2(CONCAT('auth migrations ', COALESCE(DATABASE(), '')), 256), 1)";

    async fn prepare(&mut self) -> SqlxResult<()> {
        sqlx::Executor::execute(self, Self::PREPARE).await.map(drop)
    }

    async fn take(&mut self) -> SqlxResult<Option<i64>> {
        sqlx::query_scalar(Self::TAKE).fetch_one(self).await
    }
}

/// Dropped anywhere, it closes the connection that holds the lock.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn while_held<D: sqlx::Database<Connection: Holder>>(
    pool: &SqlxPool<D>,
    work: impl Future<Output = Result<(), DbErr>>,
) -> Result<(), DbErr> {
    let mut turns = Turns::begin();
    let mut holder = in_time(pool.connect_options().connect()).await?;
    in_time(holder.prepare()).await?;
    while in_time(holder.take()).await? != Some(1) {
        turns.next().await?;
    }
    let done = {
        let (mut work, mut lost) = (pin!(work), pin!(until_lost(&mut holder)));
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => lost.as_mut().poll(context).map(Err),
        })
        .await
    };
    // Whatever becomes of this: the connection is closed, and the lock ends with it.
    let _ = in_time(holder.close()).await;
    done
}

/// Looks after the lock until it is lost.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn until_lost(holder: &mut impl Holder) -> DbErr {
    loop {
        sleep(LOOK).await;
        if let Err(error) = in_time(holder.ping()).await {
            return error;
        }
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn in_time<T>(step: impl Future<Output = SqlxResult<T>>) -> Result<T, DbErr> {
    let answer = timeout(LOOK, step).await.unwrap_or_else(|_| {
        let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
        Err(sqlx::Error::Io(late))
    });
    answer.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

#[cfg(test)]
mod tests {
    use super::{Instant, PATIENCE, Turns};

    #[tokio::test(start_paused = true)]
    async fn waiting_ends() {
        let (began, mut turns) = (Instant::now(), Turns::begin());
        while turns.next().await.is_ok() {
            assert!(began.elapsed() < PATIENCE * 2);
        }
        assert!(began.elapsed() >= PATIENCE);
    }
}
