//! Passkeys.

use std::collections::BTreeSet;

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{
    AddPasskey, Passkey, PasskeyId, PasskeyStore, StoreError, StoreResult, UserId,
};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, Order, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::{millis, moment, number};
use crate::database::{Dialect as _, Field, Run as _};
use crate::slot::free_slot;

const RECORD: &str = "passkey";

#[derive(FromQueryResult)]
struct PasskeyRow {
    id: String,
    user_id: String,
    name: String,
    credential: Vec<u8>,
    counter: i64,
    created_at: i64,
    last_used_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct SlotRow {
    id: String,
    slot: i64,
}

impl PasskeyRow {
    fn into_passkey(self) -> StoreResult<Passkey> {
        Ok(Passkey {
            id: PasskeyId::new(self.id),
            user_id: UserId::new(self.user_id),
            name: self.name,
            credential: self.credential,
            counter: number(RECORD, self.counter)?,
            created_at: moment(self.created_at),
            last_used_at: self.last_used_at.map(moment),
        })
    }
}

fn row(passkey: &Passkey, slot: i64) -> [Field; 8] {
    [
        ("id", passkey.id.as_str().into()),
        ("user_id", passkey.user_id.as_str().into()),
        ("slot", slot.into()),
        ("name", passkey.name.as_str().into()),
        ("credential", passkey.credential.clone().into()),
        ("counter", i64::from(passkey.counter).into()),
        ("created_at", passkey.created_at.millis().into()),
        ("last_used_at", millis(passkey.last_used_at).into()),
    ]
}

fn of(user: &UserId) -> Expr {
    Expr::col("user_id").eq(user.as_str())
}

fn with(id: &PasskeyId) -> Expr {
    Expr::col("id").eq(id.as_str())
}

impl SeaOrmStore {
    fn select_passkey(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns([
                "id",
                "user_id",
                "name",
                "credential",
                "counter",
                "created_at",
                "last_used_at",
            ])
            .from(self.tables.passkeys.clone())
            .and_where(condition)
            .take()
    }
}

#[async_trait]
impl PasskeyStore for SeaOrmStore {
    /// Two unique keys decide: the passkey's id, and its slot among the user's.
    async fn add_passkey(&self, passkey: &Passkey, most: u32) -> StoreResult<AddPasskey> {
        let in_the_way = Cond::any().add(of(&passkey.user_id)).add(with(&passkey.id));
        let select = Query::select()
            .columns(["id", "slot"])
            .from(self.tables.passkeys.clone())
            .cond_where(in_the_way)
            .take();
        let mut db = self.verb();
        loop {
            let rows: Vec<SlotRow> = db.all(RECORD, &select).await?;
            if rows.iter().any(|row| row.id == passkey.id.as_str()) {
                return Ok(AddPasskey::Exists);
            }
            let taken: BTreeSet<_> = rows.iter().map(|row| row.slot).collect();
            let Some(slot) = free_slot(&taken, most, passkey.id.as_str()) else {
                return Ok(AddPasskey::TooMany);
            };
            let (table, row) = (&self.tables.passkeys, row(passkey, slot));
            if db.insert_if_free(RECORD, table, &row).await? {
                return Ok(AddPasskey::Added);
            }
            if !db.has_time() {
                let why = "other passkeys were faster every time";
                return Err(StoreError::unavailable(why));
            }
        }
    }

    async fn passkey(&self, id: &PasskeyId) -> StoreResult<Option<Passkey>> {
        let select = self.select_passkey(with(id));
        let row: Option<PasskeyRow> = self.verb().one(RECORD, &select).await?;
        row.map(PasskeyRow::into_passkey).transpose()
    }

    async fn passkeys_of(&self, user: &UserId) -> StoreResult<Vec<Passkey>> {
        let select = self
            .select_passkey(of(user))
            .order_by("created_at", Order::Asc)
            .order_by("id", Order::Asc)
            .take();
        let rows: Vec<PasskeyRow> = self.verb().all(RECORD, &select).await?;
        rows.into_iter().map(PasskeyRow::into_passkey).collect()
    }

    async fn use_passkey(
        &self,
        id: &PasskeyId,
        expected: u32,
        counter: u32,
        credential: &[u8],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let update = Query::update()
            .table(self.tables.passkeys.clone())
            .value("credential", credential.to_vec())
            .value("counter", i64::from(counter))
            .value("last_used_at", now.millis())
            .and_where(with(id))
            .and_where(Expr::col("counter").eq(i64::from(expected)))
            .take();
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn rename_passkey(&self, user: &UserId, id: &PasskeyId, name: &str) -> StoreResult<bool> {
        let update = Query::update()
            .table(self.tables.passkeys.clone())
            .value("name", name)
            .and_where(with(id))
            .and_where(of(user))
            .take();
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn remove_passkey(&self, user: &UserId, id: &PasskeyId) -> StoreResult<bool> {
        let delete = Query::delete()
            .from_table(self.tables.passkeys.clone())
            .and_where(with(id))
            .and_where(of(user))
            .take();
        Ok(self.verb().write(RECORD, &delete).await? > 0)
    }

    async fn remove_passkeys(&self, user: &UserId) -> StoreResult<u64> {
        let delete = Query::delete()
            .from_table(self.tables.passkeys.clone())
            .and_where(of(user))
            .take();
        self.verb().write(RECORD, &delete).await
    }
}
