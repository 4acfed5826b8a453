//! Watches of ended sessions that have much to catch up with, or too much.

use std::collections::BTreeSet;
use std::time::Duration;

use auth_core::store::{Backend as _, SessionId, SessionStore as _, StoreError, UserId};

use crate::support::{Place, at, on_each_database, query};

on_each_database! {
    a_watch_catches_up_with_many_at_once
    a_watch_that_fell_too_far_behind_is_told
    threat_34_a_watch_is_told_when_a_failover_lost_ends
}

/// More than is kept: 110 × 110.
const MANY: usize = 12_100;

/// That many sessions of ada's, in one statement.
async fn many_sessions(place: &Place) {
    let sql = format!(
        "INSERT INTO {}sessions (id, token_digest, user_id, created_at, auth_time, amr, last_seen_at, \
         idle_expires_at, expires_at, remember) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 110) \
         SELECT concat('s', a.i * 1000 + b.i), 'd', 'ada', 0, 0, '[]', 0, 9, 9, (1 = 0) FROM n AS a, n AS b",
        place.prefix
    );
    query(&place.connect().await, &sql).await;
}

async fn a_watch_catches_up_with_many_at_once(place: Place) {
    let store = place.open().await;
    let mut watch = store.watch_ended().await.unwrap();
    many_sessions(&place).await;
    let ended = store.revoke_sessions_of(&UserId::new("ada"), None).await;
    let ended: BTreeSet<_> = ended.unwrap().into_iter().collect();
    assert_eq!(ended.len(), MANY);
    let mut heard = BTreeSet::new();
    while heard.len() < MANY {
        heard.extend(watch.next().await.unwrap().into_iter().map(|end| end.id));
    }
    assert_eq!(heard, ended);
}

async fn a_watch_that_fell_too_far_behind_is_told(place: Place) {
    let store = place.open().await;
    let mut watch = store.watch_ended().await.unwrap();
    many_sessions(&place).await;
    let ada = UserId::new("ada");
    store.revoke_sessions_of(&ada, None).await.unwrap();
    // The newest ten thousand are kept, however often it is pruned.
    assert_eq!(store.prune(at(0), 1000).await.unwrap(), 1000);
    assert_eq!(store.prune(at(0), 100_000).await.unwrap(), 1100);
    assert_eq!(store.prune(at(0), 100_000).await.unwrap(), 0);
    let missed = watch.next().await;
    assert!(
        matches!(missed, Err(StoreError::Unavailable(_))),
        "{missed:?}"
    );
    // Another begins from here.
    let mut watch = store.watch_ended().await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(50), watch.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

/// As after an asynchronous standby took over: the last two ends are gone, and their numbers are given out again.
async fn threat_34_a_watch_is_told_when_a_failover_lost_ends(place: Place) {
    let store = place.open().await;
    let mut watch = store.watch_ended().await.unwrap();
    many_sessions(&place).await;
    let ada = UserId::new("ada");
    let revoke = async |name: &str| {
        let revoked = store.revoke_session(&ada, &SessionId::new(name)).await;
        assert!(revoked.unwrap(), "{name}");
    };
    for name in ["s1001", "s1002", "s1003"] {
        revoke(name).await;
    }
    let mut heard = 0;
    while heard < 3 {
        heard += watch.next().await.unwrap().len();
    }
    let connection = place.connect().await;
    let prefix = &place.prefix;
    query(
        &connection,
        &format!("DELETE FROM {prefix}session_ends WHERE seq > 1"),
    )
    .await;
    query(
        &connection,
        &format!("UPDATE {prefix}counters SET value = 1"),
    )
    .await;
    for name in ["s1004", "s1005", "s1006"] {
        revoke(name).await;
    }
    let missed = watch.next().await;
    assert!(
        matches!(missed, Err(StoreError::Unavailable(_))),
        "{missed:?}"
    );
}
