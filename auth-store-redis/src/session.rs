//! Sessions: a record under the public id, a set of ids per user.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    EndedSessions, Session, SessionId, SessionStore, StoreError, StoreResult, UserId,
};
use redis::{Cmd, ExistenceCheck, SetExpiry, SetOptions};

use crate::connection::Verb;
use crate::scripts::Call;
use crate::{RedisStore, SLACK_MILLIS, join, record, ttl, watch};

const EXISTS: StoreError = StoreError::Exists { record: "session" };
const MOST_LISTED: usize = 100;
/// So many records of one server are under way at once, and share the time allowed.
const AT_ONCE: usize = 64;
/// So many, where each waits for a replica, one after the other.
const AT_ONCE_ACKNOWLEDGED: usize = 8;

/// How long a record is kept, as of its last activity.
fn record_ttl(session: &Session) -> i64 {
    let end = session.idle_expires_at.min(session.expires_at);
    ttl(end, session.last_seen_at)
}

/// How long its user's set lists a session: as long as it can live, and once more as long as it may be idle. A listing
/// that a failover forgets is thus made good by the one before it.
fn listed_until(session: &Session) -> Timestamp {
    let idle_end = session.idle_expires_at;
    (idle_end + idle_end.since(session.last_seen_at)).min(session.expires_at)
}

fn keep_newest(sessions: &mut Vec<Session>) {
    sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    sessions.truncate(MOST_LISTED);
}

impl RedisStore {
    fn record_key(&self, id: &SessionId) -> String {
        self.key("s", id.as_str())
    }

    fn user_key(&self, user: &UserId) -> String {
        self.key("u", user.as_str())
    }

    /// Adds the session to its user's set, or keeps it there longer, before it is written. Forgotten there, it would
    /// outlive the end of all.
    fn listing(&self, session: &Session) -> Call<'_> {
        let long_ago = session.last_seen_at.millis().saturating_sub(SLACK_MILLIS);
        let until = listed_until(session);
        let script = &self.scripts.user_add;
        script
            .call(self.user_key(&session.user_id))
            .arg(until.millis())
            .arg(session.id.as_str())
            .arg(long_ago)
            .arg(ttl(until, session.last_seen_at))
    }

    async fn list_under_user(&self, verb: Verb<'_>, session: &Session) -> StoreResult<()> {
        verb.decide(&self.listing(session), |(): &()| true).await
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

    /// The user's newest sessions among these.
    async fn newest_of(&self, user: &UserId, ids: &[SessionId]) -> StoreResult<Vec<Session>> {
        let mut sessions = Vec::new();
        for some in ids.chunks(AT_ONCE) {
            let verb = self.connection.verb();
            for session in join::all(some.iter().map(|id| self.read(verb, id))).await {
                sessions.extend(session?.filter(|session| session.user_id == *user));
            }
            keep_newest(&mut sessions);
        }
        Ok(sessions)
    }

    /// Ends these sessions, as far as it gets; says which ended, and what went wrong.
    async fn end_all(
        &self,
        user: &UserId,
        ids: &[SessionId],
    ) -> (Vec<SessionId>, Option<StoreError>) {
        let mut ended = Vec::new();
        let at_once = if self.connection.is_acknowledged() {
            AT_ONCE_ACKNOWLEDGED
        } else {
            AT_ONCE
        };
        for some in ids.chunks(at_once) {
            let verb = self.connection.verb();
            let answers = join::all(some.iter().map(|id| self.end(verb, user, id))).await;
            let mut failed = None;
            for (id, answer) in some.iter().zip(answers) {
                match answer {
                    Ok(true) => ended.push(id.clone()),
                    Ok(false) => {}
                    Err(error) => failed = Some(error),
                }
            }
            if failed.is_some() {
                return (ended, failed);
            }
        }
        (ended, None)
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
        let verb = self.connection.verb();
        let Some(mut session) = self.read(verb, id).await? else {
            return Ok(());
        };
        let lives_longer = idle_expires_at > session.idle_expires_at;
        if lives_longer {
            (session.last_seen_at, session.idle_expires_at) = (last_seen_at, idle_expires_at);
            // Needs no replica: should a failover forget it, the listing before still holds.
            let () = verb.call(&self.listing(&session)).await?;
        }
        let script = &self.scripts.session_touch;
        let touch = script
            .call(self.record_key(id))
            .arg(last_seen_at.millis())
            .arg(idle_expires_at.millis())
            .arg(SLACK_MILLIS);
        verb.call(&touch).await
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
        let ids = self.listed(self.connection.verb(), user).await?;
        let lanes = self.connection.by_server(ids, |id| self.record_key(id));
        let mut sessions = Vec::new();
        for found in join::all(lanes.iter().map(|ids| self.newest_of(user, ids))).await {
            sessions.extend(found?);
        }
        keep_newest(&mut sessions);
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
        let mut ids = self.listed(self.connection.verb(), user).await?;
        ids.retain(|id| Some(id) != except);
        let lanes = self.connection.by_server(ids, |id| self.record_key(id));
        let answers = join::all(lanes.iter().map(|ids| self.end_all(user, ids))).await;
        let (mut ended, mut failed) = (Vec::new(), None);
        for (of_lane, error) in answers {
            ended.extend(of_lane);
            failed = failed.or(error);
        }
        // Also before an error is told: so that who tries again goes on from there.
        self.unlist(self.connection.verb(), user, &ended).await;
        failed.map_or(Ok(ended), Err)
    }

    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        let store = self.clone();
        let key_of = move |id: &SessionId| store.record_key(id);
        Ok(Box::new(
            self.connection.watch(self.channel(), key_of).await?,
        ))
    }
}
