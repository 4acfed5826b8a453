//! Messages that must reach somebody else.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::schema::{NAME, Schema, index, integer, optional_integer};
use crate::tables::Tables;

pub(super) struct Migration {
    name: String,
    prefix: String,
    tables: Tables,
}

impl Migration {
    pub(super) fn new(prefix: &str, tables: Tables) -> Self {
        Self {
            name: format!("m20261121_000003_{prefix}outbox"),
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
        let columns = vec![
            schema.id("id"),
            schema.key("kind", NAME),
            schema.bytes("payload"),
            integer("created_at"),
            integer("attempts"),
            // Empty once nothing is to be done any more.
            optional_integer("due_at"),
            integer("expires_at"),
        ];
        let indexes = [
            index("outbox_due", &["kind", "due_at"]),
            index("outbox_end", &["expires_at"]),
        ];
        let (prefix, outbox) = (&self.prefix, &self.tables.outbox);
        schema
            .create(manager, prefix, outbox, &["id"], columns, &indexes)
            .await
    }
}
