//! Migrations: embedded, idempotent, forward only.

mod m20261121_000001_tables;

use sea_orm::{DatabaseConnection, DbBackend, DbErr, DynIden};
use sea_orm_migration::{MigrationTrait, MigratorTraitSelf};

use crate::query::begin_immediate;
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
        }
    }

    /// Applies what was not applied yet. Safe to run on many nodes at once on SQLite: the write lock is taken first.
    pub async fn run(&self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        if sea_orm::ConnectionTrait::get_database_backend(connection) != DbBackend::Sqlite {
            return self.up(connection, None).await;
        }
        let transaction = begin_immediate(connection).await?;
        self.up(&transaction, None).await?;
        transaction.commit().await
    }
}

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261121_000001_tables::Migration::new(
            &self.prefix,
            Tables::new(&self.prefix),
        ))]
    }

    fn migration_table_name(&self) -> DynIden {
        DynIden::from(format!("{}migrations", self.prefix))
    }
}
