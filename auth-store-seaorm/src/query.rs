//! Running statements: errors become the contract's, and writers of a SQLite file stand in line.

use std::time::Duration;

use auth_core::store::{StoreError, StoreResult};
use sea_orm::sea_query::{Expr, InsertStatement, OnConflict, Query};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, DynIden,
    FromQueryResult, QueryResult, SqlErr, SqliteTransactionMode, Statement, StatementBuilder,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Longest wait in line; a write takes well under a millisecond.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Database {
    connection: DatabaseConnection,
    // SQLite has one writer at a time, and who waits for its lock polls. Here they wait in order instead.
    turns: Option<Semaphore>,
}

/// A transaction that holds the write lock.
pub(crate) struct Writing<'a> {
    // Ends (rolls back, when not committed) before the turn is given on.
    transaction: DatabaseTransaction,
    _turn: Option<SemaphorePermit<'a>>,
}

impl Database {
    pub(crate) fn new(connection: DatabaseConnection) -> Self {
        let one_writer = connection.get_database_backend() == DbBackend::Sqlite;
        Self {
            connection,
            turns: one_writer.then(|| Semaphore::new(1)),
        }
    }

    async fn turn(&self) -> StoreResult<Option<SemaphorePermit<'_>>> {
        let Some(turns) = &self.turns else {
            return Ok(None);
        };
        let turn = tokio::time::timeout(TURN_TIMEOUT, turns.acquire()).await;
        let turn = turn.map_err(StoreError::unavailable)?;
        Ok(Some(turn.map_err(StoreError::unavailable)?))
    }

    fn build(&self, statement: &impl StatementBuilder) -> Statement {
        self.connection.get_database_backend().build(statement)
    }

    pub(crate) async fn one<R: FromQueryResult>(
        &self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> StoreResult<Option<R>> {
        let row = self.connection.query_one_raw(self.build(statement)).await;
        row.map_err(failed)?
            .map(|row| read(record, &row))
            .transpose()
    }

    pub(crate) async fn all<R: FromQueryResult>(
        &self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> StoreResult<Vec<R>> {
        let rows = self.connection.query_all_raw(self.build(statement)).await;
        let rows = rows.map_err(failed)?;
        rows.iter().map(|row| read(record, row)).collect()
    }

    /// Runs one writing statement; how many rows it touched.
    pub(crate) async fn write(
        &self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> StoreResult<u64> {
        let statement = self.build(statement);
        let _turn = self.turn().await?;
        let done = self.connection.execute_raw(statement).await;
        Ok(done
            .map_err(|error| refused(record, error))?
            .rows_affected())
    }

    /// Runs an [`insert_if_free`]; a key that is taken is the contract's error.
    pub(crate) async fn insert(
        &self,
        record: &'static str,
        statement: &InsertStatement,
    ) -> StoreResult<()> {
        match self.write(record, statement).await? {
            0 => Err(StoreError::Exists { record }),
            _ => Ok(()),
        }
    }

    /// Runs one writing statement with `RETURNING`. All rows are read: only then has SQLite said that it committed.
    pub(crate) async fn write_returning<R: FromQueryResult>(
        &self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> StoreResult<Vec<R>> {
        let statement = self.build(statement);
        let _turn = self.turn().await?;
        let rows = self.connection.query_all_raw(statement).await;
        let rows = rows.map_err(|error| refused(record, error))?;
        rows.iter().map(|row| read(record, row)).collect()
    }

    /// Begins a transaction whose reads cannot grow old: on SQLite it has the write lock already.
    pub(crate) async fn begin(&self) -> StoreResult<Writing<'_>> {
        let turn = self.turn().await?;
        let transaction = begin_immediate(&self.connection).await.map_err(failed)?;
        Ok(Writing {
            transaction,
            _turn: turn,
        })
    }
}

impl Writing<'_> {
    fn build(&self, statement: &impl StatementBuilder) -> Statement {
        self.transaction.get_database_backend().build(statement)
    }

    pub(crate) async fn one<R: FromQueryResult>(
        &self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> StoreResult<Option<R>> {
        let row = self.transaction.query_one_raw(self.build(statement)).await;
        row.map_err(|error| refused(record, error))?
            .map(|row| read(record, &row))
            .transpose()
    }

    pub(crate) async fn write(
        &self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> StoreResult<u64> {
        let done = self.transaction.execute_raw(self.build(statement)).await;
        Ok(done
            .map_err(|error| refused(record, error))?
            .rows_affected())
    }

    pub(crate) async fn commit(self) -> StoreResult<()> {
        self.transaction.commit().await.map_err(failed)
    }
}

pub(crate) async fn begin_immediate(
    connection: &DatabaseConnection,
) -> Result<DatabaseTransaction, DbErr> {
    let one_writer = connection.get_database_backend() == DbBackend::Sqlite;
    connection
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: one_writer.then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await
}

/// An `INSERT` of one row.
pub(crate) fn insert<const N: usize>(
    table: &DynIden,
    row: [(&'static str, Expr); N],
) -> InsertStatement {
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let mut insert = Query::insert();
    insert.into_table(table.clone()).columns(columns);
    // Columns and values came in pairs, so their number agrees: the only thing that is refused here.
    let _ = insert.values(values);
    insert
}

/// `INSERT … ON CONFLICT DO NOTHING`: an insert that finds a key taken touches no row, and is no error.
pub(crate) fn insert_if_free<const N: usize>(
    table: &DynIden,
    row: [(&'static str, Expr); N],
) -> InsertStatement {
    let mut insert = insert(table, row);
    insert.on_conflict(OnConflict::new().do_nothing().to_owned());
    insert
}

fn failed(error: DbErr) -> StoreError {
    StoreError::unavailable(error)
}

/// A writing statement failed: on a key that is taken, or because of the database.
fn refused(record: &'static str, error: DbErr) -> StoreError {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => StoreError::Exists { record },
        _ => failed(error),
    }
}

fn read<R: FromQueryResult>(record: &'static str, row: &QueryResult) -> StoreResult<R> {
    R::from_query_result(row, "").map_err(|error| StoreError::corrupt(record, error))
}
