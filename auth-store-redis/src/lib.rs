//! The short-lived store, on Redis (6.2 or later): sessions, single-use values, attempt counters.
//!
//! ```no_run
//! # async fn example(durable: auth_core::store::Stores) -> auth_core::store::StoreResult<()> {
//! use auth_store_redis::RedisStore;
//!
//! let stores = durable.with_short_lived(RedisStore::open("redis://127.0.0.1:6379").await?);
//! # Ok(()) }
//! ```
//!
//! # How the verbs stay atomic
//!
//! Every verb is decided by one script on **one key**, so it is right in a cluster, where a script may touch one slot.
//! A session is a record under its public id; the digest of its secret leads to the id, and counts only while the
//! record names the same digest. So a rotation or a revocation is a change of the record alone, seen by every later
//! read, and a pointer that was left behind leads nowhere. The set of a user's sessions is written before the record:
//! there is no moment in which a session lives that "end all sessions" does not find.
//!
//! # Time
//!
//! Decisions use the caller's `now`. Keys carry their own expiry besides, an hour later than anything decides by
//! them, so the server's clock may differ by as much, and nothing is left behind.
//!
//! # What the server must be
//!
//! `maxmemory-policy noeviction`: an evicted claim is a replay accepted. A failover to a replica that lags may forget
//! the last writes; where that matters for single-use values, keep them in the durable store.
//!
//! When the server does not answer within two seconds the verb is
//! [`StoreError::Unavailable`](auth_core::store::StoreError::Unavailable): the client is told 503, never let in.

mod connection;
mod one_time;
mod prune;
mod session;
mod throttle;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_core::ground::Timestamp;
use auth_core::store::StoreResult;
use connection::{Connection, Scripts};

/// How much longer than any decision a key lives.
const SLACK_MILLIS: i64 = 60 * 60 * 1000;

/// Sessions, single-use values and attempt counters, in Redis. Clones share one multiplexed connection, which
/// reconnects by itself.
#[derive(Clone)]
pub struct RedisStore {
    connection: Connection,
    scripts: Arc<Scripts>,
    prefix: Arc<str>,
}

impl RedisStore {
    /// Connects to `redis://[user:password@]host:port[/database]`.
    pub async fn open(url: &str) -> StoreResult<Self> {
        Self::builder().open(url).await
    }

    /// A store with other settings.
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder::default()
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{name}", self.prefix)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

/// Settings of a [`RedisStore`].
#[derive(Clone, Debug)]
pub struct RedisStoreBuilder {
    prefix: String,
    timeout: Duration,
}

impl Default for RedisStoreBuilder {
    fn default() -> Self {
        Self {
            prefix: "auth".to_owned(),
            timeout: Duration::from_secs(2),
        }
    }
}

impl RedisStoreBuilder {
    /// What keys begin with, before a colon; `auth` when not set. Two products on one server need two.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Longest wait for the server, to connect and to answer; two seconds when not set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects, and returns the store.
    pub async fn open(self, url: &str) -> StoreResult<RedisStore> {
        Ok(RedisStore {
            connection: Connection::open(url, self.timeout).await?,
            scripts: Arc::new(Scripts::new()),
            prefix: self.prefix.into(),
        })
    }
}

/// Milliseconds a key lives that nothing needs from `end` on.
fn ttl(end: Timestamp, now: Timestamp) -> i64 {
    end.millis()
        .saturating_sub(now.millis())
        .clamp(0, i64::MAX / 1_000_000)
        .saturating_add(SLACK_MILLIS)
}
