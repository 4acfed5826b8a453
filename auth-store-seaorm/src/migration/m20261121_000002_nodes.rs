//! What nodes tell each other: leases, and the sessions that ended.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::schema::{NAME, Schema, index, integer};
use crate::tables::Tables;

pub(super) struct Migration {
    name: String,
    prefix: String,
    tables: Tables,
}

impl Migration {
    pub(super) fn new(prefix: &str, tables: Tables) -> Self {
        Self {
            name: format!("m20261121_000002_{prefix}nodes"),
            prefix: prefix.to_owned(),
            tables,
        }
    }
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager).await?;
        let (prefix, tables) = (&self.prefix, &self.tables);
        let columns = vec![schema.id("name"), schema.id("holder"), integer("ends_at")];
        let indexes = [index("leases_end", &["ends_at"])];
        schema
            .create(
                manager,
                prefix,
                &tables.leases,
                &["name"],
                columns,
                &indexes,
            )
            .await?;
        // No row until something was counted.
        let columns = vec![schema.key("name", NAME), integer("value")];
        schema
            .create(manager, prefix, &tables.counters, &["name"], columns, &[])
            .await?;
        let columns = vec![
            integer("seq"),
            schema.id("session_id"),
            schema.id("user_id"),
        ];
        schema
            .create(
                manager,
                prefix,
                &tables.session_ends,
                &["seq"],
                columns,
                &[],
            )
            .await
    }
}
