//! Word of ended sessions, when the network or the server gives way.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::time::{Duration, Instant};

use auth_core::store::{EndedSession, EndedSessions, SessionId, SessionStore as _, UserId};
use auth_store_redis::RedisStore;
use support::{PATIENCE, once_available};
use test_servers::{Proxy, Redis};

mod support;

const SHORT: Duration = Duration::from_millis(500);

type Watch = Box<dyn EndedSessions>;

async fn revoke(store: &RedisStore, id: &str, user: &str) -> EndedSession {
    let session = support::session(id, user);
    store.insert_session(&session).await.unwrap();
    let (user_id, id) = (session.user_id, session.id);
    assert!(store.revoke_session(&user_id, &id).await.unwrap());
    EndedSession { user_id, id }
}

async fn next(watch: &mut Watch) -> Vec<EndedSession> {
    let next = tokio::time::timeout(PATIENCE, watch.next()).await;
    next.unwrap().unwrap()
}

/// Asserts that the watch ends, and stays over.
async fn ends_within(limit: Duration, watch: &mut Watch) {
    let start = Instant::now();
    let ended = tokio::time::timeout(PATIENCE, watch.next()).await.unwrap();
    assert!(support::is_unavailable(&ended), "{ended:?}");
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    assert!(watch.next().await.is_err());
}

#[tokio::test]
async fn any_text_survives() {
    let url = test_servers::redis_url();
    let store = support::builder().open(&url).await.unwrap();
    let mut watch = store.watch_ended().await.unwrap();
    let long = "\u{1f511}".repeat(5000);
    for text in ["", "a\0b", "\u{10ffff}'\"\\%_{}}{[1,2]\r\n", &long] {
        let ended = revoke(&store, text, text).await;
        assert_eq!(next(&mut watch).await, [ended]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_a_watch_that_breaks_says_so_at_once() {
    let mut server = Redis::start();
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let watcher = support::builder().timeout(SHORT).open(&url).await.unwrap();
    let store = support::builder().open(&server.url()).await.unwrap();
    let mut watch = watcher.watch_ended().await.unwrap();
    let heard = revoke(&store, "one", "ada").await;
    assert_eq!(next(&mut watch).await, [heard]);

    proxy.cut();
    ends_within(Duration::from_secs(1), &mut watch).await;
    assert!(watcher.watch_ended().await.is_err());
    // Not heard by anybody.
    revoke(&store, "two", "ada").await;
    proxy.restore();
    let mut watch = once_available(async || watcher.watch_ended().await).await;
    let heard = revoke(&store, "three", "ada").await;
    assert_eq!(next(&mut watch).await, [heard]);

    server.kill();
    ends_within(Duration::from_secs(1), &mut watch).await;
}

#[tokio::test]
async fn threat_34_a_watch_that_hears_nothing_finds_out() {
    let server = Redis::start();
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let store = support::builder().timeout(SHORT).open(&url).await.unwrap();
    let mut watch = store.watch_ended().await.unwrap();
    proxy.stall();
    ends_within(Duration::from_secs(10), &mut watch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_a_watch_that_falls_behind_is_over() {
    const AT_ONCE: usize = 500;
    let server = Redis::start();
    let store = support::builder().open(&server.url()).await.unwrap();
    let mut behind = store.watch_ended().await.unwrap();
    let mut keeping_up = store.watch_ended().await.unwrap();
    let channel = format!("{}:ended", support::prefix());
    let script = format!(
        "for i = 1, {AT_ONCE} do redis.call('PUBLISH', '{channel}', '[\"ada\",\"' .. i .. '\"]') end"
    );
    for _ in 0..40 {
        server.cli(&["EVAL", &script, "0"]);
        let mut heard = Vec::new();
        while heard.len() < AT_ONCE {
            heard.extend(next(&mut keeping_up).await);
        }
        assert_eq!(heard[AT_ONCE - 1].id, SessionId::new("500"));
        assert_eq!(heard[0].user_id, UserId::new("ada"));
    }
    ends_within(Duration::from_secs(1), &mut behind).await;
}

#[tokio::test]
async fn products_do_not_hear_each_other() {
    let url = test_servers::redis_url();
    let store = support::builder().open(&url).await.unwrap();
    let other = RedisStore::builder().key_prefix(support::prefix() + "-other");
    let other = other.open(&url).await.unwrap();
    let mut watch = store.watch_ended().await.unwrap();
    revoke(&other, "one", "ada").await;
    let heard = revoke(&store, "two", "ada").await;
    assert_eq!(next(&mut watch).await, [heard]);
}
