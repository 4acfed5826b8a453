//! The provider's signing keys at rest.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Backend, StoreResult};
use crate::ground::Timestamp;

/// A signing key. Its state is a function of time alone, so every node agrees without being told:
/// *upcoming* (published) before `active_from`, *active* (signs) from then until the next generation's `active_from`,
/// *retiring* (published) until `retired_at`, *retired* after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRecord {
    /// RFC 7638 thumbprint.
    pub kid: String,
    /// JOSE algorithm name.
    pub algorithm: String,
    /// Counts up per algorithm; unique with it.
    pub generation: u32,
    /// PKCS#8, sealed under the key ring with the `kid` as context.
    pub sealed_private_key: Vec<u8>,
    /// Creation.
    pub created_at: Timestamp,
    /// First moment it may sign.
    pub active_from: Timestamp,
    /// Set when its successor is made: the last moment anything it signed can live.
    pub retired_at: Option<Timestamp>,
}

/// Signing keys.
#[async_trait]
pub trait SigningKeyStore: Backend {
    /// All keys, in order of algorithm and generation.
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKeyRecord>>;

    /// Adds a key if its generation is later than every one of its algorithm (one that was pruned does not come free
    /// again), and in the same step sets `retired_at` of the previous generation to `previous_retired_at`. `false`
    /// when another node was first: read again.
    async fn add_signing_key(
        &self,
        key: &SigningKeyRecord,
        previous_retired_at: Timestamp,
    ) -> StoreResult<bool>;

    /// Replaces the sealed private key after the key ring rotated; nothing else of a key ever changes.
    async fn reseal_signing_key(&self, kid: &str, sealed_private_key: &[u8]) -> StoreResult<()>;
}
