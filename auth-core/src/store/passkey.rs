//! Passkeys: public keys of authenticators (WebAuthn Level 3).

use async_trait::async_trait;

use super::{Backend, StoreResult, UserId, identifier};
use crate::ground::Timestamp;

identifier! {
    /// Names a passkey: the base64url form of a SHA-256 digest of its credential id. Unique over all users.
    PasskeyId
}

/// A passkey. Holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// Which.
    pub id: PasskeyId,
    /// Whose.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// Credential id, public key and flags, written by the caller.
    pub credential: Vec<u8>,
    /// The signature counter last seen (WebAuthn §6.1.1); zero for authenticators that do not count.
    pub counter: u32,
    /// Registered.
    pub created_at: Timestamp,
    /// Last used to sign in.
    pub last_used_at: Option<Timestamp>,
}

/// Answer of [`PasskeyStore::add_passkey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddPasskey {
    /// It stands.
    Added,
    /// The user has as many as allowed.
    TooMany,
    /// The credential is registered, for this or another user (WebAuthn §7.1 step 26).
    Exists,
}

/// Passkeys.
#[async_trait]
pub trait PasskeyStore: Backend {
    /// Registers a passkey, unless the credential is registered or the user has `most`. Decided in one step: of any
    /// number of calls at once, no more stand than `most`.
    async fn add_passkey(&self, passkey: &Passkey, most: u32) -> StoreResult<AddPasskey>;

    /// The passkey with this id.
    async fn passkey(&self, id: &PasskeyId) -> StoreResult<Option<Passkey>>;

    /// The user's passkeys, oldest first.
    async fn passkeys_of(&self, user: &UserId) -> StoreResult<Vec<Passkey>>;

    /// Records a use: counter and credential are replaced if the counter still is `expected`, so that it never goes back
    /// unseen. `false`, and nothing written, when it is not or the passkey is gone.
    async fn use_passkey(
        &self,
        id: &PasskeyId,
        expected: u32,
        counter: u32,
        credential: &[u8],
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Renames a passkey of this user; `false` when it is not there or another's.
    async fn rename_passkey(&self, user: &UserId, id: &PasskeyId, name: &str) -> StoreResult<bool>;

    /// Removes a passkey of this user; `false` when it is not there or another's.
    async fn remove_passkey(&self, user: &UserId, id: &PasskeyId) -> StoreResult<bool>;

    /// Removes every passkey of the user; returns how many there were.
    async fn remove_passkeys(&self, user: &UserId) -> StoreResult<u64>;
}
