//! Keys that a client publishes at its `jwks_uri`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::Reason;
use crate::ground::Timestamp;
use crate::ground::jose::{JwkSet, VerificationKeys};

/// A fetched set is used this long.
const FRESH: Duration = Duration::from_mins(5);

/// A set is not fetched again sooner than this, whatever `kid` an assertion names and however the last fetch ended:
/// anyone can send an assertion that names a client.
const PAUSE: Duration = Duration::from_secs(30);

/// Sets remembered.
const MOST_SETS: usize = 1000;

/// Fetches documents from addresses that strangers chose.
///
/// An implementation must refuse private, loopback and link-local targets after resolution, pin the address it checked,
/// and bound size, time and redirects: a false negative here is server-side request forgery (threat 44).
#[async_trait]
pub trait JwksFetcher: Send + Sync + 'static {
    /// The body of a successful answer, which has to be JSON.
    async fn fetch(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>>;

    /// A request object (RFC 9101 §5.2.3): the body of a successful answer of whatever media type.
    async fn fetch_request_object(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>>;
}

/// The key sets of clients, by address.
#[derive(Default)]
pub(in crate::provider) struct ClientKeys {
    fetcher: Option<Arc<dyn JwksFetcher>>,
    sets: Mutex<HashMap<String, Arc<Entry>>>,
}

/// One address. Whoever needs it while it is being fetched waits for that fetch.
type Entry = tokio::sync::Mutex<Set>;

#[derive(Default)]
struct Set {
    keys: Option<Published>,
    fetched_at: Timestamp,
    tried_at: Option<Timestamp>,
}

/// A set, and those of it that verify.
#[derive(Clone)]
struct Published {
    all: Arc<JwkSet>,
    verifying: Arc<VerificationKeys>,
}

impl Set {
    /// What may be used at `now` where the key that is `wanted` should be among it.
    fn usable(&self, wanted: impl Fn(&Published) -> bool, now: Timestamp) -> Option<Published> {
        let keys = self.keys.as_ref()?;
        let fresh = now.since(self.fetched_at) < FRESH;
        (fresh && (wanted(keys) || self.must_wait(now))).then(|| keys.clone())
    }

    fn must_wait(&self, now: Timestamp) -> bool {
        self.tried_at.is_some_and(|tried| now.since(tried) < PAUSE)
    }
}

impl ClientKeys {
    pub(in crate::provider) fn with_fetcher(fetcher: Arc<dyn JwksFetcher>) -> Self {
        Self {
            fetcher: Some(fetcher),
            sets: Mutex::default(),
        }
    }

    /// A document at an address of a client's.
    pub(in crate::provider) async fn fetch(
        &self,
        url: &str,
    ) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        match &self.fetcher {
            Some(fetcher) => fetcher.fetch(url).await,
            None => Err("addresses of clients cannot be fetched here".into()),
        }
    }

    /// A request object at an address of a client's.
    pub(in crate::provider) async fn fetch_request_object(
        &self,
        url: &str,
    ) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        match &self.fetcher {
            Some(fetcher) => fetcher.fetch_request_object(url).await,
            None => Err("addresses of clients cannot be fetched here".into()),
        }
    }

    /// Whether documents of clients can be fetched at all.
    pub(in crate::provider) fn can_fetch(&self) -> bool {
        self.fetcher.is_some()
    }

    /// The keys at `uri` that verify; fetched once more when they do not have `kid`.
    pub(super) async fn of(
        &self,
        uri: &str,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<VerificationKeys>, Reason> {
        let wanted = |keys: &Published| kid.is_none_or(|kid| keys.verifying.contains_kid(kid));
        Ok(self.published(uri, wanted, now).await?.verifying)
    }

    /// The whole set at `uri`; fetched once more when it has no key that is `wanted`.
    pub(in crate::provider) async fn set_of(
        &self,
        uri: &str,
        wanted: impl Fn(&JwkSet) -> bool,
        now: Timestamp,
    ) -> Result<Arc<JwkSet>, Reason> {
        let wanted = |keys: &Published| wanted(&keys.all);
        Ok(self.published(uri, wanted, now).await?.all)
    }

    async fn published(
        &self,
        uri: &str,
        wanted: impl Fn(&Published) -> bool,
        now: Timestamp,
    ) -> Result<Published, Reason> {
        let Some(fetcher) = &self.fetcher else {
            return Err("jwks_uri cannot be fetched here");
        };
        let entry = self.entry(uri);
        let mut set = entry.lock().await;
        if let Some(keys) = set.usable(wanted, now) {
            return Ok(keys);
        }
        if set.must_wait(now) {
            return Err("the client's jwks_uri could not be fetched a moment ago");
        }
        set.tried_at = Some(now);
        let body = fetcher.fetch(uri).await.map_err(|error| {
            tracing::warn!(
                error = &*error as &dyn Error,
                "a jwks_uri could not be fetched"
            );
            "the client's jwks_uri cannot be fetched"
        })?;
        let parsed =
            JwkSet::parse(&body).map_err(|_| "what is at the client's jwks_uri is no key set")?;
        let keys = Published {
            verifying: Arc::new(VerificationKeys::from_set(&parsed)),
            all: Arc::new(parsed),
        };
        set.keys = Some(keys.clone());
        set.fetched_at = now;
        Ok(keys)
    }

    fn entry(&self, uri: &str) -> Arc<Entry> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = sets.get(uri) {
            return Arc::clone(entry);
        }
        if sets.len() >= MOST_SETS {
            // Only registered clients get here; which set goes matters little, as each comes back with one fetch.
            let some = sets.keys().next().cloned();
            some.and_then(|uri| sets.remove(&uri));
        }
        Arc::clone(sets.entry(uri.to_owned()).or_default())
    }
}
