//! Identities at other providers.

use std::collections::BTreeSet;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    IdentityId, IdentityStore, IdentityUse, LinkIdentity, LinkedIdentity, StoreError, StoreResult,
    UserId,
};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, Order, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::{from_version, millis, moment, to_version};
use crate::database::{Dialect as _, Field, Run as _};
use crate::slot::free_slot;

const RECORD: &str = "linked identity";

#[derive(FromQueryResult)]
struct IdentityRow {
    id: String,
    user_id: String,
    upstream: String,
    issuer: String,
    subject: String,
    display: Option<String>,
    tokens: Option<Vec<u8>>,
    tokens_version: i64,
    created_at: i64,
    last_used_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct SlotRow {
    id: String,
    digest: String,
    user_id: String,
    slot: i64,
}

impl IdentityRow {
    fn into_identity(self) -> StoreResult<LinkedIdentity> {
        Ok(LinkedIdentity {
            id: IdentityId::new(self.id),
            user_id: UserId::new(self.user_id),
            upstream: self.upstream,
            issuer: self.issuer,
            subject: self.subject,
            display: self.display,
            tokens: self.tokens,
            tokens_version: from_version(RECORD, self.tokens_version)?,
            created_at: moment(self.created_at),
            last_used_at: self.last_used_at.map(moment),
        })
    }
}

/// One key for issuer and subject together, which can be longer than any database can index.
fn key(issuer: &str, subject: &str) -> String {
    Digest32::of_parts(&[issuer.as_bytes(), subject.as_bytes()]).to_text()
}

fn row(identity: &LinkedIdentity, key: &str, slot: i64) -> StoreResult<[Field; 12]> {
    let version = to_version(RECORD, identity.tokens_version)?;
    Ok([
        ("id", identity.id.as_str().into()),
        ("digest", key.into()),
        ("user_id", identity.user_id.as_str().into()),
        ("slot", slot.into()),
        ("upstream", identity.upstream.as_str().into()),
        ("issuer", identity.issuer.as_str().into()),
        ("subject", identity.subject.as_str().into()),
        ("display", identity.display.clone().into()),
        ("tokens", identity.tokens.clone().into()),
        ("tokens_version", version.into()),
        ("created_at", identity.created_at.millis().into()),
        ("last_used_at", millis(identity.last_used_at).into()),
    ])
}

fn of(user: &UserId) -> Expr {
    Expr::col("user_id").eq(user.as_str())
}

fn with(id: &IdentityId) -> Expr {
    Expr::col("id").eq(id.as_str())
}

fn next_version() -> Expr {
    Expr::col("tokens_version").add(1)
}

impl SeaOrmStore {
    fn select_identity(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns([
                "id",
                "user_id",
                "upstream",
                "issuer",
                "subject",
                "display",
                "tokens",
                "tokens_version",
                "created_at",
                "last_used_at",
            ])
            .from(self.tables.identities.clone())
            .and_where(condition)
            .take()
    }

    /// What can be in the way of this identity.
    fn select_identities_in_the_way(
        &self,
        identity: &LinkedIdentity,
        key: &str,
    ) -> SelectStatement {
        let in_the_way = Cond::any()
            .add(of(&identity.user_id))
            .add(Expr::col("digest").eq(key))
            .add(with(&identity.id));
        Query::select()
            .columns(["id", "digest", "user_id", "slot"])
            .from(self.tables.identities.clone())
            .cond_where(in_the_way)
            .take()
    }
}

#[async_trait]
impl IdentityStore for SeaOrmStore {
    /// Three unique keys decide: the identity's digest, its id, and its slot among the user's.
    async fn link_identity(
        &self,
        identity: &LinkedIdentity,
        most: u32,
    ) -> StoreResult<LinkIdentity> {
        let key = key(&identity.issuer, &identity.subject);
        let (user, id) = (identity.user_id.as_str(), identity.id.as_str());
        let select = self.select_identities_in_the_way(identity, &key);
        let mut db = self.verb();
        loop {
            let rows: Vec<SlotRow> = db.all(RECORD, &select).await?;
            if rows.iter().any(|row| row.digest == key) {
                return Ok(LinkIdentity::Exists);
            }
            if rows.iter().any(|row| row.id == id) {
                return Err(StoreError::Exists { record: RECORD });
            }
            let theirs = rows.iter().filter(|row| row.user_id == user);
            let taken: BTreeSet<_> = theirs.map(|row| row.slot).collect();
            let Some(slot) = free_slot(&taken, most, id) else {
                return Ok(LinkIdentity::TooMany);
            };
            let (table, row) = (&self.tables.identities, row(identity, &key, slot)?);
            if db.insert_if_free(RECORD, table, &row).await? {
                return Ok(LinkIdentity::Linked);
            }
            if !db.has_time() {
                let why = "other identities were faster every time";
                return Err(StoreError::unavailable(why));
            }
        }
    }

    async fn identity(&self, issuer: &str, subject: &str) -> StoreResult<Option<LinkedIdentity>> {
        let select = self.select_identity(Expr::col("digest").eq(key(issuer, subject)));
        let row: Option<IdentityRow> = self.verb().one(RECORD, &select).await?;
        row.map(IdentityRow::into_identity).transpose()
    }

    async fn identities_of(&self, user: &UserId) -> StoreResult<Vec<LinkedIdentity>> {
        let select = self
            .select_identity(of(user))
            .order_by("created_at", Order::Asc)
            .order_by("id", Order::Asc)
            .take();
        let rows: Vec<IdentityRow> = self.verb().all(RECORD, &select).await?;
        rows.into_iter().map(IdentityRow::into_identity).collect()
    }

    async fn use_identity(
        &self,
        id: &IdentityId,
        seen: &IdentityUse,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut update = Query::update();
        update
            .table(self.tables.identities.clone())
            .value("upstream", seen.upstream.as_str())
            .value("display", seen.display.clone())
            .value("last_used_at", now.millis())
            .and_where(with(id));
        if let Some(tokens) = &seen.tokens {
            update
                .value("tokens", tokens.clone())
                .value("tokens_version", next_version());
        }
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn replace_identity_tokens(
        &self,
        id: &IdentityId,
        expected: u64,
        tokens: Option<&[u8]>,
    ) -> StoreResult<bool> {
        // No version gets there, and no column.
        let Ok(expected) = i64::try_from(expected) else {
            return Ok(false);
        };
        let update = Query::update()
            .table(self.tables.identities.clone())
            .value("tokens", tokens.map(<[u8]>::to_vec))
            .value("tokens_version", next_version())
            .and_where(with(id))
            .and_where(Expr::col("tokens_version").eq(expected))
            .take();
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn unlink_identity(&self, user: &UserId, id: &IdentityId) -> StoreResult<bool> {
        let delete = Query::delete()
            .from_table(self.tables.identities.clone())
            .and_where(with(id))
            .and_where(of(user))
            .take();
        Ok(self.verb().write(RECORD, &delete).await? > 0)
    }

    async fn unlink_identities(&self, user: &UserId) -> StoreResult<u64> {
        let delete = Query::delete()
            .from_table(self.tables.identities.clone())
            .and_where(of(user))
            .take();
        self.verb().write(RECORD, &delete).await
    }
}
