//! The short-lived store, on Redis (6.2 or later) or what speaks its protocol: sessions, single-use values, attempt
//! counters. One server, a cluster, or a primary under Sentinel; with TLS by the feature `tls`, on by default.
//!
//! ```no_run
//! # async fn example(durable: auth_core::store::Stores) -> auth_core::store::StoreResult<()> {
//! use auth_store_redis::RedisStore;
//!
//! let stores = durable.with_short_lived(RedisStore::open("redis://127.0.0.1:6379").await?);
//! # Ok(()) }
//! ```
//!
//! # Keys
//!
//! | Key | What |
//! |---|---|
//! | `auth:s:{id}` | a session, under its public id |
//! | `auth:u:{user}` | the ids of a user's sessions |
//! | `auth:o:{kind:digest}` | a single-use value |
//! | `auth:t:{digest}` | an attempt counter |
//!
//! Every step of a verb is one command or one script on **one key**, so it is atomic in a cluster too, where a script
//! may touch one slot; the braces (a hash tag) only say so. A session is one record: a rotation or a revocation is a
//! change of it alone, seen by every later read. The set of a user's sessions is written before the record: there is
//! no moment in which a session lives that "end all sessions" does not find. What has ended leaves the set at the user's
//! next sign-in or activity, an hour after its end.
//!
//! Decisions use the caller's `now`. Keys carry their own expiry besides, an hour later than anything decides by them,
//! so the server's clock may differ by as much, and nothing is left behind.
//!
//! # Ended sessions
//!
//! The script that removes a session publishes it on the channel `auth:ended`, in the same step. A watch subscribes on
//! a connection of its own, in a cluster on one to every primary: what one node passes on to another may get lost
//! unnoticed. It is over, with an error, at once when such a connection ends, and within ten seconds (the timeout left
//! at its default) when one hangs or another server has become primary. A user with an ACL needs the channel.
//!
//! # Outages
//!
//! A verb that has no answer within two seconds is
//! [`StoreError::Unavailable`](auth_core::store::StoreError::Unavailable): the client is told 503, never let in. The
//! write may have been made; it is not sent again, for a second attempt to spend a value would look like a replay. The
//! store finds its way back by itself: it reconnects, asks the sentinels again, learns which node took over.
//!
//! To list or end all sessions of a user takes as long as it takes: of each server 64 at once (8 where replicas
//! acknowledge), and two seconds at most for those. A server that fails holds up no other; what it left undone the next
//! call does.
//!
//! # What the server must be
//!
//! `maxmemory-policy noeviction`: what is evicted is lost. A server that comes back empty signs everybody out and knows
//! no code, so let it persist (`appendonly yes`) or fail over. Claims it forgot could be made again: that is why
//! `with_short_lived` leaves [`Stores::claims`](auth_core::store::Stores::claims) where it is. A failover may forget the
//! last writes:
//! [`acknowledged_by`](RedisStoreBuilder::acknowledged_by).

mod address;
mod backend;
mod builder;
mod connection;
mod join;
mod one_time;
mod record;
mod scripts;
mod session;
mod throttle;
mod tls;
mod watch;

use std::fmt;
use std::sync::Arc;

use auth_core::ground::Timestamp;
use auth_core::store::StoreResult;
pub use builder::RedisStoreBuilder;
use connection::Connection;
use scripts::Scripts;

/// How much longer than any decision a key lives.
const SLACK_MILLIS: i64 = 60 * 60 * 1000;

/// Sessions, single-use values and attempt counters, in Redis. Clones share their connections, which come back by
/// themselves.
#[derive(Clone)]
pub struct RedisStore {
    connection: Connection,
    scripts: Arc<Scripts>,
    prefix: Arc<str>,
}

impl RedisStore {
    /// Connects.
    ///
    /// | URL | To |
    /// |---|---|
    /// | `redis://[user:password@]host:port[/database]` | one server |
    /// | `redis+cluster://[user:password@]host:port,host:port` | a cluster; some of its nodes, for the others are found |
    /// | `redis+sentinel://[user:password@]host:port,host:port/name[/database]` | the primary that sentinels know by this name |
    ///
    /// With `rediss` in place of `redis`, over TLS. The certificates must be for the names or addresses by which the
    /// servers are called here, and by which nodes and sentinels call them.
    pub async fn open(url: &str) -> StoreResult<Self> {
        Self::builder().open(url).await
    }

    /// A store with other settings.
    pub fn builder() -> RedisStoreBuilder {
        RedisStoreBuilder::default()
    }

    /// Where the ends of sessions are told.
    fn channel(&self) -> String {
        format!("{}:ended", self.prefix)
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}:{kind}:{{{name}}}", self.prefix)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

/// Milliseconds a key lives that nothing needs from `end` on.
fn ttl(end: Timestamp, now: Timestamp) -> i64 {
    end.millis()
        .saturating_sub(now.millis())
        .clamp(0, i64::MAX / 1_000_000)
        .saturating_add(SLACK_MILLIS)
}
