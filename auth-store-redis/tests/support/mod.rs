//! What the tests share.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses its part"
)]

use std::time::{Duration, Instant};

use auth_core::ground::Clock as _;
use auth_core::ground::{Digest32, SystemClock, Timestamp};
use auth_core::store::{
    OneTimeKind, OneTimeStore as _, OneTimeValue, Session, SessionId, StoreError, StoreResult,
    UserId,
};
use auth_store_redis::{RedisStore, RedisStoreBuilder};
#[cfg(feature = "tls")]
use {std::fs, std::sync::OnceLock, test_servers::Redis};

pub(crate) const CODE: OneTimeKind = OneTimeKind::AuthorizationCode;
/// Longest wait for what must come; only a fault reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What the keys of this test begin with.
pub(crate) fn prefix() -> String {
    format!("{}-{}", std::process::id(), test_servers::test_name())
}

pub(crate) fn builder() -> RedisStoreBuilder {
    RedisStore::builder().key_prefix(prefix())
}

/// A server that speaks TLS alone, which all tests of the process share.
#[cfg(feature = "tls")]
pub(crate) fn tls_server() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(Redis::start_tls)
}

/// Trusts the authority of a server that speaks TLS.
#[cfg(feature = "tls")]
pub(crate) fn trusting(builder: RedisStoreBuilder, server: &Redis) -> RedisStoreBuilder {
    builder.root_certificate(fs::read(server.ca_certificate()).unwrap())
}

/// The URL of a cluster or of sentinels, from those of its nodes.
pub(crate) fn url(kind: &str, nodes: &[String], path: &str) -> String {
    let (scheme, _) = nodes[0].split_once("://").unwrap();
    let nodes: Vec<&str> = nodes
        .iter()
        .map(|node| node.split_once("://").unwrap().1.trim_end_matches('/'))
        .collect();
    format!("{scheme}+{kind}://{}{path}", nodes.join(","))
}

/// The URL with a login.
pub(crate) fn with_login(url: &str, login: &str) -> String {
    url.replacen("://", &format!("://{login}@"), 1)
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn session(name: &str, user: &str) -> Session {
    let now = now();
    Session {
        id: SessionId::new(name),
        token_digest: Digest32::of(name),
        user_id: UserId::new(user),
        created_at: now,
        auth_time: now,
        amr: Vec::new(),
        acr: None,
        last_seen_at: now,
        idle_expires_at: now + Duration::from_mins(5),
        expires_at: now + Duration::from_mins(10),
        remember: false,
        user_agent: None,
        address: None,
    }
}

pub(crate) fn code(name: &str) -> OneTimeValue {
    let end = now() + Duration::from_mins(5);
    OneTimeValue {
        kind: CODE,
        key: Digest32::of(name),
        payload: name.into(),
        expires_at: end,
        keep_until: end,
    }
}

/// Claims a name; `true` for the first.
pub(crate) async fn claim(store: &RedisStore, name: &str) -> StoreResult<bool> {
    let now = now();
    let end = now + Duration::from_mins(5);
    let kind = OneTimeKind::ClientAssertion;
    store.claim_once(kind, &Digest32::of(name), now, end).await
}

pub(crate) fn is_unavailable<T>(answer: &StoreResult<T>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

/// Asks until the answer is not `Unavailable`.
pub(crate) async fn once_available<T>(mut ask: impl AsyncFnMut() -> StoreResult<T>) -> T {
    let start = Instant::now();
    loop {
        let answer = ask().await;
        if !is_unavailable(&answer) || start.elapsed() > PATIENCE {
            return answer.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that the answer is `Unavailable`, and comes within the time allowed and some for a busy machine.
pub(crate) async fn unavailable_in_time<T>(
    allowed: Duration,
    ask: impl Future<Output = StoreResult<T>>,
) {
    let start = Instant::now();
    let answer = ask.await;
    assert!(is_unavailable(&answer), "{:?}", answer.err());
    let took = start.elapsed();
    assert!(took < allowed + MARGIN, "{took:?}");
}

/// What a busy machine may add to the time allowed.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);
