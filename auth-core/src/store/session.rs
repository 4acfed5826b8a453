//! Sessions: one per sign-in.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Backend, StoreResult, UserId, identifier};
use crate::ground::{Digest32, Timestamp};

identifier! {
    /// A session's public id: the `sid` that clients see, and the handle in a list of sessions. Not a credential.
    SessionId
}

/// A finished sign-in. A half-finished one is another type and never stands here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Public id, stable while the secret rotates.
    pub id: SessionId,
    /// Digest of the secret in the cookie.
    pub token_digest: Digest32,
    /// Whose it is.
    pub user_id: UserId,
    /// When the session began.
    pub created_at: Timestamp,
    /// When the user last proved who they are (`auth_time`).
    pub auth_time: Timestamp,
    /// How (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// How strongly (`acr`).
    pub acr: Option<String>,
    /// Last activity written; it may lag by the configured write interval.
    pub last_seen_at: Timestamp,
    /// The session ends here when no activity moves it, in any case at `expires_at`.
    pub idle_expires_at: Timestamp,
    /// The session ends here whatever happens.
    pub expires_at: Timestamp,
    /// The user asked to stay signed in on this device.
    pub remember: bool,
    /// The `User-Agent` at sign-in, cut to 512 bytes.
    pub user_agent: Option<String>,
    /// The client's address at sign-in.
    pub address: Option<String>,
}

impl Session {
    /// Whether the session still counts at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.idle_expires_at && now < self.expires_at
    }
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Backend {
    /// Inserts, never overwrites: an existing id is [`StoreError::Exists`](super::StoreError::Exists).
    async fn insert_session(&self, session: &Session) -> StoreResult<()>;

    /// The session with this public id. The caller compares the secret's digest and judges time. The hottest verb there
    /// is: one look-up by key, one round trip.
    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>>;

    /// Records activity: moves `last_seen_at` and `idle_expires_at` forward, never back. A revoked session stays gone.
    async fn touch_session(
        &self,
        id: &SessionId,
        last_seen_at: Timestamp,
        idle_expires_at: Timestamp,
    ) -> StoreResult<()>;

    /// Replaces the session with the id of `session`, if its secret has digest `old`, by `session` in one step (new
    /// digest, new facts). `false` when it is not there or has another secret: somebody else rotated or revoked it,
    /// and nothing was written. Of any number of calls at once with the same `old`, one gets `true`.
    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool>;

    /// The user's sessions, newest first, at most 100. The caller judges time.
    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>>;

    /// Ends one session of this user; `false` when it is not there or another's. Seen at once by every later read.
    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool>;

    /// Ends all sessions of the user, save `except`; returns those that ended.
    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>>;

    /// Watches sessions end, from now on and whichever node ends them.
    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>>;
}

/// A session that was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Whose it was.
    pub user_id: UserId,
    /// Which.
    pub id: SessionId,
}

/// A watch on sessions that end before their time. Those that time ends, or a store forgets, are not told of.
#[async_trait]
pub trait EndedSessions: Send {
    /// Waits for the next ones; never empty. To stop waiting loses none. Every session whose revocation returned after the watch began is told of,
    /// by every watch, at least once; a session that still stands is never told of.
    ///
    /// # Errors
    /// Some may have been missed, and the watch is over: open another, then look at the sessions you hold.
    async fn next(&mut self) -> StoreResult<Vec<EndedSession>>;
}
