//! Whom people are at other providers, and the sign-ins there that sessions here came from.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::schema::{DIGEST, Schema, index, integer, optional_integer, unique};
use crate::tables::Tables;

pub(super) struct Migration {
    name: String,
    prefix: String,
    tables: Tables,
}

impl Migration {
    pub(super) fn new(prefix: &str, tables: Tables) -> Self {
        Self {
            name: format!("m20261121_000005_{prefix}federation"),
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
        self.identities(&schema, manager).await?;
        self.upstream_sessions(&schema, manager).await
    }
}

impl Migration {
    async fn identities(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("id"),
            // Of issuer and subject.
            schema.digest("digest"),
            schema.id("user_id"),
            // Counts a user's identities: there is none beyond the most that are allowed.
            integer("slot"),
            schema.text("upstream"),
            schema.text("issuer"),
            schema.text("subject"),
            schema.optional_text("display"),
            schema.optional_bytes("tokens"),
            integer("tokens_version"),
            integer("created_at"),
            optional_integer("last_used_at"),
        ];
        let indexes = [
            unique("identities_digest", &["digest"]),
            unique("identities_slot", &["user_id", "slot"]),
        ];
        let (identities, key) = (&self.tables.identities, ["id"]);
        schema
            .create(manager, &self.prefix, identities, &key, columns, &indexes)
            .await
    }

    async fn upstream_sessions(
        &self,
        schema: &Schema,
        manager: &SchemaManager<'_>,
    ) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("session_id"),
            schema.id("user_id"),
            schema.text("upstream"),
            schema.text("issuer"),
            schema.digest("issuer_digest"),
            schema.text("subject"),
            schema.digest("subject_digest"),
            schema.optional_text("sid"),
            schema.optional_key("sid_digest", DIGEST),
            schema.bytes("secrets"),
            integer("version"),
            integer("expires_at"),
        ];
        let indexes = [
            index(
                "upstream_sessions_subject",
                &["issuer_digest", "subject_digest"],
            ),
            index("upstream_sessions_sid", &["issuer_digest", "sid_digest"]),
            index("upstream_sessions_end", &["expires_at"]),
        ];
        let (sessions, key) = (&self.tables.upstream_sessions, ["session_id"]);
        schema
            .create(manager, &self.prefix, sessions, &key, columns, &indexes)
            .await
    }
}
