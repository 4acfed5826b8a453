//! Migrations: embedded, idempotent, forward only.

mod guard;
mod m20261121_000001_tables;
mod m20261121_000002_nodes;
mod m20261121_000003_outbox;
mod schema;

pub use guard::with_migration_lock;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, DynIden, TransactionTrait as _,
};
use sea_orm_migration::{MigrationTrait, MigratorTraitSelf, SchemaManagerConnection};

use crate::tables::{DEFAULT_PREFIX, Tables};

/// The migrations with the default table prefix, to put among a host's own, which runs them
/// [while no other node does](with_migration_lock).
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    Migrator::default().migrations()
}

/// Brings the tables up to date. It keeps its account in a table of its own (`auth_migrations`), so it gets along
/// with a migrator of the host's in the same database.
#[derive(Clone, Debug)]
pub struct Migrator {
    prefix: String,
    schema: Option<String>,
}

impl Default for Migrator {
    fn default() -> Self {
        Self::with_prefix(DEFAULT_PREFIX)
    }
}

impl Migrator {
    /// A migrator for tables whose names begin with `prefix`.
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            schema: None,
        }
    }

    /// For tables in this PostgreSQL schema, which is made when it is missing.
    #[must_use]
    pub fn in_schema(mut self, schema: &str) -> Self {
        self.schema = Some(schema.to_owned());
        self
    }

    /// Applies what was not applied yet. Nodes that do it at once [wait for each other](with_migration_lock).
    /// Interrupted anywhere, the next call finishes it: on SQLite and PostgreSQL nothing stands until all does, on
    /// MySQL and MariaDB every step can be taken again.
    pub async fn run(&self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        with_migration_lock(connection, async |db| self.apply(db).await).await
    }

    async fn apply(&self, db: SchemaManagerConnection<'_>) -> Result<(), DbErr> {
        if db.get_database_backend() != DbBackend::Postgres {
            return self.up(db, None).await;
        }
        let transaction = db.begin().await?;
        transaction.execute_unprepared(LIMITS_POSTGRES).await?;
        if let Some(schema) = &self.schema {
            let schema = format!("\"{}\"", schema.replace('"', "\"\""));
            let sql =
                format!("SET LOCAL search_path = {schema}; CREATE SCHEMA IF NOT EXISTS {schema}");
            transaction.execute_unprepared(&sql).await?;
        }
        self.up(&transaction, None).await?;
        transaction.commit().await
    }
}

/// The limits of a host's statements are not those of a migration.
const LIMITS_POSTGRES: &str =
    "SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '0', true)";

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let tables = Tables::new(&self.prefix);
        vec![
            Box::new(m20261121_000001_tables::Migration::new(
                &self.prefix,
                tables.clone(),
            )),
            Box::new(m20261121_000002_nodes::Migration::new(
                &self.prefix,
                tables.clone(),
            )),
            Box::new(m20261121_000003_outbox::Migration::new(
                &self.prefix,
                tables,
            )),
        ]
    }

    fn migration_table_name(&self) -> DynIden {
        DynIden::from(format!("{}migrations", self.prefix))
    }
}
