//! Sessions.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{EndedSessions, Session, SessionId, SessionStore, StoreResult, UserId};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{
    CaseStatement, Cond, Expr, ExprTrait as _, Order, Query, SelectStatement,
};

use crate::SeaOrmStore;
use crate::codec::{digest, from_json, moment, to_json};
use crate::database::{Dialect as _, Field, Run as _};
use crate::ended::Watch;

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

fn row(session: &Session) -> StoreResult<[Field; 13]> {
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
}

#[async_trait]
impl SessionStore for SeaOrmStore {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        let row = row(session)?;
        self.verb()
            .insert(RECORD, &self.tables.sessions, &row)
            .await
    }

    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        let select = self.select_session(Expr::col("id").eq(id.as_str()));
        let row: Option<SessionRow> = self.verb().one(RECORD, &select).await?;
        row.map(SessionRow::into_session).transpose()
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
        self.verb().write(RECORD, &update).await?;
        Ok(())
    }

    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        let update = Query::update()
            .table(self.tables.sessions.clone())
            .values(row(session)?)
            .and_where(Expr::col("id").eq(session.id.as_str()))
            .and_where(Expr::col("token_digest").eq(old.to_text()))
            .take();
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        let select = self
            .select_session(Expr::col("user_id").eq(user.as_str()))
            .order_by("created_at", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(MOST_LISTED)
            .take();
        let rows: Vec<SessionRow> = self.verb().all(RECORD, &select).await?;
        rows.into_iter().map(SessionRow::into_session).collect()
    }

    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        let delete = &Query::delete()
            .from_table(self.tables.sessions.clone())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(Expr::col("user_id").eq(user.as_str()))
            .take();
        let db = self.verb();
        let revoked = db.transact(RECORD, |mut transaction| async move {
            let revoked = transaction.write(RECORD, delete).await? > 0;
            if revoked {
                self.tell(&mut transaction, user, std::slice::from_ref(id))
                    .await?;
            }
            Ok(revoked)
        });
        let revoked = revoked.await?;
        if revoked {
            self.db.ended.send_replace(());
        }
        Ok(revoked)
    }

    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        let table = &self.tables.sessions;
        let which = &Cond::all()
            .add(Expr::col("user_id").eq(user.as_str()))
            .add_option(except.map(|id| Expr::col("id").ne(id.as_str())));
        let db = self.verb();
        let revoked = db.transact(RECORD, |mut transaction| async move {
            let ids = transaction.delete_returning(RECORD, table, "id", which);
            let ids: Vec<_> = ids.await?.into_iter().map(SessionId::new).collect();
            self.tell(&mut transaction, user, &ids).await?;
            Ok(ids)
        });
        let revoked = revoked.await?;
        if !revoked.is_empty() {
            self.db.ended.send_replace(());
        }
        Ok(revoked)
    }

    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        Ok(Box::new(Watch::begin(self).await?))
    }
}
