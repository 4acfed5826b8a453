//! Sessions: a record under the public id, a set of ids per user.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    EndedSessions, Session, SessionId, SessionStore, StoreError, StoreResult, UserId,
};
use redis::{Cmd, ExistenceCheck, SetExpiry, SetOptions};

use crate::connection::Verb;
use crate::{RedisStore, SLACK_MILLIS, join, record, ttl, watch};

const EXISTS: StoreError = StoreError::Exists { record: "session" };
const MOST_LISTED: usize = 100;

/// How long a record is kept, as of its last activity.
fn record_ttl(session: &Session) -> i64 {
    let end = session.idle_expires_at.min(session.expires_at);
    ttl(end, session.last_seen_at)
}

impl RedisStore {
    fn record_key(&self, id: &SessionId) -> String {
        self.key("s", id.as_str())
    }

    fn user_key(&self, user: &UserId) -> String {
        self.key("u", user.as_str())
    }

    /// Adds the session to its user's set, before it is written. Forgotten there, it would outlive the end of all.
    async fn list_under_user(&self, verb: Verb<'_>, session: &Session) -> StoreResult<()> {
        let long_ago = session.last_seen_at.millis().saturating_sub(SLACK_MILLIS);
        let script = &self.scripts.user_add;
        let add = script
            .call(self.user_key(&session.user_id))
            .arg(session.expires_at.millis())
            .arg(session.id.as_str())
            .arg(long_ago)
            .arg(ttl(session.expires_at, session.last_seen_at));
        verb.decide(&add, |(): &()| true).await
    }

    async fn listed(&self, verb: Verb<'_>, user: &UserId) -> StoreResult<Vec<SessionId>> {
        let key = self.user_key(user);
        let range = Cmd::zrange(&key, 0, -1);
        let ids: Vec<String> = verb.run(&key, range).await?;
        Ok(ids.into_iter().map(SessionId::new).collect())
    }

    async fn read(&self, verb: Verb<'_>, id: &SessionId) -> StoreResult<Option<Session>> {
        let key = self.record_key(id);
        let found: Option<String> = verb.run(&key, Cmd::get(&key)).await?;
        found.map(|found| record::read(id, &found)).transpose()
    }

    /// Ends one session of the user; `false` when it was not there.
    async fn end(&self, verb: Verb<'_>, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        let script = &self.scripts.session_revoke;
        let revoke = script
            .call(self.record_key(id))
            .arg(user.as_str())
            .arg(self.channel())
            .arg(watch::message(user, id));
        verb.decide(&revoke, |ended: &bool| *ended).await
    }

    /// Takes ended sessions out of their user's set. That it may fail is no harm: what is left leads to no record.
    async fn unlist(&self, verb: Verb<'_>, user: &UserId, ended: &[SessionId]) {
        let ids: Vec<&str> = ended.iter().map(SessionId::as_str).collect();
        if !ids.is_empty() {
            let key = self.user_key(user);
            let remove = Cmd::zrem(&key, ids);
            let _: StoreResult<()> = verb.run(&key, remove).await;
        }
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        let verb = self.connection.verb();
        self.list_under_user(verb, session).await?;
        let key = self.record_key(&session.id);
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(record_ttl(session).unsigned_abs()));
        let insert = Cmd::set_options(&key, record::write(session)?, options);
        let inserted: Option<String> = verb.run(&key, insert).await?;
        inserted.map(drop).ok_or(EXISTS)
    }

    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        self.read(self.connection.verb(), id).await
    }

    async fn touch_session(
        &self,
        id: &SessionId,
        last_seen_at: Timestamp,
        idle_expires_at: Timestamp,
    ) -> StoreResult<()> {
        let script = &self.scripts.session_touch;
        let touch = script
            .call(self.record_key(id))
            .arg(last_seen_at.millis())
            .arg(idle_expires_at.millis())
            .arg(SLACK_MILLIS);
        self.connection.verb().call(&touch).await
    }

    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        let verb = self.connection.verb();
        self.list_under_user(verb, session).await?;
        let script = &self.scripts.session_rotate;
        let rotate = script
            .call(self.record_key(&session.id))
            .arg(old.to_text())
            .arg(record::write(session)?)
            .arg(record_ttl(session));
        verb.decide(&rotate, |rotated: &bool| *rotated).await
    }

    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        let verb = self.connection.verb();
        let ids = self.listed(verb, user).await?;
        let mut sessions = Vec::with_capacity(ids.len());
        for session in join::for_each(&ids, |id| self.read(verb, id)).await {
            sessions.extend(session?.filter(|session| session.user_id == *user));
        }
        sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        sessions.truncate(MOST_LISTED);
        Ok(sessions)
    }

    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        let verb = self.connection.verb();
        let ended = self.end(verb, user, id).await?;
        if ended {
            self.unlist(verb, user, std::slice::from_ref(id)).await;
        }
        Ok(ended)
    }

    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        let verb = self.connection.verb();
        let mut ids = self.listed(verb, user).await?;
        ids.retain(|id| Some(id) != except);
        let answers = join::for_each(&ids, |id| self.end(verb, user, id)).await;
        // All were tried before an error is told, and what ended is taken out of the set: so that who tries again goes on
        // from there, however many there are. The verb's time may be over by then.
        let failed = answers.iter().position(Result::is_err);
        let mut ended = answers.iter().map(|answer| matches!(answer, Ok(true)));
        ids.retain(|_| ended.next() == Some(true));
        self.unlist(self.connection.verb(), user, &ids).await;
        match failed.and_then(|at| answers.into_iter().nth(at)) {
            Some(Err(error)) => Err(error),
            _ => Ok(ids),
        }
    }

    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        let store = self.clone();
        let key_of = move |id: &SessionId| store.record_key(id);
        Ok(Box::new(
            self.connection.watch(self.channel(), key_of).await?,
        ))
    }
}
