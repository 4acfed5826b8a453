//! The first tables.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::schema::{
    ADDRESS, DIGEST, ID, NAME, Schema, flag, index, integer, optional_integer, unique,
};
use crate::tables::Tables;

pub(super) struct Migration {
    // Carries the prefix, so that two sets of tables can stand in one account.
    name: String,
    prefix: String,
    tables: Tables,
}

impl Migration {
    pub(super) fn new(prefix: &str, tables: Tables) -> Self {
        Self {
            name: format!("m20261121_000001_{prefix}tables"),
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
        self.login(&schema, manager).await?;
        self.short_lived(&schema, manager).await?;
        self.grants(&schema, manager).await?;
        self.provider(&schema, manager).await
    }
}

impl Migration {
    async fn login(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("id"),
            schema.optional_key("email", ADDRESS),
            optional_integer("email_verified_at"),
            schema.optional_key("username", ID),
            schema.text("claims"),
            schema.optional_text("password_hash"),
            optional_integer("password_set_at"),
            integer("created_at"),
            integer("updated_at"),
            optional_integer("disabled_at"),
        ];
        let indexes = [
            unique("users_email", &["email"]),
            unique("users_username", &["username"]),
        ];
        let users = &self.tables.users;
        schema
            .create(manager, &self.prefix, users, &["id"], columns, &indexes)
            .await?;
        let columns = vec![
            schema.id("id"),
            schema.digest("token_digest"),
            schema.id("user_id"),
            integer("created_at"),
            integer("auth_time"),
            schema.text("amr"),
            schema.optional_text("acr"),
            integer("last_seen_at"),
            integer("idle_expires_at"),
            integer("expires_at"),
            flag("remember"),
            schema.optional_text("user_agent"),
            schema.optional_key("address", NAME),
        ];
        let indexes = [
            index("sessions_user", &["user_id", "created_at"]),
            index("sessions_idle", &["idle_expires_at"]),
            index("sessions_end", &["expires_at"]),
        ];
        let sessions = &self.tables.sessions;
        schema
            .create(manager, &self.prefix, sessions, &["id"], columns, &indexes)
            .await
    }

    async fn short_lived(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.key("kind", NAME),
            schema.digest("digest"),
            schema.bytes("payload"),
            integer("expires_at"),
            integer("keep_until"),
            flag("spent"),
            // `expires_at` while unspent, `keep_until` once spent.
            integer("forget_at"),
        ];
        let indexes = [index("one_time_end", &["forget_at"])];
        let (one_time, key) = (&self.tables.one_time, ["kind", "digest"]);
        schema
            .create(manager, &self.prefix, one_time, &key, columns, &indexes)
            .await?;
        let columns = vec![
            schema.digest("digest"),
            integer("attempts"),
            integer("window_started_at"),
            integer("locked_until"),
            integer("locks"),
            integer("forget_at"),
        ];
        let indexes = [index("throttles_end", &["forget_at"])];
        let (throttles, key) = (&self.tables.throttles, ["digest"]);
        schema
            .create(manager, &self.prefix, throttles, &key, columns, &indexes)
            .await
    }

    async fn grants(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("id"),
            schema.client_id(),
            schema.id("subject"),
            schema.optional_key("session_id", ID),
            schema.text("scopes"),
            schema.text("details"),
            flag("offline"),
            integer("created_at"),
            integer("expires_at"),
            optional_integer("revoked_at"),
        ];
        let indexes = [
            index("grants_client", &["client_id"]),
            index("grants_subject", &["subject", "client_id"]),
            index("grants_session", &["session_id"]),
            index("grants_end", &["expires_at"]),
        ];
        let grants = &self.tables.grants;
        schema
            .create(manager, &self.prefix, grants, &["id"], columns, &indexes)
            .await?;
        let columns = vec![
            schema.digest("digest"),
            schema.id("grant_id"),
            integer("created_at"),
            integer("expires_at"),
            schema.optional_key("successor_digest", DIGEST),
            schema.optional_bytes("successor_sealed"),
            optional_integer("rotated_at"),
            // What it replaced: a replay of that one is judged by this row, so this row stays as long.
            schema.optional_key("predecessor", DIGEST),
        ];
        let indexes = [
            index("refresh_grant", &["grant_id"]),
            index("refresh_end", &["expires_at"]),
        ];
        let (tokens, key) = (&self.tables.refresh_tokens, ["digest"]);
        schema
            .create(manager, &self.prefix, tokens, &key, columns, &indexes)
            .await
    }

    async fn provider(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.client_id(),
            schema.text("metadata"),
            schema.text("secrets"),
            flag("first_party"),
            optional_integer("disabled_at"),
            integer("created_at"),
            integer("updated_at"),
            integer("version"),
        ];
        let (clients, key) = (&self.tables.clients, ["client_id"]);
        schema
            .create(manager, &self.prefix, clients, &key, columns, &[])
            .await?;
        let columns = vec![
            schema.id("subject"),
            schema.client_id(),
            schema.text("scopes"),
            integer("granted_at"),
            integer("updated_at"),
        ];
        let (consents, key) = (&self.tables.consents, ["subject", "client_id"]);
        schema
            .create(manager, &self.prefix, consents, &key, columns, &[])
            .await?;
        let columns = vec![
            schema.id("kid"),
            schema.key("algorithm", NAME),
            integer("generation"),
            schema.bytes("sealed_private_key"),
            integer("created_at"),
            integer("active_from"),
            optional_integer("retired_at"),
        ];
        let indexes = [
            unique("signing_keys_generation", &["algorithm", "generation"]),
            index("signing_keys_end", &["retired_at"]),
        ];
        let (keys, key) = (&self.tables.signing_keys, ["kid"]);
        schema
            .create(manager, &self.prefix, keys, &key, columns, &indexes)
            .await
    }
}
