//! Watches of ended sessions that have much to catch up with, or too much.

use std::collections::BTreeSet;
use std::time::Duration;

use auth_core::store::{Backend as _, SessionStore as _, StoreError, UserId};

use crate::support::{Place, at, on_each_database, query};

on_each_database! {
    a_watch_catches_up_with_many_at_once
    a_watch_that_fell_too_far_behind_is_told
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
