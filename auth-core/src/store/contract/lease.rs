//! Leases.

use std::sync::Arc;

use super::{at, count, race};
use crate::store::LeaseStore;

async fn hold(store: &impl LeaseStore, holder: &str, now: i64, until: i64) -> bool {
    let held = store.hold_lease("work", holder, at(now), at(until)).await;
    held.unwrap()
}

pub async fn is_held_by_one_until_its_end<S: LeaseStore>(store: S) {
    assert!(hold(&store, "a", 0, 100).await);
    assert!(!hold(&store, "b", 99, 199).await);
    // Who holds it keeps it.
    assert!(hold(&store, "a", 99, 200).await);
    assert!(!hold(&store, "b", 199, 299).await);
    assert!(hold(&store, "b", 200, 300).await);
    assert!(!hold(&store, "a", 200, 300).await);
}

pub async fn names_do_not_meet<S: LeaseStore>(store: S) {
    assert!(hold(&store, "a", 0, 100).await);
    let other = store.hold_lease("other", "b", at(0), at(100)).await;
    assert!(other.unwrap());
}

pub async fn is_given_back_by_its_holder_alone<S: LeaseStore>(store: S) {
    assert!(hold(&store, "a", 0, 100).await);
    store.release_lease("work", "b").await.unwrap();
    store.release_lease("absent", "a").await.unwrap();
    assert!(!hold(&store, "b", 1, 100).await);
    store.release_lease("work", "a").await.unwrap();
    assert!(hold(&store, "b", 1, 100).await);
}

pub async fn one_of_many_gets_it<S: LeaseStore + 'static>(store: S) {
    let store = Arc::new(store);
    // Free, then ended.
    for now in [0, 100] {
        let answers = race(&store, |store, racer| async move {
            let holder = format!("{now}-{racer}");
            store
                .hold_lease("work", &holder, at(now), at(now + 100))
                .await
                .unwrap()
        })
        .await;
        assert_eq!(count(&answers, |held| *held), 1);
    }
}
