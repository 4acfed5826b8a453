//! The one consume primitive that serves every single-use value.

use async_trait::async_trait;

use super::{Backend, StoreResult};
use crate::ground::{Digest32, Timestamp};

/// What a one-time value is. The kind is part of the key: a value of one kind is never found under another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OneTimeKind {
    /// RFC 6749 §4.1.2 authorization code.
    AuthorizationCode,
    /// An authorization request waiting for its user (sign-in, account choice, consent).
    Interaction,
    /// A logout request waiting for its user's word.
    EndSession,
    /// The `jti` of a client assertion (RFC 7523 §3 item 7).
    ClientAssertion,
    /// The `jti` of an access token revoked before its time (RFC 7009).
    RevokedAccessToken,
    /// An initial access token (RFC 7591 §1.2), and each registration it was used for.
    RegistrationToken,
    /// What a link or a code in a mail proves.
    MailProof,
    /// A sign-in that waits for its second factor.
    PendingSignIn,
    /// A challenge put to an authenticator (WebAuthn §13.4.3).
    PasskeyCeremony,
    /// The `state` of an answered authorization request to another provider (RFC 6749 §10.12).
    UpstreamAttempt,
    /// The `jti` of a logout token (OpenID Connect Back-Channel Logout §2.6).
    LogoutToken,
}

impl OneTimeKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::AuthorizationCode,
        Self::Interaction,
        Self::EndSession,
        Self::ClientAssertion,
        Self::RevokedAccessToken,
        Self::RegistrationToken,
        Self::MailProof,
        Self::PendingSignIn,
        Self::PasskeyCeremony,
        Self::UpstreamAttempt,
        Self::LogoutToken,
    ];

    /// The kind's name in a store. Never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "code",
            Self::Interaction => "interaction",
            Self::EndSession => "end_session",
            Self::ClientAssertion => "client_assertion",
            Self::RevokedAccessToken => "revoked_jti",
            Self::RegistrationToken => "registration",
            Self::MailProof => "mail_proof",
            Self::PendingSignIn => "pending_sign_in",
            Self::PasskeyCeremony => "passkey_ceremony",
            Self::UpstreamAttempt => "upstream_attempt",
            Self::LogoutToken => "logout_token",
        }
    }
}

/// A value that can be spent once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeValue {
    /// What it is.
    pub kind: OneTimeKind,
    /// Digest of the secret that spends it.
    pub key: Digest32,
    /// What it stands for, sealed by the caller.
    pub payload: Vec<u8>,
    /// From here on it cannot be spent.
    pub expires_at: Timestamp,
    /// Until here a spent value is remembered as spent, so that a replay is told from a guess. Not before `expires_at`.
    pub keep_until: Timestamp,
}

/// What became of an attempt to spend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// This call spent it. Exactly one call ever gets this.
    First(OneTimeValue),
    /// It was spent before: a replay (RFC 6749 §4.1.2: deny, and revoke what the first use issued).
    Again(OneTimeValue),
    /// Never there, expired unspent, or forgotten.
    Absent,
}

/// Single-use values.
#[async_trait]
pub trait OneTimeStore: Backend {
    /// Stores a value. Inserts, never overwrites: a key in use is [`StoreError::Exists`](super::StoreError::Exists).
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()>;

    /// Reads an unspent, unexpired value without spending it: for pages that show before they act.
    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>>;

    /// Spends a value. Of any number of calls at once, one gets [`Consumed::First`]. An expired value is never
    /// `First`; a spent one is `Again` until its `keep_until`.
    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed>;

    /// Claims a key that arrives from outside (a `jti`): `true` for the first caller, `false` for every other until
    /// `keep_until`.
    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool>;

    /// Whether a key was claimed and is still kept.
    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool>;
}
