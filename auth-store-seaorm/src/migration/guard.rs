//! One node migrates at a time, on one connection.

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use sea_orm_migration::MigratorTraitSelf as _;

use super::Migrator;

/// A transaction on all databases. MySQL commits at every `CREATE TABLE`, but there too it means: one connection, the
/// one that holds the lock.
pub(super) async fn run(migrator: &Migrator, connection: &DatabaseConnection) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    let immediate = (backend == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
    let transaction = connection
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: immediate,
            ..TransactionOptions::default()
        })
        .await?;
    lock(migrator, &transaction).await?;
    let migrated = migrator.up(&transaction, None).await;
    if backend == DbBackend::MySql {
        // Not bound to the transaction, and the connection may be the host's. When this fails, the connection is gone
        // and the lock with it.
        let released = execute(&transaction, UNLOCK_MYSQL, &migrator.prefix).await;
        migrated.and(released)?;
    } else {
        migrated?;
    }
    transaction.commit().await
}

/// The name of the lock: of this server's database, and of the tables with this prefix.
const LOCK_MYSQL: &str = "SELECT GET_LOCK(SHA2(CONCAT(DATABASE(), ' ', ?), 256), 60)";
const UNLOCK_MYSQL: &str = "DO RELEASE_LOCK(SHA2(CONCAT(DATABASE(), ' ', ?), 256))";

/// Advisory locks are of one database; the schema tells its tables apart. Held until the transaction ends.
const LOCK_POSTGRES: &str = "SELECT pg_advisory_xact_lock(hashtextextended(coalesce(current_schema(), '') || ' ' || $1, 0))";

/// The limits of a verb are not those of a migration.
const LIMITS_POSTGRES: &str =
    "SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '0', true)";

async fn lock(migrator: &Migrator, transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    match transaction.get_database_backend() {
        // The transaction began with the write lock.
        DbBackend::Sqlite => Ok(()),
        DbBackend::Postgres => {
            transaction.execute_unprepared(LIMITS_POSTGRES).await?;
            if let Some(schema) = &migrator.schema {
                let schema = format!("\"{}\"", schema.replace('"', "\"\""));
                let path = format!("SET LOCAL search_path = {schema}");
                transaction.execute_unprepared(&path).await?;
                execute(transaction, LOCK_SCHEMAS_POSTGRES, "").await?;
                let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
                transaction.execute_unprepared(&create).await?;
            }
            execute(transaction, LOCK_POSTGRES, &migrator.prefix).await
        }
        DbBackend::MySql => {
            let lock = statement(transaction, LOCK_MYSQL, &migrator.prefix);
            let row = transaction.query_one_raw(lock).await?;
            let got: Option<i64> = row
                .map(|row| row.try_get_by_index(0))
                .transpose()?
                .flatten();
            match got {
                Some(1) => Ok(()),
                _ => Err(DbErr::Custom(
                    "another node is migrating and does not finish".into(),
                )),
            }
        }
        _ => Err(DbErr::Custom("a database that is not known".into())),
    }
}

/// For making a schema: "if not exists" still fails when two do it at once.
const LOCK_SCHEMAS_POSTGRES: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('auth schemas' || $1, 0))";

fn statement(transaction: &DatabaseTransaction, sql: &str, value: &str) -> Statement {
    Statement::from_sql_and_values(transaction.get_database_backend(), sql, [value.into()])
}

async fn execute(transaction: &DatabaseTransaction, sql: &str, value: &str) -> Result<(), DbErr> {
    transaction
        .query_one_raw(statement(transaction, sql, value))
        .await
        .map(drop)
}
