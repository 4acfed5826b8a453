//! What a person has besides a password: a TOTP secret and backup codes.

use async_trait::async_trait;

use super::{Backend, StoreResult, UserId, identifier};
use crate::ground::{Digest32, Timestamp};

identifier! {
    /// One enrolment of an authenticator app. Another enrolment of the same user has another id.
    FactorId
}

/// An authenticator app's secret (RFC 6238), one per user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpFactor {
    /// This enrolment.
    pub id: FactorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The secret, sealed by the caller.
    pub secret: Vec<u8>,
    /// When enrolment began.
    pub created_at: Timestamp,
    /// When a first code showed that the app has the secret; it counts from here on.
    pub confirmed_at: Option<Timestamp>,
    /// The last time step a code was accepted for. Codes of it and of those before are spent (RFC 6238 §5.2).
    pub last_step: Option<u64>,
}

/// Second factors that are kept as secrets.
#[async_trait]
pub trait FactorStore: Backend {
    /// The user's enrolment, confirmed or not.
    async fn totp(&self, user: &UserId) -> StoreResult<Option<TotpFactor>>;

    /// Begins an enrolment. Replaces one that is not confirmed; `false`, and nothing written, where a confirmed one
    /// stands: nobody swaps a secret without removing it first.
    async fn begin_totp(&self, totp: &TotpFactor) -> StoreResult<bool>;

    /// Confirms the enrolment with this id and spends the time step of the code that did it. `true` for one caller;
    /// `false` when it is confirmed already, replaced or gone.
    async fn confirm_totp(
        &self,
        user: &UserId,
        id: &FactorId,
        step: u64,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Spends a time step of the confirmed enrolment with this id: `true` only when it is later than the last one spent.
    /// Of any number of calls at once with the same step, one gets `true` (threat 53).
    async fn spend_totp_step(&self, user: &UserId, id: &FactorId, step: u64) -> StoreResult<bool>;

    /// Replaces the sealed secret by the same secret sealed anew. Never touches another enrolment.
    async fn reseal_totp(&self, user: &UserId, id: &FactorId, secret: &[u8]) -> StoreResult<()>;

    /// Removes the enrolment, confirmed or not. `true` for the one call that removed it.
    async fn remove_totp(&self, user: &UserId) -> StoreResult<bool>;

    /// Replaces all backup codes of the user, spent or not, by these keyed digests, in one step. Empty removes them.
    async fn replace_backup_codes(&self, user: &UserId, codes: &[Digest32]) -> StoreResult<()>;

    /// Spends a backup code. Of any number of calls at once with the same code, one gets `true` (threat 12).
    async fn consume_backup_code(&self, user: &UserId, code: &Digest32) -> StoreResult<bool>;

    /// How many backup codes are not spent.
    async fn backup_codes_left(&self, user: &UserId) -> StoreResult<u32>;
}
