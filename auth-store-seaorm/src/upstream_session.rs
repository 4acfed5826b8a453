//! Sign-ins at other providers behind sessions here.

use async_trait::async_trait;
use auth_core::ground::Digest32;
use auth_core::store::{SessionId, StoreResult, UpstreamSession, UpstreamSessionStore, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{DbBackend, FromQueryResult};

use crate::SeaOrmStore;
use crate::codec::{from_version, moment, to_version};
use crate::database::{Dialect as _, Field, How, Run as _, Verb};

const RECORD: &str = "upstream session";
const COLUMNS: [&str; 9] = [
    "session_id",
    "user_id",
    "upstream",
    "issuer",
    "subject",
    "sid",
    "secrets",
    "version",
    "expires_at",
];

#[derive(FromQueryResult)]
struct UpstreamSessionRow {
    session_id: String,
    user_id: String,
    upstream: String,
    issuer: String,
    subject: String,
    sid: Option<String>,
    secrets: Vec<u8>,
    version: i64,
    expires_at: i64,
}

impl UpstreamSessionRow {
    fn into_session(self) -> StoreResult<UpstreamSession> {
        Ok(UpstreamSession {
            session_id: SessionId::new(self.session_id),
            user_id: UserId::new(self.user_id),
            upstream: self.upstream,
            issuer: self.issuer,
            subject: self.subject,
            sid: self.sid,
            secrets: self.secrets,
            version: from_version(RECORD, self.version)?,
            expires_at: moment(self.expires_at),
        })
    }
}

/// What another provider calls something, as a key: it can be longer than any database can index.
fn key(name: &str) -> String {
    Digest32::of(name).to_text()
}

fn row(session: &UpstreamSession) -> StoreResult<[Field; 12]> {
    let version = to_version(RECORD, session.version)?;
    Ok([
        ("session_id", session.session_id.as_str().into()),
        ("user_id", session.user_id.as_str().into()),
        ("upstream", session.upstream.as_str().into()),
        ("issuer", session.issuer.as_str().into()),
        ("issuer_digest", key(&session.issuer).into()),
        ("subject", session.subject.as_str().into()),
        ("subject_digest", key(&session.subject).into()),
        ("sid", session.sid.clone().into()),
        ("sid_digest", session.sid.as_deref().map(key).into()),
        ("secrets", session.secrets.clone().into()),
        ("version", version.into()),
        ("expires_at", session.expires_at.millis().into()),
    ])
}

fn with(id: &SessionId) -> Expr {
    Expr::col("session_id").eq(id.as_str())
}

impl SeaOrmStore {
    fn select_upstream_session(&self, condition: Expr) -> SelectStatement {
        Query::select()
            .columns(COLUMNS)
            .from(self.tables.upstream_sessions.clone())
            .and_where(condition)
            .take()
    }

    /// Where a row cannot be returned by what removes it: it is locked, read and removed.
    async fn take_upstream_in_two_steps(
        &self,
        db: &Verb,
        id: &SessionId,
    ) -> StoreResult<Option<UpstreamSessionRow>> {
        let lock = &self
            .select_upstream_session(with(id))
            .lock_exclusive()
            .take();
        let delete = &Query::delete()
            .from_table(self.tables.upstream_sessions.clone())
            .and_where(with(id))
            .take();
        db.transact(RECORD, |mut transaction| async move {
            let row = transaction.one(RECORD, lock).await?;
            if row.is_some() {
                transaction.write(RECORD, delete).await?;
            }
            Ok(row)
        })
        .await
    }
}

#[async_trait]
impl UpstreamSessionStore for SeaOrmStore {
    async fn put_upstream_session(&self, session: &UpstreamSession) -> StoreResult<()> {
        let (table, row) = (&self.tables.upstream_sessions, row(session)?);
        let whatever_stands = Expr::col((table.clone(), "session_id")).is_not_null();
        let mut db = self.verb();
        db.claim(RECORD, table, 1, &row, &whatever_stands).await?;
        Ok(())
    }

    async fn upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>> {
        let select = self.select_upstream_session(with(id));
        let row: Option<UpstreamSessionRow> = self.verb().one(RECORD, &select).await?;
        row.map(UpstreamSessionRow::into_session).transpose()
    }

    async fn replace_upstream_secrets(
        &self,
        id: &SessionId,
        expected: u64,
        secrets: &[u8],
    ) -> StoreResult<bool> {
        // No version gets there, and no column.
        let Ok(expected) = i64::try_from(expected) else {
            return Ok(false);
        };
        let update = Query::update()
            .table(self.tables.upstream_sessions.clone())
            .value("secrets", secrets.to_vec())
            .value("version", Expr::col("version").add(1))
            .and_where(with(id))
            .and_where(Expr::col("version").eq(expected))
            .take();
        Ok(self.verb().write(RECORD, &update).await? > 0)
    }

    async fn take_upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>> {
        let mut db = self.verb();
        let row = if db.backend() == DbBackend::MySql {
            self.take_upstream_in_two_steps(&db, id).await?
        } else {
            let delete = Query::delete()
                .from_table(self.tables.upstream_sessions.clone())
                .and_where(with(id))
                .returning(Query::returning().columns(COLUMNS))
                .take();
            let rows = db.rows(RECORD, &delete, How::Change).await?;
            rows.into_iter().next()
        };
        row.map(UpstreamSessionRow::into_session).transpose()
    }

    async fn upstream_sessions(
        &self,
        upstream: &str,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
        limit: u32,
    ) -> StoreResult<Vec<UpstreamSession>> {
        let is = |column: &'static str, name: &str| Expr::col(column).eq(key(name));
        let select = self
            .select_upstream_session(is("issuer_digest", issuer))
            .and_where(Expr::col("upstream").eq(upstream))
            .and_where_option(subject.map(|subject| is("subject_digest", subject)))
            .and_where_option(sid.map(|sid| is("sid_digest", sid)))
            .limit(u64::from(limit))
            .take();
        let rows: Vec<UpstreamSessionRow> = self.verb().all(RECORD, &select).await?;
        let sessions = rows.into_iter().map(UpstreamSessionRow::into_session);
        sessions.collect()
    }
}
