//! Under Sentinel: the store finds the primary, and after a failover the new one.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::time::{Duration, Instant};

use auth_core::store::SessionStore as _;
use support::{MARGIN, claim, once_available};
use test_servers::RedisSentinel;

mod support;

const TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_failover_is_survived_without_opening_anew() {
    let mut servers = RedisSentinel::start();
    let path = format!("/{}", RedisSentinel::NAME);
    let url = support::url("sentinel", &servers.urls(), &path);
    let store = support::builder().open(&url).await.unwrap();
    let strict = support::builder().acknowledged_by(1);
    let strict = strict.open(&url).await.unwrap();
    let session = support::session("session", "ada");
    store.insert_session(&session).await.unwrap();
    assert!(claim(&strict, "before").await.unwrap());
    let mut watch = store.watch_ended().await.unwrap();

    let before = servers.primary_url();
    servers.kill_primary();
    assert!(watch.next().await.is_err());
    let claimed = once_available(async || {
        let start = Instant::now();
        let answer = claim(&store, "after").await;
        assert!(start.elapsed() < TIMEOUT + MARGIN, "{:?}", start.elapsed());
        answer
    })
    .await;
    assert!(claimed);
    servers.wait_until_ok();
    assert_ne!(servers.primary_url(), before);
    // What a replica had acknowledged is not forgotten.
    assert!(!claim(&store, "before").await.unwrap());
    // Nothing acknowledges now.
    assert!(claim(&strict, "alone").await.is_err());

    let mut watch = once_available(async || store.watch_ended().await).await;
    servers.start_again();
    servers.wait_until_ok();
    let claimed = once_available(async || claim(&strict, "together").await).await;
    assert!(claimed);
    let again = support::session("again", "ada");
    store.insert_session(&again).await.unwrap();
    assert!(
        store
            .revoke_session(&again.user_id, &again.id)
            .await
            .unwrap()
    );
    assert_eq!(watch.next().await.unwrap()[0].id, again.id);
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_an_error() {
    let servers = RedisSentinel::start();
    let url = support::url("sentinel", &servers.urls(), "/another");
    assert!(support::is_unavailable(
        &support::builder().open(&url).await
    ));
    // A sentinel that is gone is no matter.
    let mut nodes = servers.urls();
    nodes[0] = format!("redis://127.0.0.1:{}", test_servers::free_port());
    let path = format!("/{}", RedisSentinel::NAME);
    let url = support::url("sentinel", &nodes, &path);
    let store = support::builder().open(&url).await.unwrap();
    assert!(claim(&store, "one").await.unwrap());
}
