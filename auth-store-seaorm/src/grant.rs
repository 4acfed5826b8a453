//! Grants and consents; refresh tokens are next door.

use std::collections::BTreeSet;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    ClientId, Consent, Grant, GrantId, GrantStore, RefreshToken, RotationOutcome, SessionClient,
    SessionId, StoreResult, Successor,
};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query, SelectStatement, UpdateStatement};

use crate::SeaOrmStore;
use crate::codec::{from_json, millis, moment, to_json};
use crate::database::{Dialect as _, Field, Run as _};

pub(crate) const RECORD: &str = "grant";
pub(crate) const CONSENT: &str = "consent";
const MOST_LISTED: u64 = 1000;

#[derive(FromQueryResult)]
pub(crate) struct GrantRow {
    id: String,
    client_id: String,
    subject: String,
    session_id: Option<String>,
    scopes: String,
    details: String,
    offline: bool,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct EndRow {
    expires_at: i64,
}

#[derive(FromQueryResult)]
struct SessionClientRow {
    client_id: String,
    subject: String,
    scopes: String,
}

#[derive(FromQueryResult)]
struct ConsentRow {
    subject: String,
    client_id: String,
    scopes: String,
    granted_at: i64,
    updated_at: i64,
}

impl GrantRow {
    pub(crate) fn into_grant(self) -> StoreResult<Grant> {
        Ok(Grant {
            id: GrantId::new(self.id),
            client_id: ClientId::new(self.client_id),
            subject: self.subject,
            session_id: self.session_id.map(SessionId::new),
            scopes: from_json(RECORD, &self.scopes)?,
            details: from_json(RECORD, &self.details)?,
            offline: self.offline,
            created_at: moment(self.created_at),
            expires_at: moment(self.expires_at),
            revoked_at: self.revoked_at.map(moment),
        })
    }
}

impl SessionClientRow {
    fn into_client(self) -> StoreResult<SessionClient> {
        Ok(SessionClient {
            client_id: ClientId::new(self.client_id),
            subject: self.subject,
            scopes: from_json(RECORD, &self.scopes)?,
        })
    }
}

impl ConsentRow {
    fn into_consent(self) -> StoreResult<Consent> {
        Ok(Consent {
            subject: self.subject,
            client_id: ClientId::new(self.client_id),
            scopes: from_json(CONSENT, &self.scopes)?,
            granted_at: moment(self.granted_at),
            updated_at: moment(self.updated_at),
        })
    }
}

fn row(grant: &Grant) -> StoreResult<[Field; 10]> {
    let session_id = grant.session_id.as_ref().map(SessionId::as_str);
    Ok([
        ("id", grant.id.as_str().into()),
        ("client_id", grant.client_id.as_str().into()),
        ("subject", grant.subject.as_str().into()),
        ("session_id", session_id.into()),
        ("scopes", to_json(RECORD, &grant.scopes)?.into()),
        ("details", to_json(RECORD, &grant.details)?.into()),
        ("offline", grant.offline.into()),
        ("created_at", grant.created_at.millis().into()),
        ("expires_at", grant.expires_at.millis().into()),
        ("revoked_at", millis(grant.revoked_at).into()),
    ])
}

pub(crate) fn of(subject: &str, client: &ClientId) -> Expr {
    Expr::col("subject")
        .eq(subject)
        .and(Expr::col("client_id").eq(client.as_str()))
}

impl SeaOrmStore {
    pub(crate) fn select_grant(&self, id: &str) -> SelectStatement {
        self.select_grants(Expr::col("id").eq(id))
    }

    pub(crate) fn select_grants(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns([
                "id",
                "client_id",
                "subject",
                "session_id",
                "scopes",
                "details",
                "offline",
                "created_at",
                "expires_at",
                "revoked_at",
            ])
            .from(self.tables.grants.clone())
            .and_where(condition)
            .take()
    }

    /// Marks unrevoked grants revoked, expired ones too: another node's clock may think they live.
    pub(crate) fn revoke(&self, which: Expr, now: Timestamp) -> UpdateStatement {
        Query::update()
            .table(self.tables.grants.clone())
            .value("revoked_at", now.millis())
            .and_where(which)
            .and_where(Expr::col("revoked_at").is_null())
            .take()
    }

    fn select_consents(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns(["subject", "client_id", "scopes", "granted_at", "updated_at"])
            .from(self.tables.consents.clone())
            .and_where(condition)
            .take()
    }
}

#[async_trait]
impl GrantStore for SeaOrmStore {
    async fn insert_grant(&self, grant: &Grant) -> StoreResult<()> {
        let row = row(grant)?;
        self.verb().insert(RECORD, &self.tables.grants, &row).await
    }

    async fn grant(&self, id: &GrantId) -> StoreResult<Option<Grant>> {
        let select = self.select_grant(id.as_str());
        let row: Option<GrantRow> = self.verb().one(RECORD, &select).await?;
        row.map(GrantRow::into_grant).transpose()
    }

    async fn start_refresh_family(
        &self,
        token: &RefreshToken,
        grant_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.start_family(token, grant_expires_at, now).await
    }

    async fn rotate_refresh_token(
        &self,
        digest: &Digest32,
        client: &ClientId,
        successor: &Successor,
        successor_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<RotationOutcome> {
        self.rotate_token(digest, client, successor, successor_expires_at, now)
            .await
    }

    async fn refresh_token(&self, digest: &Digest32) -> StoreResult<Option<(RefreshToken, Grant)>> {
        self.read_token(digest).await
    }

    async fn revoke_grant(&self, id: &GrantId, now: Timestamp) -> StoreResult<bool> {
        let revoke = self.revoke(Expr::col("id").eq(id.as_str()), now);
        let same = self.select_grant(id.as_str());
        let mut db = self.verb();
        let row = db.update_returning(RECORD, revoke, &["expires_at"], same);
        let row: Option<EndRow> = row.await?;
        Ok(row.is_some_and(|row| row.expires_at > now.millis()))
    }

    async fn revoke_grants_of_client(&self, client: &ClientId, now: Timestamp) -> StoreResult<u64> {
        let update = self.revoke(Expr::col("client_id").eq(client.as_str()), now);
        self.verb().write(RECORD, &update).await
    }

    async fn revoke_grants_of_subject(&self, subject: &str, now: Timestamp) -> StoreResult<u64> {
        let update = self.revoke(Expr::col("subject").eq(subject), now);
        self.verb().write(RECORD, &update).await
    }

    async fn revoke_grants_of_session(
        &self,
        session: &SessionId,
        now: Timestamp,
    ) -> StoreResult<u64> {
        let of_session = Expr::col("session_id")
            .eq(session.as_str())
            .and(Expr::col("offline").eq(false));
        let update = self.revoke(of_session, now);
        self.verb().write(RECORD, &update).await
    }

    async fn clients_of_session(&self, session: &SessionId) -> StoreResult<Vec<SessionClient>> {
        let select = Query::select()
            .distinct()
            .columns(["client_id", "subject", "scopes"])
            .from(self.tables.grants.clone())
            .and_where(Expr::col("session_id").eq(session.as_str()))
            .order_by("client_id", Order::Asc)
            .limit(MOST_LISTED)
            .take();
        let rows: Vec<SessionClientRow> = self.verb().all(RECORD, &select).await?;
        rows.into_iter()
            .map(SessionClientRow::into_client)
            .collect()
    }

    async fn consent(&self, subject: &str, client: &ClientId) -> StoreResult<Option<Consent>> {
        let select = self.select_consents(of(subject, client));
        let row: Option<ConsentRow> = self.verb().one(CONSENT, &select).await?;
        row.map(ConsentRow::into_consent).transpose()
    }

    async fn remember_consent(
        &self,
        subject: &str,
        client: &ClientId,
        scopes: &BTreeSet<String>,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.join_consent(subject, client, scopes, now).await
    }

    async fn consents_of(&self, subject: &str) -> StoreResult<Vec<Consent>> {
        let select = self
            .select_consents(Expr::col("subject").eq(subject))
            .order_by("granted_at", Order::Asc)
            .order_by("client_id", Order::Asc)
            .limit(MOST_LISTED)
            .take();
        let rows: Vec<ConsentRow> = self.verb().all(CONSENT, &select).await?;
        rows.into_iter().map(ConsentRow::into_consent).collect()
    }

    async fn revoke_consent(
        &self,
        subject: &str,
        client: &ClientId,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let forget = &Query::delete()
            .from_table(self.tables.consents.clone())
            .and_where(of(subject, client))
            .take();
        let revoke = &self.revoke(of(subject, client), now);
        self.verb()
            .transact(CONSENT, |mut transaction| async move {
                let forgotten = transaction.write(CONSENT, forget).await? > 0;
                transaction.write(RECORD, revoke).await?;
                Ok(forgotten)
            })
            .await
    }
}
