//! Keys end by themselves: nothing prunes them.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::time::Duration;

use auth_core::ground::Digest32;
use auth_core::store::{OneTimeStore as _, SessionStore as _, ThrottlePolicy, ThrottleStore as _};
use test_servers::Redis;

mod support;

#[tokio::test]
async fn threat_48_every_key_carries_its_own_expiry() {
    let server = Redis::start();
    let store = support::builder().open(&server.url()).await.unwrap();
    let session = support::session("session", "ada");
    store.insert_session(&session).await.unwrap();
    let (now, later) = (session.last_seen_at, session.idle_expires_at);
    let idle_end = later + Duration::from_mins(1);
    store
        .touch_session(&session.id, later, idle_end)
        .await
        .unwrap();
    store.put(&support::code("unspent")).await.unwrap();
    let spent = support::code("spent");
    store.put(&spent).await.unwrap();
    store.consume(spent.kind, &spent.key, now).await.unwrap();
    support::claim(&store, "claim").await.unwrap();
    let policy = ThrottlePolicy {
        limit: 1,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let key = Digest32::of("throttled");
    store.count_and_check(&key, &policy, now).await.unwrap();

    let keys = server.cli(&["KEYS", "*"]);
    let keys: Vec<&str> = keys.lines().collect();
    // Record and set of the session; two values, a claim, a counter.
    assert_eq!(keys.len(), 6, "{keys:?}");
    for key in keys {
        let left: i64 = server.cli(&["PTTL", key]).trim().parse().unwrap();
        assert!((1..=5 * 3_600_000).contains(&left), "{key}: {left}");
    }
    // And a session that ended leaves nothing.
    store
        .revoke_session(&session.user_id, &session.id)
        .await
        .unwrap();
    assert_eq!(server.cli(&["KEYS", "*ada*"]).trim(), "");
    assert_eq!(server.cli(&["KEYS", "*session*"]).trim(), "");
}
