//! Browsers seen and trusted.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    DeviceId, DeviceSeen, DeviceStore, StoreError, StoreResult, TrustedDevice, UserId,
};
use sea_orm::sea_query::{
    CaseStatement, Expr, ExprTrait as _, Order, Query, SelectStatement, UpdateStatement,
};
use sea_orm::{DynIden, FromQueryResult};

use crate::SeaOrmStore;
use crate::codec::{digest, moment};
use crate::database::{Dialect as _, Run as _, Verb};

const TRUSTED: &str = "trusted device";
const SEEN: &str = "seen device";
const MOST_LISTED: u64 = 100;

/// Looks at a browser that is noted and forgotten all the time, before that counts as an error.
const MOST_LOOKS: usize = 16;

#[derive(FromQueryResult)]
struct TrustedRow {
    id: String,
    user_id: String,
    token_digest: String,
    user_agent: Option<String>,
    created_at: i64,
    expires_at: i64,
}

#[derive(FromQueryResult)]
struct SeenRow {
    #[expect(dead_code, reason = "that there is a row is the answer")]
    digest: String,
}

impl TrustedRow {
    fn into_device(self) -> StoreResult<TrustedDevice> {
        Ok(TrustedDevice {
            id: DeviceId::new(self.id),
            user_id: UserId::new(self.user_id),
            token_digest: digest(TRUSTED, &self.token_digest)?,
            user_agent: self.user_agent,
            created_at: moment(self.created_at),
            expires_at: moment(self.expires_at),
        })
    }
}

/// One key for user and browser together: what is pruned in batches has a key of one column.
fn seen_key(user: &UserId, browser: &Digest32) -> String {
    Digest32::of_parts(&[user.as_str().as_bytes(), browser.as_bytes()]).to_text()
}

fn of(user: &UserId) -> Expr {
    Expr::col("user_id").eq(user.as_str())
}

impl SeaOrmStore {
    fn select_trusted(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns([
                "id",
                "user_id",
                "token_digest",
                "user_agent",
                "created_at",
                "expires_at",
            ])
            .from(self.tables.trusted_devices.clone())
            .and_where(condition)
            .take()
    }

    async fn forget_all(&self, db: &mut Verb, table: &DynIden, user: &UserId) -> StoreResult<u64> {
        let delete = Query::delete()
            .from_table(table.clone())
            .and_where(of(user))
            .take();
        db.write(TRUSTED, &delete).await
    }

    /// Moves the end of a browser that was seen before; never back.
    fn see_again(&self, key: &str, keep_until: Timestamp) -> UpdateStatement {
        let until = keep_until.millis();
        let later = CaseStatement::new()
            .case(Expr::col("keep_until").lt(until), until)
            .finally(Expr::col("keep_until"));
        Query::update()
            .table(self.tables.seen_devices.clone())
            .value("keep_until", later)
            .and_where(Expr::col("digest").eq(key))
            .take()
    }

    /// Whether any browser of this user is noted.
    async fn has_seen_any(&self, db: &mut Verb, user: &UserId) -> StoreResult<bool> {
        let any = Query::select()
            .column("digest")
            .from(self.tables.seen_devices.clone())
            .and_where(of(user))
            .limit(1)
            .take();
        let row: Option<SeenRow> = db.one(SEEN, &any).await?;
        Ok(row.is_some())
    }
}

#[async_trait]
impl DeviceStore for SeaOrmStore {
    async fn trust_device(&self, device: &TrustedDevice) -> StoreResult<()> {
        let row = [
            ("id", device.id.as_str().into()),
            ("user_id", device.user_id.as_str().into()),
            ("token_digest", device.token_digest.to_text().into()),
            ("user_agent", device.user_agent.clone().into()),
            ("created_at", device.created_at.millis().into()),
            ("expires_at", device.expires_at.millis().into()),
        ];
        let mut db = self.verb();
        db.insert(TRUSTED, &self.tables.trusted_devices, &row).await
    }

    async fn trusted_device(&self, id: &DeviceId) -> StoreResult<Option<TrustedDevice>> {
        let select = self.select_trusted(Expr::col("id").eq(id.as_str()));
        let row: Option<TrustedRow> = self.verb().one(TRUSTED, &select).await?;
        row.map(TrustedRow::into_device).transpose()
    }

    async fn trusted_devices_of(&self, user: &UserId) -> StoreResult<Vec<TrustedDevice>> {
        let select = self
            .select_trusted(of(user))
            .order_by("created_at", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(MOST_LISTED)
            .take();
        let rows: Vec<TrustedRow> = self.verb().all(TRUSTED, &select).await?;
        rows.into_iter().map(TrustedRow::into_device).collect()
    }

    async fn distrust_device(&self, user: &UserId, id: &DeviceId) -> StoreResult<bool> {
        let delete = Query::delete()
            .from_table(self.tables.trusted_devices.clone())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(of(user))
            .take();
        Ok(self.verb().write(TRUSTED, &delete).await? > 0)
    }

    async fn distrust_devices(&self, user: &UserId) -> StoreResult<u64> {
        let mut db = self.verb();
        self.forget_all(&mut db, &self.tables.trusted_devices, user)
            .await
    }

    /// Two unique keys decide: the browser's own, who noted it; and one that a single row of a user can have, which
    /// browser was the first.
    async fn note_device(
        &self,
        user: &UserId,
        browser: &Digest32,
        _now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<DeviceSeen> {
        let key = seen_key(user, browser);
        let again = self.see_again(&key, keep_until);
        let mut db = self.verb();
        for _ in 0..MOST_LOOKS {
            if db.write(SEEN, &again).await? > 0 {
                return Ok(DeviceSeen::Known);
            }
            let is_first = !self.has_seen_any(&mut db, user).await?;
            let row = [
                ("digest", key.as_str().into()),
                ("user_id", user.as_str().into()),
                ("is_first", is_first.then_some(1_i64).into()),
                ("keep_until", keep_until.millis().into()),
            ];
            let table = &self.tables.seen_devices;
            if db.insert_if_free(SEEN, table, &row).await? {
                return Ok(if is_first {
                    DeviceSeen::First
                } else {
                    DeviceSeen::New
                });
            }
            // Another call was faster, with this browser or with the first one.
        }
        Err(StoreError::unavailable(
            "a browser that is noted and forgotten all the time",
        ))
    }

    async fn forget_devices(&self, user: &UserId) -> StoreResult<()> {
        let mut db = self.verb();
        for table in [&self.tables.trusted_devices, &self.tables.seen_devices] {
            self.forget_all(&mut db, table, user).await?;
        }
        Ok(())
    }
}
