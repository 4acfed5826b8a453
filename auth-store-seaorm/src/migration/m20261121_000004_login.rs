//! What people sign in with besides a password, their devices, the end of an account, and the record of what happened.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::schema::{CLIENT_ID, ID, NAME, Schema, flag, index, integer, optional_integer, unique};
use crate::tables::Tables;

pub(super) struct Migration {
    name: String,
    prefix: String,
    tables: Tables,
}

impl Migration {
    pub(super) fn new(prefix: &str, tables: Tables) -> Self {
        Self {
            name: format!("m20261121_000004_{prefix}login"),
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
        self.users(&schema, manager).await?;
        self.factors(&schema, manager).await?;
        self.devices(&schema, manager).await?;
        self.passkeys(&schema, manager).await?;
        self.audit(&schema, manager).await
    }
}

impl Migration {
    async fn users(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            // Of those who are there already, nothing more is demanded.
            flag("mfa_required").default(false).take(),
            optional_integer("delete_at"),
        ];
        let indexes = [index("users_delete", &["delete_at", "id"])];
        let users = &self.tables.users;
        schema
            .extend(manager, &self.prefix, users, columns, &indexes)
            .await
    }

    async fn factors(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("user_id"),
            schema.id("id"),
            schema.bytes("secret"),
            integer("created_at"),
            optional_integer("confirmed_at"),
            optional_integer("last_step"),
        ];
        let (totp, key) = (&self.tables.totp, ["user_id"]);
        schema
            .create(manager, &self.prefix, totp, &key, columns, &[])
            .await?;
        let columns = vec![schema.id("user_id"), schema.text("codes")];
        let codes = &self.tables.backup_codes;
        schema
            .create(manager, &self.prefix, codes, &key, columns, &[])
            .await
    }

    async fn devices(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("id"),
            schema.id("user_id"),
            schema.digest("token_digest"),
            schema.optional_text("user_agent"),
            integer("created_at"),
            integer("expires_at"),
        ];
        let indexes = [
            index("trusted_devices_user", &["user_id", "created_at"]),
            index("trusted_devices_end", &["expires_at"]),
        ];
        let trusted = &self.tables.trusted_devices;
        schema
            .create(manager, &self.prefix, trusted, &["id"], columns, &indexes)
            .await?;
        let columns = vec![
            // Of user and browser.
            schema.digest("digest"),
            schema.id("user_id"),
            // Of one row of a user; the others have none.
            optional_integer("is_first"),
            integer("keep_until"),
        ];
        let indexes = [
            unique("seen_devices_first", &["user_id", "is_first"]),
            index("seen_devices_end", &["keep_until"]),
        ];
        let (seen, key) = (&self.tables.seen_devices, ["digest"]);
        schema
            .create(manager, &self.prefix, seen, &key, columns, &indexes)
            .await
    }

    async fn passkeys(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("id"),
            schema.id("user_id"),
            // Counts a user's passkeys: there is none beyond the most that are allowed.
            integer("slot"),
            schema.text("name"),
            schema.bytes("credential"),
            integer("counter"),
            integer("created_at"),
            optional_integer("last_used_at"),
        ];
        let indexes = [unique("passkeys_slot", &["user_id", "slot"])];
        let passkeys = &self.tables.passkeys;
        schema
            .create(manager, &self.prefix, passkeys, &["id"], columns, &indexes)
            .await
    }

    async fn audit(&self, schema: &Schema, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        let columns = vec![
            schema.id("id"),
            integer("at"),
            schema.key("event", NAME),
            schema.optional_key("actor", ID),
            schema.optional_key("subject", ID),
            schema.optional_key("organization", ID),
            schema.optional_key("client_id", CLIENT_ID),
            schema.optional_key("address", NAME),
            schema.text("data"),
            integer("expires_at"),
        ];
        let indexes = [
            index("audit_at", &["at", "id"]),
            index("audit_actor", &["actor", "at", "id"]),
            index("audit_subject", &["subject", "at", "id"]),
            index("audit_organization", &["organization", "at", "id"]),
            index("audit_event", &["event", "at", "id"]),
            index("audit_end", &["expires_at"]),
        ];
        let audit = &self.tables.audit;
        schema
            .create(manager, &self.prefix, audit, &["id"], columns, &indexes)
            .await
    }
}
