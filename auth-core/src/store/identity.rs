//! Identities at other providers that a user signs in with.

use async_trait::async_trait;

use super::{Backend, StoreResult, UserId, identifier};
use crate::ground::Timestamp;

identifier! {
    /// Names a linked identity: drawn at random.
    IdentityId
}

/// A user's identity at another provider. The key is issuer and subject, never anything a person can change there
/// (OpenID Connect Core §5.7, threat 08). What a provider says reaches a store without NUL: not every database has a
/// form for it in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Which.
    pub id: IdentityId,
    /// Whose.
    pub user_id: UserId,
    /// The configured upstream it was last used through.
    pub upstream: String,
    /// The issuer identifier.
    pub issuer: String,
    /// The subject there; compared exactly.
    pub subject: String,
    /// What to call it on a page: an address, a user name.
    pub display: Option<String>,
    /// The provider's tokens, sealed by the caller; `None` where they are not kept.
    pub tokens: Option<Vec<u8>>,
    /// Moves with every change of `tokens`.
    pub tokens_version: u64,
    /// Linked.
    pub created_at: Timestamp,
    /// Last used to sign in.
    pub last_used_at: Option<Timestamp>,
}

/// Answer of [`IdentityStore::link_identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkIdentity {
    /// It stands.
    Linked,
    /// The identity is linked, to this or another user; nothing was written.
    Exists,
    /// The user has as many as allowed; nothing was written.
    TooMany,
}

/// What a use of an identity brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityUse {
    /// The configured upstream.
    pub upstream: String,
    /// What to call it.
    pub display: Option<String>,
    /// New tokens, sealed; `None` leaves those there are.
    pub tokens: Option<Vec<u8>>,
}

/// Linked identities.
#[async_trait]
pub trait IdentityStore: Backend {
    /// Links, unless the identity (issuer and subject) is linked or the user has `most`. Decided in one step: of any
    /// number of calls for one identity at once, one gets [`LinkIdentity::Linked`]; of any number for one user at once,
    /// no more stand than `most`. Another identity's id is an error.
    async fn link_identity(
        &self,
        identity: &LinkedIdentity,
        most: u32,
    ) -> StoreResult<LinkIdentity>;

    /// The identity with this issuer and subject.
    async fn identity(&self, issuer: &str, subject: &str) -> StoreResult<Option<LinkedIdentity>>;

    /// The user's identities, oldest first.
    async fn identities_of(&self, user: &UserId) -> StoreResult<Vec<LinkedIdentity>>;

    /// Records a use; `tokens_version` moves if there are new tokens. `false`, and nothing written, when it is gone.
    async fn use_identity(
        &self,
        id: &IdentityId,
        seen: &IdentityUse,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Replaces the tokens (`None` forgets them) if their version still is `expected`; the version moves by one. Of any
    /// number of calls at once with the same `expected`, one gets `true`.
    async fn replace_identity_tokens(
        &self,
        id: &IdentityId,
        expected: u64,
        tokens: Option<&[u8]>,
    ) -> StoreResult<bool>;

    /// Unlinks an identity of this user; `false` when it is not there or another's.
    async fn unlink_identity(&self, user: &UserId, id: &IdentityId) -> StoreResult<bool>;

    /// Unlinks every identity of the user; returns how many there were.
    async fn unlink_identities(&self, user: &UserId) -> StoreResult<u64>;
}
