//! What a session here knows of the sign-in at another provider it came from.

use async_trait::async_trait;

use super::{Backend, SessionId, StoreResult, UserId};
use crate::ground::Timestamp;

/// The sign-in at another provider behind a session here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSession {
    /// The session here.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The configured upstream.
    pub upstream: String,
    /// The issuer identifier.
    pub issuer: String,
    /// The subject there.
    pub subject: String,
    /// The session's id there (`sid`, OpenID Connect Back-Channel Logout §2.1), if it said one.
    pub sid: Option<String>,
    /// ID token and tokens, sealed by the caller.
    pub secrets: Vec<u8>,
    /// Moves with every change of `secrets`.
    pub version: u64,
    /// When the session here ends at the latest; the row may go then.
    pub expires_at: Timestamp,
}

/// The sign-ins at other providers behind sessions here.
#[async_trait]
pub trait UpstreamSessionStore: Backend {
    /// Writes, in place of what stood there for the same session.
    async fn put_upstream_session(&self, session: &UpstreamSession) -> StoreResult<()>;

    /// What is behind this session.
    async fn upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>>;

    /// Replaces the secrets if their version still is `expected`; the version moves by one. Of any number of calls at
    /// once with the same `expected`, one gets `true`.
    async fn replace_upstream_secrets(
        &self,
        id: &SessionId,
        expected: u64,
        secrets: &[u8],
    ) -> StoreResult<bool>;

    /// Removes and returns what is behind this session: of any number of calls at once, one gets it.
    async fn take_upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>>;

    /// The sessions behind which this configured upstream and this issuer, and where they are given this subject and this
    /// `sid`, stands; at most `limit`, however many of another upstream with the same issuer there are. A caller takes
    /// each, then asks again until there is none.
    async fn upstream_sessions(
        &self,
        upstream: &str,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
        limit: u32,
    ) -> StoreResult<Vec<UpstreamSession>>;
}
