//! Sessions that can be out of reach.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::ground::{Digest32, Timestamp};
use crate::store::{
    Backend, EndedSessions, MemoryStore, Reach, Session, SessionId, SessionStore, StoreError,
    StoreResult, UserId,
};

/// Sessions in memory that can be out of reach, and count how often they are looked up.
pub struct UnsteadySessions {
    inner: MemoryStore,
    down: AtomicBool,
    asked: AtomicUsize,
}

impl UnsteadySessions {
    /// Those of this store.
    pub fn of(store: &MemoryStore) -> Self {
        Self {
            inner: store.clone(),
            down: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        }
    }

    /// Begins an outage, or ends it.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// How often one was looked up since this was asked last.
    pub fn take_asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    fn up(&self) -> StoreResult<&MemoryStore> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("down"));
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl Backend for UnsteadySessions {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }
    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.up()?.prune(now, limit).await
    }
}

#[async_trait]
impl SessionStore for UnsteadySessions {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        self.up()?.insert_session(session).await
    }
    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // As a database does, it lets others go on meanwhile.
        tokio::task::yield_now().await;
        self.up()?.session(id).await
    }
    async fn touch_session(
        &self,
        id: &SessionId,
        seen: Timestamp,
        idle: Timestamp,
    ) -> StoreResult<()> {
        self.up()?.touch_session(id, seen, idle).await
    }
    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        self.up()?.rotate_session(old, session).await
    }
    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        self.up()?.sessions_of(user).await
    }
    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        self.up()?.revoke_session(user, id).await
    }
    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        self.up()?.revoke_sessions_of(user, except).await
    }
    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        self.up()?.watch_ended().await
    }
}
