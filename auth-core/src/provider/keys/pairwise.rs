//! The salt of pairwise subjects, kept beside the signing keys.
//!
//! A subject must stay the same for as long as the client lives, so the salt is none of the ring's secrets (they rotate)
//! and nothing derived from one: it is drawn once and sealed. As a record among the signing keys, under an algorithm
//! that no key has, it stands where every store already keeps things for good: nothing prunes it while it is not
//! retired, one node alone adds it, and whoever reads the keys after a rotation of the secrets seals it anew.

use zeroize::Zeroizing;

use super::load::{Loader, unusable};
use super::{ATTEMPTS, Keys};
use crate::ground::Timestamp;
use crate::provider::ProviderError;
use crate::store::SigningKeyRecord;

/// The record's algorithm and `kid`.
pub(super) const PAIRWISE: &str = "pairwise-subject";

impl Keys {
    /// The salt, made when it is first asked for. One that is there and does not open is an error, never replaced.
    pub(in crate::provider) async fn pairwise_salt(
        &self,
        now: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let loader = self.loader();
        for _ in 0..ATTEMPTS {
            let records = loader.records().await?;
            if let Some(record) = records.iter().find(|record| is_salt(record)) {
                return Loader::unseal(&self.core.keys, record);
            }
            // Whether this node's salt was written or another was first: what counts is in the store.
            loader.add_salt(now).await?;
        }
        Err(unusable(PAIRWISE, "the store does not keep it"))
    }
}

impl Loader<'_> {
    async fn add_salt(&self, now: Timestamp) -> Result<(), ProviderError> {
        let salt = Zeroizing::new(self.core.random.bytes::<32>());
        let record = SigningKeyRecord {
            kid: PAIRWISE.to_owned(),
            algorithm: PAIRWISE.to_owned(),
            generation: 1,
            sealed_private_key: self.seal(PAIRWISE, &*salt)?,
            created_at: now,
            active_from: now,
            retired_at: None,
        };
        let keys = &self.core.stores.signing_keys;
        keys.add_signing_key(&record, now).await?;
        Ok(())
    }
}

pub(super) fn is_salt(record: &SigningKeyRecord) -> bool {
    record.algorithm == PAIRWISE
}
