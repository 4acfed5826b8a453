//! Single-use values.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{Consumed, OneTimeKind, OneTimeStore, OneTimeValue, StoreResult};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::moment;
use crate::database::{Dialect as _, Field, Run as _};

const RECORD: &str = "one-time value";
const COLUMNS: [&str; 3] = ["payload", "expires_at", "keep_until"];

#[derive(FromQueryResult)]
struct ValueRow {
    payload: Vec<u8>,
    expires_at: i64,
    keep_until: i64,
}

#[derive(FromQueryResult)]
struct KeptRow {
    forget_at: i64,
}

impl ValueRow {
    fn into_value(self, kind: OneTimeKind, key: &Digest32) -> OneTimeValue {
        OneTimeValue {
            kind,
            key: *key,
            payload: self.payload,
            expires_at: moment(self.expires_at),
            keep_until: moment(self.keep_until),
        }
    }
}

fn row(value: &OneTimeValue, spent: bool) -> [Field; 7] {
    let forget_at = if spent {
        value.keep_until
    } else {
        value.expires_at
    };
    [
        ("kind", value.kind.as_str().into()),
        ("digest", value.key.to_text().into()),
        ("payload", value.payload.clone().into()),
        ("expires_at", value.expires_at.millis().into()),
        ("keep_until", value.keep_until.millis().into()),
        ("spent", spent.into()),
        ("forget_at", forget_at.millis().into()),
    ]
}

fn at(kind: OneTimeKind, key: &Digest32) -> Expr {
    Expr::col("kind")
        .eq(kind.as_str())
        .and(Expr::col("digest").eq(key.to_text()))
}

fn kept(spent: bool, now: Timestamp) -> Expr {
    Expr::col("spent")
        .eq(spent)
        .and(Expr::col("forget_at").gt(now.millis()))
}

impl SeaOrmStore {
    fn select_one_time(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        spent: bool,
        now: Timestamp,
    ) -> SelectStatement {
        Query::select()
            .columns(COLUMNS)
            .column("forget_at")
            .from(self.tables.one_time.clone())
            .and_where(at(kind, key))
            .and_where(kept(spent, now))
            .take()
    }
}

#[async_trait]
impl OneTimeStore for SeaOrmStore {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        let row = row(value, false);
        self.verb()
            .insert(RECORD, &self.tables.one_time, &row)
            .await
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        let select = self.select_one_time(kind, key, false, now);
        let row: Option<ValueRow> = self.verb().one(RECORD, &select).await?;
        Ok(row.map(|row| row.into_value(kind, key)))
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        let spend = Query::update()
            .table(self.tables.one_time.clone())
            .value("spent", true)
            .value("forget_at", Expr::col("keep_until"))
            .and_where(at(kind, key))
            .and_where(kept(false, now))
            .take();
        let mut db = self.verb();
        let spent = self.select_one_time(kind, key, true, now);
        let row = db.update_returning(RECORD, spend, &COLUMNS, spent.clone());
        if let Some(row) = row.await? {
            return Ok(Consumed::First(ValueRow::into_value(row, kind, key)));
        }
        let row: Option<ValueRow> = db.one(RECORD, &spent).await?;
        Ok(row.map_or(Consumed::Absent, |row| {
            Consumed::Again(row.into_value(kind, key))
        }))
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool> {
        let value = OneTimeValue {
            kind,
            key: *key,
            payload: Vec::new(),
            expires_at: keep_until,
            keep_until,
        };
        // A row that decides nothing any more, and was not pruned yet, is as good as none.
        let forgotten = Expr::col((self.tables.one_time.clone(), "forget_at")).lte(now.millis());
        let (table, row) = (&self.tables.one_time, row(&value, true));
        self.verb().claim(RECORD, table, 2, &row, &forgotten).await
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let select = self.select_one_time(kind, key, true, now);
        let row: Option<KeptRow> = self.verb().one(RECORD, &select).await?;
        Ok(row.is_some_and(|row| row.forget_at > now.millis()))
    }
}
