//! TOTP secrets and backup codes.

use std::collections::BTreeSet;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{FactorId, FactorStore, StoreError, StoreResult, TotpFactor, UserId};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement, UpdateStatement};

use crate::SeaOrmStore;
use crate::codec::{from_json, millis, moment, to_json};
use crate::database::{Dialect as _, Field, Run as _};

const TOTP: &str = "TOTP factor";
const CODES: &str = "set of backup codes";

#[derive(FromQueryResult)]
struct TotpRow {
    id: String,
    user_id: String,
    secret: Vec<u8>,
    created_at: i64,
    confirmed_at: Option<i64>,
    last_step: Option<i64>,
}

#[derive(FromQueryResult)]
struct CodesRow {
    codes: String,
}

impl TotpRow {
    fn into_factor(self) -> StoreResult<TotpFactor> {
        let last_step = self.last_step.map(u64::try_from).transpose();
        Ok(TotpFactor {
            id: FactorId::new(self.id),
            user_id: UserId::new(self.user_id),
            secret: self.secret,
            created_at: moment(self.created_at),
            confirmed_at: self.confirmed_at.map(moment),
            last_step: last_step.map_err(|error| StoreError::corrupt(TOTP, error))?,
        })
    }
}

fn totp_row(totp: &TotpFactor) -> StoreResult<[Field; 6]> {
    let last_step = totp.last_step.map(i64::try_from).transpose();
    let last_step = last_step.map_err(|error| StoreError::corrupt(TOTP, error))?;
    Ok([
        ("user_id", totp.user_id.as_str().into()),
        ("id", totp.id.as_str().into()),
        ("secret", totp.secret.clone().into()),
        ("created_at", totp.created_at.millis().into()),
        ("confirmed_at", millis(totp.confirmed_at).into()),
        ("last_step", last_step.into()),
    ])
}

/// The digests as one column holds them, in one order.
fn codes_text(codes: impl IntoIterator<Item = String>) -> StoreResult<String> {
    to_json(CODES, &codes.into_iter().collect::<BTreeSet<_>>())
}

fn codes_of(row: Option<CodesRow>) -> StoreResult<BTreeSet<String>> {
    row.map_or_else(|| Ok(BTreeSet::new()), |row| from_json(CODES, &row.codes))
}

fn of(user: &UserId) -> Expr {
    Expr::col("user_id").eq(user.as_str())
}

impl SeaOrmStore {
    fn update_totp(&self, user: &UserId, id: &FactorId) -> UpdateStatement {
        Query::update()
            .table(self.tables.totp.clone())
            .and_where(of(user))
            .and_where(Expr::col("id").eq(id.as_str()))
            .take()
    }

    fn select_codes(&self, user: &UserId) -> SelectStatement {
        Query::select()
            .column("codes")
            .from(self.tables.backup_codes.clone())
            .and_where(of(user))
            .take()
    }
}

#[async_trait]
impl FactorStore for SeaOrmStore {
    async fn totp(&self, user: &UserId) -> StoreResult<Option<TotpFactor>> {
        let select = Query::select()
            .columns([
                "id",
                "user_id",
                "secret",
                "created_at",
                "confirmed_at",
                "last_step",
            ])
            .from(self.tables.totp.clone())
            .and_where(of(user))
            .take();
        let row: Option<TotpRow> = self.verb().one(TOTP, &select).await?;
        row.map(TotpRow::into_factor).transpose()
    }

    async fn begin_totp(&self, totp: &TotpFactor) -> StoreResult<bool> {
        let table = &self.tables.totp;
        let unconfirmed = Expr::col((table.clone(), "confirmed_at")).is_null();
        let row = totp_row(totp)?;
        let mut db = self.verb();
        db.claim(TOTP, table, 1, &row, &unconfirmed).await
    }

    async fn confirm_totp(
        &self,
        user: &UserId,
        id: &FactorId,
        step: u64,
        now: Timestamp,
    ) -> StoreResult<bool> {
        // No clock gets there, and no column.
        let Ok(step) = i64::try_from(step) else {
            return Ok(false);
        };
        let confirm = self
            .update_totp(user, id)
            .value("confirmed_at", now.millis())
            .value("last_step", step)
            .and_where(Expr::col("confirmed_at").is_null())
            .take();
        Ok(self.verb().write(TOTP, &confirm).await? > 0)
    }

    async fn spend_totp_step(&self, user: &UserId, id: &FactorId, step: u64) -> StoreResult<bool> {
        let Ok(step) = i64::try_from(step) else {
            return Ok(false);
        };
        let later = Expr::col("last_step").is_null();
        let spend = self
            .update_totp(user, id)
            .value("last_step", step)
            .and_where(Expr::col("confirmed_at").is_not_null())
            .and_where(later.or(Expr::col("last_step").lt(step)))
            .take();
        Ok(self.verb().write(TOTP, &spend).await? > 0)
    }

    async fn reseal_totp(&self, user: &UserId, id: &FactorId, secret: &[u8]) -> StoreResult<()> {
        let reseal = self
            .update_totp(user, id)
            .value("secret", secret.to_vec())
            .take();
        self.verb().write(TOTP, &reseal).await?;
        Ok(())
    }

    async fn remove_totp(&self, user: &UserId) -> StoreResult<bool> {
        let delete = Query::delete()
            .from_table(self.tables.totp.clone())
            .and_where(of(user))
            .take();
        Ok(self.verb().write(TOTP, &delete).await? > 0)
    }

    /// All codes of a user are one row, so that of two sets that are made at once one stands and no mixture.
    async fn replace_backup_codes(&self, user: &UserId, codes: &[Digest32]) -> StoreResult<()> {
        let table = &self.tables.backup_codes;
        let mut db = self.verb();
        if codes.is_empty() {
            let delete = Query::delete()
                .from_table(table.clone())
                .and_where(of(user))
                .take();
            db.write(CODES, &delete).await?;
            return Ok(());
        }
        let row = [
            ("user_id", user.as_str().into()),
            (
                "codes",
                codes_text(codes.iter().map(Digest32::to_text))?.into(),
            ),
        ];
        let whatever_stands = Expr::col((table.clone(), "user_id")).is_not_null();
        db.claim(CODES, table, 1, &row, &whatever_stands).await?;
        Ok(())
    }

    async fn consume_backup_code(&self, user: &UserId, code: &Digest32) -> StoreResult<bool> {
        let stands = &self.select_codes(user).lock_exclusive().take();
        let code = &code.to_text();
        self.verb()
            .transact(CODES, |mut transaction| async move {
                let mut codes = codes_of(transaction.one(CODES, stands).await?)?;
                if !codes.remove(code) {
                    return Ok(false);
                }
                let spend = Query::update()
                    .table(self.tables.backup_codes.clone())
                    .value("codes", codes_text(codes)?)
                    .and_where(of(user))
                    .take();
                transaction.write(CODES, &spend).await?;
                Ok(true)
            })
            .await
    }

    async fn backup_codes_left(&self, user: &UserId) -> StoreResult<u32> {
        let select = self.select_codes(user);
        let codes = codes_of(self.verb().one(CODES, &select).await?)?;
        Ok(u32::try_from(codes.len()).unwrap_or(u32::MAX))
    }
}
