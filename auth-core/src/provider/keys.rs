//! The provider's signing keys: made here, sealed at rest, rotated by time.
//!
//! A key's state follows from time alone (see [`SigningKeyRecord`]), so nodes agree without talking: *upcoming* keys
//! are published, the *active* one signs, *retiring* ones are published until all they signed has expired. A node
//! reads the keys again every minute; a key is published for longer than that before it signs.

mod load;
mod pairwise;
mod snapshot;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;

use self::load::Loader;
use self::snapshot::{Published, Snapshot};
use super::code::internal;
use super::error::OAuthError;
use super::settings::{KeyRotation, Provider};
use super::{ProviderError, ProviderWing};
use crate::ground::jose::{Algorithm, SigningKey, VerificationKeys};
use crate::ground::{KeyRing, Timestamp};
use crate::services::{Core, Event};
use crate::store::SigningKeyRecord;

/// How old the keys in memory may get before they are read again.
const REREAD_AFTER: Duration = Duration::from_mins(1);

/// How long a key made by hand is published before it signs: every node has read it by then, also where clocks are
/// five minutes apart.
const HAND_MADE_AFTER: Duration = Duration::from_mins(10);

/// How long a key stays published after the last token it signed has expired: for clocks that are apart.
const MARGIN: Duration = Duration::from_mins(5);

/// How often a lost race for a key's generation is run again.
const ATTEMPTS: usize = 5;

/// The keys in memory, kept in step with the store.
pub(super) struct Keys {
    core: Arc<Core>,
    algorithms: Vec<Algorithm>,
    rotation: KeyRotation,
    longest_life: Duration,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held by the one task that reads the store; the moment of the last attempt.
    rereading: tokio::sync::Mutex<Timestamp>,
}

impl Keys {
    /// Loads the keys, and makes the first key of each algorithm that is needed: those of the settings, the one of access
    /// tokens, and RS256 (which OpenID Connect Core §15.1 makes mandatory).
    pub(super) async fn open(core: Arc<Core>, settings: &Provider) -> Result<Self, ProviderError> {
        let mut algorithms = settings.signing_algorithms.clone();
        algorithms.extend([settings.access_token_algorithm, Algorithm::Rs256]);
        algorithms.sort_unstable();
        algorithms.dedup();
        let now = core.clock.now();
        let keys = Self {
            core,
            algorithms,
            rotation: settings.key_rotation,
            longest_life: settings.access_token_life.max(settings.id_token_life),
            snapshot: RwLock::new(Arc::new(Snapshot::default())),
            rereading: tokio::sync::Mutex::new(now),
        };
        keys.reread(now).await?;
        Ok(keys)
    }

    /// The algorithms there are keys for.
    pub(super) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The key that signs with `algorithm` now. A retired key never does.
    pub(super) async fn active(
        &self,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Arc<SigningKey>, OAuthError> {
        let snapshot = self.current(now).await;
        snapshot.active(algorithm, now).ok_or_else(|| {
            internal(ProviderError::SigningKey {
                kid: algorithm.name().to_owned(),
                problem: "no key of this algorithm may sign now".to_owned(),
            })
        })
    }

    /// The keys that verify what this provider signed.
    pub(super) async fn verification(&self, now: Timestamp) -> Arc<VerificationKeys> {
        Arc::clone(&self.published(now).await.verification)
    }

    /// The key set to publish, as JSON (RFC 7517 §5).
    pub(super) async fn jwks(&self, now: Timestamp) -> Bytes {
        self.published(now).await.jwks.clone()
    }

    /// Makes a new key for every algorithm. It is published at once and signs from ten minutes on, when every node has
    /// read it; the ones that signed so far stay published until all they signed has expired.
    pub(super) async fn rotate_now(&self, now: Timestamp) -> Result<(), ProviderError> {
        let loader = self.loader();
        let records = loader.records().await?;
        for algorithm in &self.algorithms {
            let newest = newest(&records, *algorithm);
            loader
                .add(*algorithm, newest, now + HAND_MADE_AFTER, now)
                .await?;
        }
        self.reread(now).await
    }

    async fn published(&self, now: Timestamp) -> Arc<Published> {
        self.current(now).await.published(now)
    }

    /// The keys in memory, read again when they are a minute old. One task reads; the others, and it too when the
    /// store fails, go on with what there is. Only when that is older than any key is made ahead, they wait.
    async fn current(&self, now: Timestamp) -> Arc<Snapshot> {
        let snapshot = self.snapshot();
        if now.since(snapshot.read_at()) < REREAD_AFTER {
            return snapshot;
        }
        let mut tried_at = match self.rereading.try_lock() {
            Ok(tried_at) => tried_at,
            Err(_) if now.since(snapshot.read_at()) < HAND_MADE_AFTER => return snapshot,
            // Nobody asked for long: what is in memory may have retired meanwhile.
            Err(_) => self.rereading.lock().await,
        };
        // While the store is down, it is asked once a minute too.
        if now.since(*tried_at) < REREAD_AFTER {
            return self.snapshot();
        }
        *tried_at = now;
        if let Err(error) = self.reread(now).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the signing keys could not be read again; going on with those in memory"
            );
        }
        self.snapshot()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the store, makes the keys that are due, and puts the result in place.
    async fn reread(&self, now: Timestamp) -> Result<(), ProviderError> {
        let loader = self.loader();
        for _ in 0..self.algorithms.len() + ATTEMPTS {
            let records = loader.records().await?;
            let due = self.algorithms.iter().find_map(|algorithm| {
                let newest = newest(&records, *algorithm);
                self.due(newest, now).map(|from| (*algorithm, newest, from))
            });
            // Whether this node made the key or another was first: what counts is in the store.
            match due {
                Some((algorithm, newest, active_from)) => {
                    loader.add(algorithm, newest, active_from, now).await?;
                }
                None => return self.replace(&loader, &records, now).await,
            }
        }
        // Others keep making keys; what there is will do.
        let records = loader.records().await?;
        self.replace(&loader, &records, now).await
    }

    async fn replace(
        &self,
        loader: &Loader<'_>,
        records: &[SigningKeyRecord],
        now: Timestamp,
    ) -> Result<(), ProviderError> {
        let snapshot = loader.load(records, &self.snapshot(), now).await?;
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }

    /// When the next key after `newest` is to sign, if it is time to make it.
    fn due(&self, newest: Option<&SigningKeyRecord>, now: Timestamp) -> Option<Timestamp> {
        let Some(newest) = newest else {
            // The first key of an algorithm: nobody can have cached a set that lacks it.
            return Some(now);
        };
        let end = newest.active_from + self.rotation.active_for;
        let published_from = end - self.rotation.published_before;
        // After a long stop the end may have passed; the next key is published in good time all the same.
        (now >= published_from).then(|| end.max(now + self.rotation.published_before))
    }

    fn loader(&self) -> Loader<'_> {
        Loader {
            core: &self.core,
            outlives_by: self.longest_life + MARGIN,
        }
    }
}

fn newest(records: &[SigningKeyRecord], algorithm: Algorithm) -> Option<&SigningKeyRecord> {
    records
        .iter()
        .filter(|record| record.algorithm == algorithm.name())
        .max_by_key(|record| record.generation)
}

impl ProviderWing {
    /// Makes new signing keys, published at once and signing from ten minutes on. Rotation by time goes on from them.
    ///
    /// # Errors
    /// The store's.
    pub async fn rotate_signing_keys(&self) -> Result<(), ProviderError> {
        self.keys.rotate_now(self.core.clock.now()).await
    }

    /// Whether the signing keys in use can be opened with the secrets of another ring.
    pub(crate) async fn opens_with(&self, ring: &KeyRing) -> Result<(), ProviderError> {
        let now = self.core.clock.now();
        let records = self.keys.loader().records().await?;
        let retired = |record: &SigningKeyRecord| record.retired_at.is_some_and(|end| end <= now);
        records
            .iter()
            .filter(|record| !retired(record))
            .try_for_each(|record| Loader::unseal(ring, record).map(drop))
    }

    /// Reads the signing keys again, which seals anew what is sealed under an older secret.
    pub(crate) async fn reseal_signing_keys(&self) -> Result<(), ProviderError> {
        self.keys.reread(self.core.clock.now()).await
    }

    /// The keys that verify what this provider signed: for endpoints of the same process.
    pub async fn verification_keys(&self, now: Timestamp) -> Arc<VerificationKeys> {
        self.keys.verification(now).await
    }
}

async fn announce(core: &Core, kid: String, active_from: Timestamp, now: Timestamp) {
    let event = Event::SigningKeyCreated { kid, active_from };
    core.emit(now, None, event).await;
}
