//! Sessions.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::{Digest32, Timestamp};
use crate::store::{
    EndedSession, EndedSessions, Session, SessionId, SessionStore, StoreError, StoreResult, UserId,
};

const EXISTS: StoreError = StoreError::Exists { record: "session" };
const MOST_LISTED: usize = 100;

/// Ends a watch may lag behind before it is told that it missed some.
const WATCH_BACKLOG: usize = 1024;

pub(super) struct Sessions {
    by_id: HashMap<SessionId, Arc<Session>>,
    // In order of creation.
    by_user: HashMap<UserId, BTreeSet<(Timestamp, SessionId)>>,
    ends: Expiry<SessionId>,
    ended: broadcast::Sender<EndedSession>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            by_id: HashMap::new(),
            by_user: HashMap::new(),
            ends: Expiry::default(),
            ended: broadcast::Sender::new(WATCH_BACKLOG),
        }
    }
}

struct Watch(broadcast::Receiver<EndedSession>);

#[async_trait]
impl EndedSessions for Watch {
    async fn next(&mut self) -> StoreResult<Vec<EndedSession>> {
        let ended = self.0.recv().await.map_err(StoreError::unavailable)?;
        Ok(vec![ended])
    }
}

fn end(session: &Session) -> Timestamp {
    session.idle_expires_at.min(session.expires_at)
}

impl Sessions {
    fn insert(&mut self, session: &Session) -> StoreResult<()> {
        if self.by_id.contains_key(&session.id) {
            return Err(EXISTS);
        }
        self.link(session.clone());
        Ok(())
    }

    fn link(&mut self, session: Session) {
        self.by_user
            .entry(session.user_id.clone())
            .or_default()
            .insert((session.created_at, session.id.clone()));
        self.ends.insert(end(&session), session.id.clone());
        self.by_id.insert(session.id.clone(), Arc::new(session));
    }

    fn remove(&mut self, id: &SessionId) -> Option<Arc<Session>> {
        let session = self.by_id.remove(id)?;
        if let Some(ids) = self.by_user.get_mut(&session.user_id) {
            ids.remove(&(session.created_at, id.clone()));
            if ids.is_empty() {
                self.by_user.remove(&session.user_id);
            }
        }
        self.ends.remove(end(&session), id.clone());
        Some(session)
    }

    fn touch(&mut self, id: &SessionId, last_seen_at: Timestamp, idle_expires_at: Timestamp) {
        let Some(session) = self.by_id.get_mut(id) else {
            return;
        };
        let before = end(session);
        let session = Arc::make_mut(session);
        session.last_seen_at = session.last_seen_at.max(last_seen_at);
        session.idle_expires_at = session.idle_expires_at.max(idle_expires_at);
        let after = end(session);
        self.ends.change(before, after, id.clone());
    }

    fn rotate(&mut self, old: &Digest32, session: &Session) -> bool {
        let stands = self
            .by_id
            .get(&session.id)
            .is_some_and(|stands| stands.token_digest == *old);
        if stands {
            self.remove(&session.id);
            self.link(session.clone());
        }
        stands
    }

    fn of_user(&self, user: &UserId) -> Vec<Arc<Session>> {
        let ids = self.by_user.get(user).into_iter().flatten().rev();
        ids.filter_map(|(_, id)| self.by_id.get(id).cloned())
            .take(MOST_LISTED)
            .collect()
    }

    fn revoke(&mut self, user: &UserId, id: &SessionId) -> bool {
        let owned = self
            .by_id
            .get(id)
            .is_some_and(|session| session.user_id == *user);
        if owned {
            self.remove(id);
            self.tell(user, id);
        }
        owned
    }

    fn tell(&self, user: &UserId, id: &SessionId) {
        // An error means that nobody watches.
        let _ = self.ended.send(EndedSession {
            user_id: user.clone(),
            id: id.clone(),
        });
    }

    fn revoke_all(&mut self, user: &UserId, except: Option<&SessionId>) -> Vec<SessionId> {
        let ids: Vec<SessionId> = self
            .by_user
            .get(user)
            .into_iter()
            .flatten()
            .map(|(_, id)| id.clone())
            .filter(|id| Some(id) != except)
            .collect();
        for id in &ids {
            self.remove(id);
            self.tell(user, id);
        }
        ids
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let due = self.ends.due(now, limit, |_| true);
        for (_, id) in &due {
            self.remove(id);
        }
        due.len()
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        lock(&self.inner.sessions).insert(session)
    }

    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        let found = lock(&self.inner.sessions).by_id.get(id).cloned();
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn touch_session(
        &self,
        id: &SessionId,
        last_seen_at: Timestamp,
        idle_expires_at: Timestamp,
    ) -> StoreResult<()> {
        lock(&self.inner.sessions).touch(id, last_seen_at, idle_expires_at);
        Ok(())
    }

    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        Ok(lock(&self.inner.sessions).rotate(old, session))
    }

    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        let found = lock(&self.inner.sessions).of_user(user);
        Ok(found.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        Ok(lock(&self.inner.sessions).revoke(user, id))
    }

    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        Ok(lock(&self.inner.sessions).revoke_all(user, except))
    }

    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        let watch = lock(&self.inner.sessions).ended.subscribe();
        Ok(Box::new(Watch(watch)))
    }
}
