//! Sign-ins at other providers behind sessions here.

use std::collections::HashMap;

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{SessionId, StoreResult, UpstreamSession, UpstreamSessionStore};

#[derive(Default)]
pub(super) struct UpstreamSessions {
    by_id: HashMap<SessionId, UpstreamSession>,
    ends: Expiry<SessionId>,
}

impl UpstreamSessions {
    fn take(&mut self, id: &SessionId) -> Option<UpstreamSession> {
        let gone = self.by_id.remove(id)?;
        self.ends.remove(gone.expires_at, id.clone());
        Some(gone)
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let due = self.ends.due(now, limit, |_| true);
        for (_, id) in &due {
            self.take(id);
        }
        due.len()
    }
}

#[async_trait]
impl UpstreamSessionStore for MemoryStore {
    async fn put_upstream_session(&self, session: &UpstreamSession) -> StoreResult<()> {
        let mut sessions = lock(&self.inner.upstream_sessions);
        let id = session.session_id.clone();
        sessions.take(&id);
        sessions.ends.insert(session.expires_at, id.clone());
        sessions.by_id.insert(id, session.clone());
        Ok(())
    }

    async fn upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>> {
        Ok(lock(&self.inner.upstream_sessions).by_id.get(id).cloned())
    }

    async fn replace_upstream_secrets(
        &self,
        id: &SessionId,
        expected: u64,
        secrets: &[u8],
    ) -> StoreResult<bool> {
        let mut sessions = lock(&self.inner.upstream_sessions);
        let found = sessions.by_id.get_mut(id);
        let Some(session) = found.filter(|session| session.version == expected) else {
            return Ok(false);
        };
        session.secrets = secrets.to_vec();
        session.version += 1;
        Ok(true)
    }

    async fn take_upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>> {
        Ok(lock(&self.inner.upstream_sessions).take(id))
    }

    async fn upstream_sessions(
        &self,
        upstream: &str,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
        limit: u32,
    ) -> StoreResult<Vec<UpstreamSession>> {
        let sessions = lock(&self.inner.upstream_sessions);
        let fits = |session: &&UpstreamSession| {
            session.upstream == upstream
                && session.issuer == issuer
                && subject.is_none_or(|subject| session.subject == subject)
                && sid.is_none_or(|sid| session.sid.as_deref() == Some(sid))
        };
        let found = sessions.by_id.values().filter(fits);
        Ok(found.take(limit as usize).cloned().collect())
    }
}
