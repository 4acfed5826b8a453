//! Between the store's records and keys that sign.

use std::sync::Arc;
use std::time::Duration;

use super::announce;
use super::pairwise::is_salt;
use super::snapshot::{LoadedKey, Snapshot};
use crate::ground::jose::{Algorithm, GeneratedKey, JoseError, SigningKey};
use crate::ground::{KeyRing, Purpose, Timestamp};
use crate::provider::ProviderError;
use crate::services::Core;
use crate::store::SigningKeyRecord;

pub(super) struct Loader<'k> {
    pub core: &'k Core,
    /// How long after its last signature a key must stay published.
    pub outlives_by: Duration,
}

impl Loader<'_> {
    pub(super) async fn records(&self) -> Result<Vec<SigningKeyRecord>, ProviderError> {
        Ok(self.core.stores.signing_keys.signing_keys().await?)
    }

    /// Makes the key after `newest`. Another node may be first; then nothing is written.
    pub(super) async fn add(
        &self,
        algorithm: Algorithm,
        newest: Option<&SigningKeyRecord>,
        active_from: Timestamp,
        now: Timestamp,
    ) -> Result<(), ProviderError> {
        let GeneratedKey { key, pkcs8 } = generate(algorithm).await?;
        let kid = key.kid().to_owned();
        let record = SigningKeyRecord {
            algorithm: algorithm.name().to_owned(),
            generation: newest
                .map_or(0, |record| record.generation)
                .saturating_add(1),
            sealed_private_key: self.seal(&kid, &pkcs8)?,
            created_at: now,
            active_from,
            retired_at: None,
            kid: kid.clone(),
        };
        // The predecessor signs until then, and what it signs last lives this much longer.
        let previous_retired_at = active_from + self.outlives_by;
        let keys = &self.core.stores.signing_keys;
        if keys.add_signing_key(&record, previous_retired_at).await? {
            announce(self.core, kid, active_from, now).await;
        }
        Ok(())
    }

    /// Opens the records that still count. Keys already in memory are taken over, not parsed again.
    pub(super) async fn load(
        &self,
        records: &[SigningKeyRecord],
        before: &Snapshot,
        now: Timestamp,
    ) -> Result<Snapshot, ProviderError> {
        let mut loaded = Vec::with_capacity(records.len());
        for record in records {
            if record.retired_at.is_some_and(|end| end <= now) {
                continue;
            }
            let key = match before.key(&record.kid) {
                _ if is_salt(record) => None,
                Some(key) => Some(key),
                None => Some(Arc::new(self.open(record)?)),
            };
            if self.core.keys.is_stale(&record.sealed_private_key) {
                self.reseal(record).await?;
            }
            let Some(key) = key else {
                continue;
            };
            loaded.push(LoadedKey::new(record, key)?);
        }
        Ok(Snapshot::new(loaded, now))
    }

    fn open(&self, record: &SigningKeyRecord) -> Result<SigningKey, ProviderError> {
        let algorithm = Algorithm::parse(&record.algorithm)
            .ok_or_else(|| unusable(&record.kid, "its algorithm is not known to this version"))?;
        let pkcs8 = Self::unseal(&self.core.keys, record)?;
        SigningKey::from_pkcs8(algorithm, Some(&record.kid), &pkcs8)
            .map_err(|error| unusable(&record.kid, error))
    }

    /// Opens a record's private key with the secrets of `ring`.
    pub(super) fn unseal(
        ring: &KeyRing,
        record: &SigningKeyRecord,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, ProviderError> {
        let context = record.kid.as_bytes();
        let opened = ring.open(Purpose::SigningKey, context, &record.sealed_private_key);
        opened.map(zeroize::Zeroizing::new).map_err(|_| {
            unusable(
                &record.kid,
                "it was sealed under a secret that is not given now; add that secret after the present one",
            )
        })
    }

    pub(super) fn seal(&self, kid: &str, pkcs8: &[u8]) -> Result<Vec<u8>, ProviderError> {
        let core = self.core;
        core.keys
            .seal(&*core.random, Purpose::SigningKey, kid.as_bytes(), pkcs8)
            .map_err(|error| unusable(kid, error))
    }

    /// Seals a key under the first secret, so that the old one can be taken out of the ring.
    async fn reseal(&self, record: &SigningKeyRecord) -> Result<(), ProviderError> {
        let sealed = self.seal(&record.kid, &Self::unseal(&self.core.keys, record)?)?;
        let keys = &self.core.stores.signing_keys;
        Ok(keys.reseal_signing_key(&record.kid, &sealed).await?)
    }
}

/// Off the async threads: an RSA key takes a good part of a second.
async fn generate(algorithm: Algorithm) -> Result<GeneratedKey, ProviderError> {
    let generated = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
    generated
        .unwrap_or(Err(JoseError::KeyGeneration))
        .map_err(|error| unusable(algorithm.name(), error))
}

pub(super) fn unusable(kid: &str, problem: impl std::fmt::Display) -> ProviderError {
    ProviderError::SigningKey {
        kid: kid.to_owned(),
        problem: problem.to_string(),
    }
}
