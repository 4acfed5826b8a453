//! Sessions.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{Session, SessionId, SessionStore, StoreResult, UserId};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, Order, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::{digest, from_json, moment, to_json};
use crate::query::insert_if_free;

const RECORD: &str = "session";
const MOST_LISTED: u64 = 100;

const COLUMNS: [&str; 13] = [
    "id",
    "token_digest",
    "user_id",
    "created_at",
    "auth_time",
    "amr",
    "acr",
    "last_seen_at",
    "idle_expires_at",
    "expires_at",
    "remember",
    "user_agent",
    "address",
];

#[derive(FromQueryResult)]
struct SessionRow {
    id: String,
    token_digest: String,
    user_id: String,
    created_at: i64,
    auth_time: i64,
    amr: String,
    acr: Option<String>,
    last_seen_at: i64,
    idle_expires_at: i64,
    expires_at: i64,
    remember: bool,
    user_agent: Option<String>,
    address: Option<String>,
}

#[derive(FromQueryResult)]
struct IdRow {
    id: String,
}

impl SessionRow {
    fn into_session(self) -> StoreResult<Session> {
        Ok(Session {
            id: SessionId::new(self.id),
            token_digest: digest(RECORD, &self.token_digest)?,
            user_id: UserId::new(self.user_id),
            created_at: moment(self.created_at),
            auth_time: moment(self.auth_time),
            amr: from_json(RECORD, &self.amr)?,
            acr: self.acr,
            last_seen_at: moment(self.last_seen_at),
            idle_expires_at: moment(self.idle_expires_at),
            expires_at: moment(self.expires_at),
            remember: self.remember,
            user_agent: self.user_agent,
            address: self.address,
        })
    }
}

fn row(session: &Session) -> StoreResult<[(&'static str, Expr); 13]> {
    Ok([
        ("id", session.id.as_str().into()),
        ("token_digest", session.token_digest.to_text().into()),
        ("user_id", session.user_id.as_str().into()),
        ("created_at", session.created_at.millis().into()),
        ("auth_time", session.auth_time.millis().into()),
        ("amr", to_json(RECORD, &session.amr)?.into()),
        ("acr", session.acr.clone().into()),
        ("last_seen_at", session.last_seen_at.millis().into()),
        ("idle_expires_at", session.idle_expires_at.millis().into()),
        ("expires_at", session.expires_at.millis().into()),
        ("remember", session.remember.into()),
        ("user_agent", session.user_agent.clone().into()),
        ("address", session.address.clone().into()),
    ])
}

/// The later of a column and `moment`: `GREATEST`, which SQLite calls by another name.
fn later(column: &'static str, moment: Timestamp) -> CaseStatement {
    CaseStatement::new()
        .case(Expr::col(column).lt(moment.millis()), moment.millis())
        .finally(Expr::col(column))
}

impl SeaOrmStore {
    fn select_session(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns(COLUMNS)
            .from(self.tables.sessions.clone())
            .and_where(condition)
            .take()
    }

    async fn one_session(&self, condition: Expr) -> StoreResult<Option<Session>> {
        let select = self.select_session(condition);
        let row: Option<SessionRow> = self.db.one(RECORD, &select).await?;
        row.map(SessionRow::into_session).transpose()
    }
}

#[async_trait]
impl SessionStore for SeaOrmStore {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        let insert = insert_if_free(&self.tables.sessions, row(session)?);
        self.db.insert(RECORD, &insert).await
    }

    async fn session_by_digest(&self, digest: &Digest32) -> StoreResult<Option<Session>> {
        self.one_session(Expr::col("token_digest").eq(digest.to_text()))
            .await
    }

    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        self.one_session(Expr::col("id").eq(id.as_str())).await
    }

    async fn touch_session(
        &self,
        id: &SessionId,
        last_seen_at: Timestamp,
        idle_expires_at: Timestamp,
    ) -> StoreResult<()> {
        let moves = Expr::col("last_seen_at")
            .lt(last_seen_at.millis())
            .or(Expr::col("idle_expires_at").lt(idle_expires_at.millis()));
        let update = Query::update()
            .table(self.tables.sessions.clone())
            .value("last_seen_at", later("last_seen_at", last_seen_at))
            .value("idle_expires_at", later("idle_expires_at", idle_expires_at))
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(moves)
            .take();
        self.db.write(RECORD, &update).await?;
        Ok(())
    }

    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        let update = Query::update()
            .table(self.tables.sessions.clone())
            .values(row(session)?)
            .and_where(Expr::col("token_digest").eq(old.to_text()))
            .and_where(Expr::col("id").eq(session.id.as_str()))
            .take();
        Ok(self.db.write(RECORD, &update).await? > 0)
    }

    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        let select = self
            .select_session(Expr::col("user_id").eq(user.as_str()))
            .order_by("created_at", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(MOST_LISTED)
            .take();
        let rows: Vec<SessionRow> = self.db.all(RECORD, &select).await?;
        rows.into_iter().map(SessionRow::into_session).collect()
    }

    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        let delete = Query::delete()
            .from_table(self.tables.sessions.clone())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(Expr::col("user_id").eq(user.as_str()))
            .take();
        Ok(self.db.write(RECORD, &delete).await? > 0)
    }

    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        let delete = Query::delete()
            .from_table(self.tables.sessions.clone())
            .and_where(Expr::col("user_id").eq(user.as_str()))
            .and_where_option(except.map(|id| Expr::col("id").ne(id.as_str())))
            .returning_col("id")
            .take();
        let rows: Vec<IdRow> = self.db.write_returning(RECORD, &delete).await?;
        Ok(rows.into_iter().map(|row| SessionId::new(row.id)).collect())
    }
}
