//! The keys as they were read at one moment; what each may do follows from the time that is asked about.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::load::unusable;
use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, JwkSet, SigningKey, VerificationKeys, VerifyingKey};
use crate::provider::ProviderError;
use crate::store::SigningKeyRecord;

/// A key that can sign, with the times that decide whether it may.
pub(super) struct LoadedKey {
    key: Arc<SigningKey>,
    verifying: VerifyingKey,
    generation: u32,
    active_from: Timestamp,
    retired_at: Option<Timestamp>,
}

impl LoadedKey {
    pub(super) fn new(
        record: &SigningKeyRecord,
        key: Arc<SigningKey>,
    ) -> Result<Self, ProviderError> {
        let verifying =
            VerifyingKey::new(key.public_jwk()).map_err(|error| unusable(&record.kid, error))?;
        Ok(Self {
            key,
            verifying,
            generation: record.generation,
            active_from: record.active_from,
            retired_at: record.retired_at,
        })
    }

    fn is_retired(&self, now: Timestamp) -> bool {
        self.retired_at.is_some_and(|end| end <= now)
    }
}

/// What clients see, and until when it stays the same.
pub(super) struct Published {
    pub verification: Arc<VerificationKeys>,
    pub jwks: Bytes,
    until: Option<Timestamp>,
}

#[derive(Default)]
pub(super) struct Snapshot {
    read_at: Timestamp,
    keys: Vec<LoadedKey>,
    /// Built once and kept until a key retires.
    published: Mutex<Option<Arc<Published>>>,
}

impl Snapshot {
    pub(super) fn new(keys: Vec<LoadedKey>, read_at: Timestamp) -> Self {
        Self {
            read_at,
            keys,
            published: Mutex::default(),
        }
    }

    pub(super) fn read_at(&self) -> Timestamp {
        self.read_at
    }

    pub(super) fn key(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let found = self.keys.iter().find(|loaded| loaded.key.kid() == kid);
        found.map(|loaded| Arc::clone(&loaded.key))
    }

    /// The newest key whose time has come. Where none's has (a node whose clock is behind the one that made the first
    /// key), the oldest: it is published, and nothing else could sign.
    pub(super) fn active(&self, algorithm: Algorithm, now: Timestamp) -> Option<Arc<SigningKey>> {
        let own = || {
            let of_algorithm = |loaded: &&LoadedKey| loaded.key.algorithm() == algorithm;
            self.keys
                .iter()
                .filter(of_algorithm)
                .filter(|loaded| !loaded.is_retired(now))
        };
        let started = own().filter(|loaded| loaded.active_from <= now);
        started
            .max_by_key(|loaded| loaded.generation)
            .or_else(|| own().min_by_key(|loaded| loaded.generation))
            .map(|loaded| Arc::clone(&loaded.key))
    }

    /// Every key that is not retired.
    pub(super) fn published(&self, now: Timestamp) -> Arc<Published> {
        let mut slot = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(published) = &*slot
            && published.until.is_none_or(|until| now < until)
        {
            return Arc::clone(published);
        }
        let published = Arc::new(self.publish(now));
        *slot = Some(Arc::clone(&published));
        published
    }

    fn publish(&self, now: Timestamp) -> Published {
        let counting: Vec<_> = self
            .keys
            .iter()
            .filter(|key| !key.is_retired(now))
            .collect();
        let set = JwkSet::new(
            counting
                .iter()
                .map(|own| own.key.public_jwk().clone())
                .collect(),
        );
        Published {
            verification: Arc::new(counting.iter().map(|own| own.verifying.clone()).collect()),
            // Strings and arrays of our own always serialize.
            jwks: serde_json::to_vec(&set)
                .map(Bytes::from)
                .unwrap_or_default(),
            until: counting.iter().filter_map(|own| own.retired_at).min(),
        }
    }
}
