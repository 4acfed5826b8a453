//! Browsers a person has signed in with: those seen before, and those that are spared the second factor.

use async_trait::async_trait;

use super::{Backend, StoreResult, UserId, identifier};
use crate::ground::{Digest32, Timestamp};

identifier! {
    /// A trusted device's public id: the handle in a list. Not a credential.
    DeviceId
}

/// A browser that is not asked for a second factor again before `expires_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedDevice {
    /// Public id.
    pub id: DeviceId,
    /// Whose second factor it stands for.
    pub user_id: UserId,
    /// Digest of the secret in the cookie.
    pub token_digest: Digest32,
    /// The `User-Agent` when it was trusted, cut to 512 bytes.
    pub user_agent: Option<String>,
    /// Trusted since.
    pub created_at: Timestamp,
    /// Trusted until.
    pub expires_at: Timestamp,
}

/// Whether a browser was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceSeen {
    /// No browser of this user was ever noted: the first sign-in is no news.
    First,
    /// Others were, this one not.
    New,
    /// This one was.
    Known,
}

/// Devices.
#[async_trait]
pub trait DeviceStore: Backend {
    /// Trusts a device. Inserts, never overwrites: an existing id is [`StoreError::Exists`](super::StoreError::Exists).
    async fn trust_device(&self, device: &TrustedDevice) -> StoreResult<()>;

    /// The trusted device with this id. The caller compares owner and secret and judges time.
    async fn trusted_device(&self, id: &DeviceId) -> StoreResult<Option<TrustedDevice>>;

    /// The user's trusted devices, newest first, at most 100. The caller judges time.
    async fn trusted_devices_of(&self, user: &UserId) -> StoreResult<Vec<TrustedDevice>>;

    /// Trusts one device of this user no more; `false` when it is not there or another's.
    async fn distrust_device(&self, user: &UserId, id: &DeviceId) -> StoreResult<bool>;

    /// Trusts none of the user's devices any more; returns how many there were.
    async fn distrust_devices(&self, user: &UserId) -> StoreResult<u64>;

    /// Notes that the user signed in with the browser of this digest, remembered until `keep_until` at least, and says
    /// whether it was noted before. Of any number of calls at once for the same browser, one gets another answer than
    /// [`DeviceSeen::Known`].
    async fn note_device(
        &self,
        user: &UserId,
        browser: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<DeviceSeen>;

    /// Forgets every device of the user, trusted or seen.
    async fn forget_devices(&self, user: &UserId) -> StoreResult<()>;
}
