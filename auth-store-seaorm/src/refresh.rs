//! Refresh tokens: a family is a chain of rows, each naming what replaced it and what it replaced.

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    ClientId, Grant, GrantId, RefreshToken, RotationOutcome, StoreResult, Successor,
};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement, UpdateStatement};

use crate::SeaOrmStore;
use crate::codec::{digest as read_digest, moment};
use crate::database::{Dialect as _, Field, Run as _, Transaction};
use crate::grant::{GrantRow, RECORD as GRANT};

const RECORD: &str = "refresh token";

#[derive(FromQueryResult)]
struct TokenRow {
    digest: String,
    grant_id: String,
    created_at: i64,
    expires_at: i64,
    successor_digest: Option<String>,
    successor_sealed: Option<Vec<u8>>,
    rotated_at: Option<i64>,
}

impl TokenRow {
    fn into_token(self) -> StoreResult<RefreshToken> {
        let successor = match (
            self.successor_digest,
            self.successor_sealed,
            self.rotated_at,
        ) {
            (Some(digest), Some(sealed), Some(rotated_at)) => Some(Successor {
                digest: read_digest(RECORD, &digest)?,
                sealed,
                rotated_at: moment(rotated_at),
            }),
            _ => None,
        };
        Ok(RefreshToken {
            digest: read_digest(RECORD, &self.digest)?,
            grant_id: GrantId::new(self.grant_id),
            created_at: moment(self.created_at),
            expires_at: moment(self.expires_at),
            successor,
        })
    }
}

impl SeaOrmStore {
    fn select_token(&self, digest: &Digest32) -> SelectStatement {
        Query::select()
            .columns([
                "digest",
                "grant_id",
                "created_at",
                "expires_at",
                "successor_digest",
                "successor_sealed",
                "rotated_at",
            ])
            .from(self.tables.refresh_tokens.clone())
            .and_where(Expr::col("digest").eq(digest.to_text()))
            .take()
    }

    /// The row of a token that replaces `predecessor`.
    fn token_row(token: &RefreshToken, predecessor: Option<&Digest32>) -> [Field; 5] {
        [
            ("digest", token.digest.to_text().into()),
            ("grant_id", token.grant_id.as_str().into()),
            ("created_at", token.created_at.millis().into()),
            ("expires_at", token.expires_at.millis().into()),
            ("predecessor", predecessor.map(Digest32::to_text).into()),
        ]
    }

    pub(crate) async fn start_family(
        &self,
        token: &RefreshToken,
        grant_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let extend = &Query::update()
            .table(self.tables.grants.clone())
            .value("expires_at", grant_expires_at.millis())
            .and_where(Expr::col("id").eq(token.grant_id.as_str()))
            .and_where(Expr::col("revoked_at").is_null())
            .and_where(Expr::col("expires_at").gt(now.millis()))
            .take();
        let row = &Self::token_row(token, None);
        self.verb()
            .transact(RECORD, |mut transaction| async move {
                if transaction.write(GRANT, extend).await? == 0 {
                    return Ok(false);
                }
                let table = &self.tables.refresh_tokens;
                transaction.insert(RECORD, table, row).await?;
                Ok(true)
            })
            .await
    }

    pub(crate) async fn read_token(
        &self,
        digest: &Digest32,
    ) -> StoreResult<Option<(RefreshToken, Grant)>> {
        let mut db = self.verb();
        let select = self.select_token(digest);
        let Some(row) = db.one::<TokenRow>(RECORD, &select).await? else {
            return Ok(None);
        };
        let token = row.into_token()?;
        let select = self.select_grant(token.grant_id.as_str());
        let grant: Option<GrantRow> = db.one(GRANT, &select).await?;
        let grant = grant.map(GrantRow::into_grant).transpose()?;
        Ok(grant.map(|grant| (token, grant)))
    }

    pub(crate) async fn rotate_token(
        &self,
        digest: &Digest32,
        client: &ClientId,
        successor: &Successor,
        successor_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<RotationOutcome> {
        let spend = &self.spend(digest, client, successor, now);
        let of_token = &self.select_grant_of(digest);
        self.verb()
            .transact(RECORD, |mut transaction| async move {
                if transaction.write(RECORD, spend).await? == 0 {
                    return self
                        .judge_spent(&mut transaction, digest, client, now)
                        .await;
                }
                let grant: Option<GrantRow> = transaction.one(GRANT, of_token).await?;
                let grant = match grant.map(GrantRow::into_grant).transpose()? {
                    Some(grant) if grant.is_live(now) => grant,
                    // Revoked in this very moment.
                    _ => {
                        transaction.undo().await;
                        return Ok(RotationOutcome::Refused);
                    }
                };
                let next = RefreshToken {
                    digest: successor.digest,
                    grant_id: grant.id.clone(),
                    created_at: now,
                    expires_at: successor_expires_at,
                    successor: None,
                };
                let row = Self::token_row(&next, Some(digest));
                let table = &self.tables.refresh_tokens;
                transaction.insert(RECORD, table, &row).await?;
                Ok(RotationOutcome::Rotated(grant))
            })
            .await
    }

    /// The grant of a token.
    fn select_grant_of(&self, digest: &Digest32) -> SelectStatement {
        let id = Query::select()
            .column("grant_id")
            .from(self.tables.refresh_tokens.clone())
            .and_where(Expr::col("digest").eq(digest.to_text()))
            .take();
        self.select_grants(Expr::col("id").in_subquery(id))
    }

    /// Marks the token used if it is unused and counts. The one step that decides who of many is first.
    fn spend(
        &self,
        digest: &Digest32,
        client: &ClientId,
        successor: &Successor,
        now: Timestamp,
    ) -> UpdateStatement {
        let (tokens, grants) = (&self.tables.refresh_tokens, &self.tables.grants);
        let of_grant = |name: &'static str| Expr::col((grants.clone(), name));
        let live_grant = Query::select()
            .expr(Expr::val(1))
            .from(grants.clone())
            .and_where(of_grant("id").equals((tokens.clone(), "grant_id")))
            .and_where(of_grant("client_id").eq(client.as_str()))
            .and_where(of_grant("revoked_at").is_null())
            .and_where(of_grant("expires_at").gt(now.millis()))
            .take();
        Query::update()
            .table(tokens.clone())
            .value("successor_digest", successor.digest.to_text())
            .value("successor_sealed", successor.sealed.clone())
            .value("rotated_at", now.millis())
            .and_where(Expr::col("digest").eq(digest.to_text()))
            .and_where(Expr::col("successor_digest").is_null())
            .and_where(Expr::col("expires_at").gt(now.millis()))
            .and_where(Expr::exists(live_grant))
            .take()
    }

    /// What a token is that could not be spent: a retry, a replay, or nothing.
    async fn judge_spent(
        &self,
        transaction: &mut Transaction,
        digest: &Digest32,
        client: &ClientId,
        now: Timestamp,
    ) -> StoreResult<RotationOutcome> {
        let select = self.select_token(digest);
        let Some(row) = transaction.one::<TokenRow>(RECORD, &select).await? else {
            return Ok(RotationOutcome::Refused);
        };
        let token = row.into_token()?;
        let Some(stands) = token.successor else {
            return Ok(RotationOutcome::Refused);
        };
        let select = self.select_grant(token.grant_id.as_str());
        let grant: Option<GrantRow> = transaction.one(GRANT, &select).await?;
        let grant = match grant.map(GrantRow::into_grant).transpose()? {
            Some(grant)
                if grant.is_live(now) && grant.client_id == *client && now < token.expires_at =>
            {
                grant
            }
            _ => return Ok(RotationOutcome::Refused),
        };
        let select = self.select_token(&stands.digest);
        let next: Option<TokenRow> = transaction.one(RECORD, &select).await?;
        if next.is_some_and(|next| next.successor_digest.is_none()) {
            return Ok(RotationOutcome::Retried(grant, stands));
        }
        let revoke = self.revoke(Expr::col("id").eq(grant.id.as_str()), now);
        if transaction.write(GRANT, &revoke).await? == 0 {
            return Ok(RotationOutcome::Refused);
        }
        Ok(RotationOutcome::Reused(Grant {
            revoked_at: Some(now),
            ..grant
        }))
    }
}
