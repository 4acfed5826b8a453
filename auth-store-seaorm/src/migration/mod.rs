//! Migrations: embedded, idempotent, forward only.

mod guard;
mod in_schema;
mod m20261121_000001_tables;
mod m20261121_000002_nodes;
mod m20261121_000003_outbox;
mod m20261121_000004_login;
mod m20261121_000005_federation;
mod schema;

pub use guard::with_migration_lock;
use in_schema::in_schema;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, DynIden, TransactionTrait as _,
};
use sea_orm_migration::{MigrationTrait, MigratorTraitSelf, SchemaManagerConnection};

use crate::tables::{DEFAULT_PREFIX, Tables};

/// The migrations with the default table prefix, to put among a host's own, which runs them
/// [while no other node does](with_migration_lock). With another prefix, or in a schema: [`Migrator::migrations`].
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

    /// For tables in this PostgreSQL schema, which is made when it is missing. The other databases have none.
    #[must_use]
    pub fn in_schema(mut self, schema: &str) -> Self {
        self.schema = Some(schema.to_owned());
        self
    }

    /// The migrations as they are set up here, to put among a host's own, which runs them
    /// [while no other node does](with_migration_lock). Those of several prefixes and schemas may stand in one list.
    pub fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let migrations = Tables::new(&self.prefix).migrations(&self.prefix);
        match &self.schema {
            Some(schema) => in_schema(schema, migrations),
            None => migrations,
        }
    }

    /// Applies what was not applied yet. Nodes that do it at once [wait for each other](with_migration_lock).
    /// Interrupted anywhere, the next call finishes it: on SQLite and PostgreSQL nothing stands until all does, on
    /// MySQL and MariaDB every step can be taken again.
    pub async fn run(&self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        with_migration_lock(connection, async |db| self.apply(db).await).await
    }

    async fn apply(&self, db: SchemaManagerConnection<'_>) -> Result<(), DbErr> {
        if db.get_database_backend() != DbBackend::Postgres {
            return ByItself(self).up(db, None).await;
        }
        let transaction = db.begin().await?;
        transaction.execute_unprepared(LIMITS_POSTGRES).await?;
        if let Some(schema) = &self.schema {
            let schema = schema::quote(schema);
            let sql =
                format!("SET LOCAL search_path = {schema}; CREATE SCHEMA IF NOT EXISTS {schema}");
            transaction.execute_unprepared(&sql).await?;
        }
        ByItself(self).up(&transaction, None).await?;
        transaction.commit().await
    }
}

/// The limits of a host's statements are not those of a migration.
const LIMITS_POSTGRES: &str =
    "SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '0', true)";

/// The migrator that keeps its own account, in the schema where the tables are.
struct ByItself<'a>(&'a Migrator);

impl MigratorTraitSelf for ByItself<'_> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        Tables::new(&self.0.prefix).migrations(&self.0.prefix)
    }

    fn migration_table_name(&self) -> DynIden {
        DynIden::from(format!("{}migrations", self.0.prefix))
    }
}

impl Tables {
    fn migrations(self, prefix: &str) -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_tables::Migration::new(
                prefix,
                self.clone(),
            )),
            Box::new(m20261121_000002_nodes::Migration::new(prefix, self.clone())),
            Box::new(m20261121_000003_outbox::Migration::new(
                prefix,
                self.clone(),
            )),
            Box::new(m20261121_000004_login::Migration::new(prefix, self.clone())),
            Box::new(m20261121_000005_federation::Migration::new(prefix, self)),
        ]
    }
}
