//! The first tables.

use sea_orm::sea_query::{ColumnDef, Index, IndexCreateStatement, Table, TableCreateStatement};
use sea_orm::{DbErr, DynIden};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::tables::Tables;

// Lengths that every database can index. SQLite ignores them.
const ID: u32 = 255;
// A client's id may be a URL. With a subject it makes the longest key, 767 characters: MySQL's limit.
const CLIENT_ID: u32 = 512;
const DIGEST: u32 = 43;
const NAME: u32 = 64;
const ADDRESS: u32 = 320;

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

    fn tables(&self) -> [TableCreateStatement; 9] {
        [
            users(&self.tables.users),
            sessions(&self.tables.sessions),
            one_time(&self.tables.one_time),
            throttles(&self.tables.throttles),
            clients(&self.tables.clients),
            grants(&self.tables.grants),
            refresh_tokens(&self.tables.refresh_tokens),
            consents(&self.tables.consents),
            signing_keys(&self.tables.signing_keys),
        ]
    }

    fn indexes(&self) -> Vec<IndexCreateStatement> {
        let tables = &self.tables;
        let index = |table: &DynIden, name: &str, columns: &[&'static str]| {
            let mut index = Index::create();
            index
                .if_not_exists()
                .table(table.clone())
                .name(format!("{}ix_{name}", self.prefix));
            for column in columns {
                index.col(*column);
            }
            index.take()
        };
        let unique = |table: &DynIden, name: &str, columns: &[&'static str]| {
            index(table, name, columns).unique().take()
        };
        vec![
            unique(&tables.users, "users_email", &["email"]),
            unique(&tables.users, "users_username", &["username"]),
            unique(&tables.sessions, "sessions_digest", &["token_digest"]),
            index(
                &tables.sessions,
                "sessions_user",
                &["user_id", "created_at"],
            ),
            index(&tables.sessions, "sessions_idle", &["idle_expires_at"]),
            index(&tables.sessions, "sessions_end", &["expires_at"]),
            index(&tables.one_time, "one_time_end", &["forget_at"]),
            index(&tables.throttles, "throttles_end", &["forget_at"]),
            index(&tables.grants, "grants_client", &["client_id"]),
            index(&tables.grants, "grants_subject", &["subject", "client_id"]),
            index(&tables.grants, "grants_session", &["session_id"]),
            index(&tables.grants, "grants_end", &["expires_at"]),
            index(&tables.refresh_tokens, "refresh_grant", &["grant_id"]),
            index(&tables.refresh_tokens, "refresh_end", &["expires_at"]),
            unique(
                &tables.signing_keys,
                "signing_keys_generation",
                &["algorithm", "generation"],
            ),
            index(&tables.signing_keys, "signing_keys_end", &["retired_at"]),
        ]
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
        for table in self.tables() {
            manager.create_table(table).await?;
        }
        for index in self.indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn id(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(ID).not_null().take()
}

fn client_id() -> ColumnDef {
    ColumnDef::new("client_id")
        .string_len(CLIENT_ID)
        .not_null()
        .take()
}

fn digest(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).string_len(DIGEST).not_null().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn integer(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

fn table(name: &DynIden, columns: impl IntoIterator<Item = ColumnDef>) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name.clone()).if_not_exists();
    for mut column in columns {
        table.col(&mut column);
    }
    table.take()
}

fn users(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            id("id").primary_key().take(),
            ColumnDef::new("email").string_len(ADDRESS).take(),
            ColumnDef::new("email_verified_at").big_integer().take(),
            ColumnDef::new("username").string_len(ID).take(),
            text("claims"),
            ColumnDef::new("password_hash").text().take(),
            ColumnDef::new("password_set_at").big_integer().take(),
            integer("created_at"),
            integer("updated_at"),
            ColumnDef::new("disabled_at").big_integer().take(),
        ],
    )
}

fn sessions(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            id("id").primary_key().take(),
            digest("token_digest"),
            id("user_id"),
            integer("created_at"),
            integer("auth_time"),
            text("amr"),
            ColumnDef::new("acr").text().take(),
            integer("last_seen_at"),
            integer("idle_expires_at"),
            integer("expires_at"),
            flag("remember"),
            ColumnDef::new("user_agent").text().take(),
            ColumnDef::new("address").string_len(NAME).take(),
        ],
    )
}

fn one_time(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            ColumnDef::new("kind").string_len(NAME).not_null().take(),
            digest("digest"),
            ColumnDef::new("payload").blob().not_null().take(),
            integer("expires_at"),
            integer("keep_until"),
            flag("spent"),
            // `expires_at` while unspent, `keep_until` once spent.
            integer("forget_at"),
        ],
    )
    .primary_key(Index::create().col("kind").col("digest"))
    .take()
}

fn throttles(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            digest("digest").primary_key().take(),
            integer("attempts"),
            integer("window_started_at"),
            integer("locked_until"),
            integer("locks"),
            integer("forget_at"),
        ],
    )
}

fn clients(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            client_id().primary_key().take(),
            text("metadata"),
            text("secrets"),
            flag("first_party"),
            ColumnDef::new("disabled_at").big_integer().take(),
            integer("created_at"),
            integer("updated_at"),
            integer("version"),
        ],
    )
}

fn grants(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            id("id").primary_key().take(),
            client_id(),
            id("subject"),
            ColumnDef::new("session_id").string_len(ID).take(),
            text("scopes"),
            text("details"),
            flag("offline"),
            integer("created_at"),
            integer("expires_at"),
            ColumnDef::new("revoked_at").big_integer().take(),
        ],
    )
}

fn refresh_tokens(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            digest("digest").primary_key().take(),
            id("grant_id"),
            integer("created_at"),
            integer("expires_at"),
            ColumnDef::new("successor_digest").string_len(DIGEST).take(),
            ColumnDef::new("successor_sealed").blob().take(),
            ColumnDef::new("rotated_at").big_integer().take(),
            // What it replaced: a replay of that one is judged by this row, so this row stays as long.
            ColumnDef::new("predecessor").string_len(DIGEST).take(),
        ],
    )
}

fn consents(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            id("subject"),
            client_id(),
            text("scopes"),
            integer("granted_at"),
            integer("updated_at"),
        ],
    )
    .primary_key(Index::create().col("subject").col("client_id"))
    .take()
}

fn signing_keys(name: &DynIden) -> TableCreateStatement {
    table(
        name,
        [
            ColumnDef::new("kid")
                .string_len(ID)
                .not_null()
                .primary_key()
                .take(),
            ColumnDef::new("algorithm")
                .string_len(NAME)
                .not_null()
                .take(),
            integer("generation"),
            ColumnDef::new("sealed_private_key")
                .blob()
                .not_null()
                .take(),
            integer("created_at"),
            integer("active_from"),
            ColumnDef::new("retired_at").big_integer().take(),
        ],
    )
}
