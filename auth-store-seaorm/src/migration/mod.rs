//! Migrations: embedded, idempotent, forward only.

mod guard;
mod m20261121_000001_tables;
mod m20261121_000002_nodes;
mod schema;

use sea_orm::{DatabaseConnection, DbErr, DynIden};
use sea_orm_migration::{MigrationTrait, MigratorTraitSelf};

use crate::tables::{DEFAULT_PREFIX, Tables};

/// The migrations with the default table prefix, to put among a host's own.
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

    /// Applies what was not applied yet. Nodes that do it at once wait for each other, a minute at most. Interrupted
    /// anywhere, the next call finishes it: on SQLite and PostgreSQL nothing stands until all does, on MySQL and
    /// MariaDB every step can be taken again.
    pub async fn run(&self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        let (migrator, connection) = (self.clone(), connection.clone());
        // In a task of its own, so that a caller who gives up leaves no lock on a connection of the pool.
        let run = tokio::spawn(async move { guard::run(&migrator, &connection).await });
        run.await
            .unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
    }
}

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let tables = Tables::new(&self.prefix);
        vec![
            Box::new(m20261121_000001_tables::Migration::new(
                &self.prefix,
                tables.clone(),
            )),
            Box::new(m20261121_000002_nodes::Migration::new(&self.prefix, tables)),
        ]
    }

    fn migration_table_name(&self) -> DynIden {
        DynIden::from(format!("{}migrations", self.prefix))
    }
}
