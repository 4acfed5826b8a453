//! Grants, refresh tokens and consents: what a user gave to a client, and what came of it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Backend, ClientId, SessionId, StoreResult, identifier};
use crate::ground::{Digest32, Timestamp};

identifier! {
    /// A grant's id; every token of the grant carries it, so that revoking the grant ends them all.
    GrantId
}

/// One authorization: everything issued for one authorization code and its refresh tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Id.
    pub id: GrantId,
    /// To whom.
    pub client_id: ClientId,
    /// By whom: the account's stable subject.
    pub subject: String,
    /// The session it was given in (`sid`).
    pub session_id: Option<SessionId>,
    /// Scopes granted.
    pub scopes: BTreeSet<String>,
    /// `nonce`, `acr`, `amr`, `auth_time`, requested `claims`: what an ID token of this grant repeats.
    pub details: Map<String, Value>,
    /// The grant outlives its session (`offline_access`).
    pub offline: bool,
    /// When it was given.
    pub created_at: Timestamp,
    /// From here on nothing of it counts; moved forward when a refresh token family starts.
    pub expires_at: Timestamp,
    /// Set when it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Grant {
    /// Whether tokens of this grant still count.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// A refresh token at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// Digest of the token.
    pub digest: Digest32,
    /// Its grant; all refresh tokens of a grant are one family.
    pub grant_id: GrantId,
    /// Issued.
    pub created_at: Timestamp,
    /// Ends when unused.
    pub expires_at: Timestamp,
    /// What replaced it, once it was used.
    pub successor: Option<Successor>,
}

/// What replaced a used refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    /// Digest of the new token.
    pub digest: Digest32,
    /// The new token, sealed: it is handed out again to a client that lost the first response, and to nobody who
    /// has only the database.
    pub sealed: Vec<u8>,
    /// When the token was used.
    pub rotated_at: Timestamp,
}

/// Answer of [`GrantStore::rotate_refresh_token`].
#[derive(Clone, Debug, PartialEq)]
pub enum RotationOutcome {
    /// This call used the token; the successor given stands.
    Rotated(Grant),
    /// It was used before and its successor is still unused: the same client asks again for an answer it lost, or two
    /// of its requests raced. The successor that stands is given; the one offered was not stored.
    Retried(Grant, Successor),
    /// It was used before and so was its successor: somebody holds a stolen token (RFC 9700 §4.14.2). The grant was
    /// revoked in the same step.
    Reused(Grant),
    /// Unknown, expired, another client's, or of a grant that no longer lives. Nothing was written.
    Refused,
}

/// A remembered consent: what a user once allowed a client, so that it is not asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who allowed it.
    pub subject: String,
    /// To whom.
    pub client_id: ClientId,
    /// Scopes allowed.
    pub scopes: BTreeSet<String>,
    /// First given.
    pub granted_at: Timestamp,
    /// Last widened.
    pub updated_at: Timestamp,
}

/// A client that was given something in a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionClient {
    /// The client.
    pub client_id: ClientId,
    /// Whose session it was: the account's stable subject.
    pub subject: String,
    /// What it was given, in one authorization or in several alike.
    pub scopes: BTreeSet<String>,
}

/// Grants, refresh tokens and consents.
#[async_trait]
pub trait GrantStore: Backend {
    /// Writes a new grant; an id in use is [`StoreError::Exists`](super::StoreError::Exists).
    async fn insert_grant(&self, grant: &Grant) -> StoreResult<()>;

    /// The grant, revoked or not. The caller judges.
    async fn grant(&self, id: &GrantId) -> StoreResult<Option<Grant>>;

    /// Starts the refresh token family of a living grant and moves the grant's end to `grant_expires_at`, together.
    /// `false`, with nothing written, when the grant is revoked, expired or gone: a replayed code may have revoked it
    /// between its first use and this call.
    async fn start_refresh_family(
        &self,
        token: &RefreshToken,
        grant_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Uses a refresh token of `client` and puts `successor` (with its own end `successor_expires_at`) in its place,
    /// in one step; see [`RotationOutcome`]. Of any number of calls at once with the same token one is `Rotated`, the
    /// others `Retried` with that one's successor.
    async fn rotate_refresh_token(
        &self,
        digest: &Digest32,
        client: &ClientId,
        successor: &Successor,
        successor_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<RotationOutcome>;

    /// Reads a refresh token and its grant without using it (RFC 7662, RFC 7009).
    async fn refresh_token(&self, digest: &Digest32) -> StoreResult<Option<(RefreshToken, Grant)>>;

    /// Ends a grant and every token of it. `true` when it lived until now. Never an error when there is none.
    async fn revoke_grant(&self, id: &GrantId, now: Timestamp) -> StoreResult<bool>;

    /// Ends all grants of a client.
    async fn revoke_grants_of_client(&self, client: &ClientId, now: Timestamp) -> StoreResult<u64>;

    /// Ends all grants of a subject: the account was disabled or deleted.
    async fn revoke_grants_of_subject(&self, subject: &str, now: Timestamp) -> StoreResult<u64>;

    /// Ends the grants given in a session that do not outlive it (`offline` is false).
    async fn revoke_grants_of_session(
        &self,
        session: &SessionId,
        now: Timestamp,
    ) -> StoreResult<u64>;

    /// The clients that were given something in a session, by revoked grants too, in the order of their ids; each as
    /// often as it was given other scopes, and 1000 at most. What was pruned is not among them.
    async fn clients_of_session(&self, session: &SessionId) -> StoreResult<Vec<SessionClient>>;

    /// The remembered consent.
    async fn consent(&self, subject: &str, client: &ClientId) -> StoreResult<Option<Consent>>;

    /// Adds scopes to the remembered consent, creating it if need be; never takes one away.
    async fn remember_consent(
        &self,
        subject: &str,
        client: &ClientId,
        scopes: &BTreeSet<String>,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// The subject's consents, oldest first, at most 1000.
    async fn consents_of(&self, subject: &str) -> StoreResult<Vec<Consent>>;

    /// Forgets the consent and ends every grant of this subject to this client, together. `false` when there was no
    /// consent (grants are ended all the same).
    async fn revoke_consent(
        &self,
        subject: &str,
        client: &ClientId,
        now: Timestamp,
    ) -> StoreResult<bool>;
}
