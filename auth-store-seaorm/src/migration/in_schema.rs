//! Our migrations in a PostgreSQL schema, among those of a host, whose search path is another.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement, TransactionTrait as _};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::schema::quote;

/// The same migrations, each in that schema.
pub(super) fn in_schema(
    schema: &str,
    migrations: Vec<Box<dyn MigrationTrait>>,
) -> Vec<Box<dyn MigrationTrait>> {
    let within = |migration: Box<dyn MigrationTrait>| -> Box<dyn MigrationTrait> {
        Box::new(InSchema {
            name: format!("{}_in_{schema}", migration.name()),
            schema: schema.to_owned(),
            migration,
        })
    };
    migrations.into_iter().map(within).collect()
}

struct InSchema {
    // Carries the schema, so that the same tables can stand in two of them and in one account.
    name: String,
    schema: String,
    migration: Box<dyn MigrationTrait>,
}

impl MigrationName for InSchema {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for InSchema {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Err(DbErr::Custom("only PostgreSQL has schemas".into()));
        }
        // One connection for all of it, also where the host uses no transaction.
        let transaction = manager.get_connection().begin().await?;
        let path = "SELECT current_setting('search_path')";
        let path = Statement::from_string(DbBackend::Postgres, path);
        let path = transaction.query_one_raw(path).await?;
        let path: Option<String> = path.map(|row| row.try_get_by_index(0)).transpose()?;
        let schema = quote(&self.schema);
        let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
        transaction.execute_unprepared(&create).await?;
        set_path(&transaction, &schema).await?;
        self.migration.up(&SchemaManager::new(&transaction)).await?;
        // The transaction may be a part of the host's, where it would hold on.
        set_path(&transaction, &path.unwrap_or_default()).await?;
        transaction.commit().await
    }
}

async fn set_path(transaction: &sea_orm::DatabaseTransaction, path: &str) -> Result<(), DbErr> {
    let set = "SELECT set_config('search_path', $1, true)";
    let set = Statement::from_sql_and_values(DbBackend::Postgres, set, [path.into()]);
    transaction.query_one_raw(set).await.map(drop)
}
