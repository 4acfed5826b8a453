//! Sessions: a record under the public id, a pointer from the digest, a set per user.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{Session, SessionId, SessionStore, StoreError, StoreResult, UserId};
use redis::{Cmd, ExistenceCheck, Pipeline, ScriptInvocation, SetExpiry, SetOptions};

use crate::{RedisStore, SLACK_MILLIS, ttl};

const RECORD: &str = "session";
const EXISTS: StoreError = StoreError::Exists { record: RECORD };
const MOST_LISTED: usize = 100;

/// Fields of a record that are read. `seen` and `idle` move by themselves; the rest is in `record`.
const READ: [&str; 4] = ["digest", "record", "seen", "idle"];
type Fields = (Option<String>, Option<String>, Option<i64>, Option<i64>);

fn read(fields: Fields) -> StoreResult<Option<Session>> {
    let (Some(digest), Some(record), Some(seen), Some(idle)) = fields else {
        return Ok(None);
    };
    let session: Session = serde_json::from_str(&record).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StoreError::corrupt(RECORD, format_args!("JSON at {line}:{column}"))
    })?;
    Ok(Some(Session {
        token_digest: Digest32::from_text(&digest)
            .ok_or_else(|| StoreError::corrupt(RECORD, "not a SHA-256 digest"))?,
        last_seen_at: Timestamp::from_millis(seen),
        idle_expires_at: Timestamp::from_millis(idle),
        ..session
    }))
}

fn add_fields(script: &mut ScriptInvocation<'_>, session: &Session) -> StoreResult<()> {
    let record =
        serde_json::to_string(session).map_err(|error| StoreError::corrupt(RECORD, error))?;
    script
        .arg("digest")
        .arg(session.token_digest.to_text())
        .arg("user")
        .arg(session.user_id.as_str())
        .arg("record")
        .arg(record)
        .arg("seen")
        .arg(session.last_seen_at.millis())
        .arg("idle")
        .arg(session.idle_expires_at.millis())
        .arg("ends")
        .arg(session.expires_at.millis());
    Ok(())
}

/// How long a record is kept, as of its last activity.
fn record_ttl(session: &Session) -> i64 {
    let end = session.idle_expires_at.min(session.expires_at);
    ttl(end, session.last_seen_at)
}

impl RedisStore {
    fn record_key(&self, id: &SessionId) -> String {
        self.key("s", id.as_str())
    }

    fn pointer_key(&self, digest: &Digest32) -> String {
        self.key("d", &digest.to_text())
    }

    fn user_key(&self, user: &UserId) -> String {
        self.key("u", user.as_str())
    }

    /// Points the session's digest at it; `false` when the digest is in use.
    async fn point(&self, session: &Session) -> StoreResult<bool> {
        let life = ttl(session.expires_at, session.last_seen_at);
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(life.unsigned_abs()));
        let pointer = self.pointer_key(&session.token_digest);
        let set = Cmd::set_options(pointer, session.id.as_str(), options);
        let answer: Option<String> = self.connection.run(&set).await?;
        Ok(answer.is_some())
    }

    /// Removes a pointer that leads nowhere. That it may fail is no harm: nobody follows it.
    async fn unpoint(&self, digest: &Digest32) {
        let delete = Cmd::del(self.pointer_key(digest));
        let _: StoreResult<()> = self.connection.run(&delete).await;
    }

    /// Adds the session to its user's set, before it is written.
    async fn list_under_user(&self, session: &Session) -> StoreResult<()> {
        let long_ago = session.last_seen_at.millis().saturating_sub(SLACK_MILLIS);
        let mut add = self.scripts.user_add.prepare_invoke();
        add.key(self.user_key(&session.user_id))
            .arg(session.expires_at.millis())
            .arg(session.id.as_str())
            .arg(long_ago)
            .arg(ttl(session.expires_at, session.last_seen_at));
        self.connection.script(&add).await
    }

    async fn listed(&self, user: &UserId) -> StoreResult<Vec<SessionId>> {
        let range = Cmd::zrange(self.user_key(user), 0, -1);
        let ids: Vec<String> = self.connection.run(&range).await?;
        Ok(ids.into_iter().map(SessionId::new).collect())
    }

    /// Ends one session of the user; its digest when it was there.
    async fn end(&self, user: &UserId, id: &SessionId) -> StoreResult<Option<String>> {
        let mut revoke = self.scripts.session_revoke.prepare_invoke();
        revoke.key(self.record_key(id)).arg(user.as_str());
        self.connection.script(&revoke).await
    }

    /// Tidies up after sessions that ended. That it may fail is no harm: what is left leads to no record.
    async fn tidy(&self, user: &UserId, ended: &[(SessionId, String)]) {
        if ended.is_empty() {
            return;
        }
        let mut tidy = Pipeline::new();
        for (id, digest) in ended {
            tidy.del(self.key("d", digest)).ignore();
            tidy.zrem(self.user_key(user), id.as_str()).ignore();
        }
        let _: StoreResult<()> = self.connection.run_all(&tidy).await;
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        if !self.point(session).await? {
            return Err(EXISTS);
        }
        self.list_under_user(session).await?;
        let mut insert = self.scripts.session_insert.prepare_invoke();
        insert
            .key(self.record_key(&session.id))
            .arg(record_ttl(session));
        add_fields(&mut insert, session)?;
        if self.connection.script(&insert).await? {
            return Ok(());
        }
        self.unpoint(&session.token_digest).await;
        Err(EXISTS)
    }

    async fn session_by_digest(&self, digest: &Digest32) -> StoreResult<Option<Session>> {
        let follow = Cmd::get(self.pointer_key(digest));
        let Some(id) = self.connection.run::<Option<String>>(&follow).await? else {
            return Ok(None);
        };
        let session = self.session(&SessionId::new(id)).await?;
        // The record decides: a pointer may be older or younger than it.
        Ok(session.filter(|session| session.token_digest == *digest))
    }

    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        let fields = Cmd::hmget(self.record_key(id), &READ);
        read(self.connection.run(&fields).await?)
    }

    async fn touch_session(
        &self,
        id: &SessionId,
        last_seen_at: Timestamp,
        idle_expires_at: Timestamp,
    ) -> StoreResult<()> {
        let mut touch = self.scripts.session_touch.prepare_invoke();
        touch
            .key(self.record_key(id))
            .arg(last_seen_at.millis())
            .arg(idle_expires_at.millis())
            .arg(SLACK_MILLIS);
        self.connection.script(&touch).await
    }

    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        let new_digest = session.token_digest != *old;
        if new_digest && !self.point(session).await? {
            return Err(EXISTS);
        }
        self.list_under_user(session).await?;
        let mut rotate = self.scripts.session_rotate.prepare_invoke();
        rotate
            .key(self.record_key(&session.id))
            .arg(old.to_text())
            .arg(record_ttl(session));
        add_fields(&mut rotate, session)?;
        let rotated: bool = self.connection.script(&rotate).await?;
        if new_digest {
            let spent = if rotated { old } else { &session.token_digest };
            self.unpoint(spent).await;
        }
        Ok(rotated)
    }

    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        let ids = self.listed(user).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut records = Pipeline::new();
        for id in &ids {
            records.hmget(self.record_key(id), &READ);
        }
        let records: Vec<Fields> = self.connection.run_all(&records).await?;
        let mut sessions = Vec::with_capacity(records.len());
        for fields in records {
            sessions.extend(read(fields)?.filter(|session| session.user_id == *user));
        }
        sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        sessions.truncate(MOST_LISTED);
        Ok(sessions)
    }

    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        let Some(digest) = self.end(user, id).await? else {
            return Ok(false);
        };
        self.tidy(user, &[(id.clone(), digest)]).await;
        Ok(true)
    }

    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        let mut ended = Vec::new();
        for id in self.listed(user).await? {
            if Some(&id) == except {
                continue;
            }
            if let Some(digest) = self.end(user, &id).await? {
                ended.push((id, digest));
            }
        }
        self.tidy(user, &ended).await;
        Ok(ended.into_iter().map(|(id, _)| id).collect())
    }
}
