//! Attempt counters.

use std::sync::Arc;
use std::time::Duration;

use super::{at, count, digest, race};
use crate::store::{ThrottlePolicy, ThrottleStore, Verdict};

pub(super) const POLICY: ThrottlePolicy = ThrottlePolicy {
    limit: 3,
    window: Duration::from_secs(1),
    lock: Duration::from_millis(100),
    max_lock: Duration::from_millis(350),
};

fn allowed(remaining: u32) -> Verdict {
    Verdict::Allowed { remaining }
}

fn locked(until: i64) -> Verdict {
    Verdict::Locked { until: at(until) }
}

fn refused(until: i64) -> Verdict {
    Verdict::Refused { until: at(until) }
}

async fn attempt(store: &impl ThrottleStore, now: i64) -> Verdict {
    let key = digest("a");
    store.count_and_check(&key, &POLICY, at(now)).await.unwrap()
}

/// Attempts at `now` until the lock begins: as many as the limit go through.
async fn exhaust(store: &impl ThrottleStore, now: i64, until: i64) {
    for remaining in [2, 1, 0] {
        assert_eq!(attempt(store, now).await, allowed(remaining), "at {now}");
    }
    assert_eq!(attempt(store, now).await, locked(until), "at {now}");
}

pub async fn counts_down_then_locks_then_refuses<S: ThrottleStore>(store: S) {
    exhaust(&store, 0, 100).await;
    for now in [0, 1, 99] {
        assert_eq!(attempt(&store, now).await, refused(100));
    }
}

pub async fn a_window_that_ended_starts_anew<S: ThrottleStore>(store: S) {
    assert_eq!(attempt(&store, 0).await, allowed(2));
    // The window counts from its first attempt, not from the last.
    assert_eq!(attempt(&store, 900).await, allowed(1));
    assert_eq!(attempt(&store, 999).await, allowed(0));
    assert_eq!(attempt(&store, 1000).await, allowed(2));
    assert_eq!(attempt(&store, 1999).await, allowed(1));
    assert_eq!(attempt(&store, 2000).await, allowed(2));
}

pub async fn an_attempt_can_be_taken_back_and_a_lock_cannot<S: ThrottleStore>(store: S) {
    let take_back = async || store.take_back_attempt(&digest("a")).await.unwrap();
    // Nothing to take back is no error, and gives nothing.
    take_back().await;
    for _ in 0..10 {
        assert_eq!(attempt(&store, 0).await, allowed(2));
        take_back().await;
    }
    take_back().await;
    exhaust(&store, 0, 100).await;
    take_back().await;
    assert_eq!(attempt(&store, 50).await, refused(100));
    exhaust(&store, 100, 300).await;
}

pub async fn locks_double_up_to_the_longest<S: ThrottleStore>(store: S) {
    exhaust(&store, 0, 100).await;
    exhaust(&store, 100, 300).await;
    exhaust(&store, 300, 650).await;
    exhaust(&store, 650, 1000).await;
    exhaust(&store, 1000, 1350).await;
}

pub async fn a_lock_that_ended_gives_a_full_window<S: ThrottleStore>(store: S) {
    exhaust(&store, 0, 100).await;
    assert_eq!(attempt(&store, 99).await, refused(100));
    assert_eq!(attempt(&store, 600).await, allowed(2));
    // This window began at 600, not when the lock ended.
    assert_eq!(attempt(&store, 1599).await, allowed(1));
    assert_eq!(attempt(&store, 1600).await, allowed(2));
    assert_eq!(attempt(&store, 1600).await, allowed(1));
    assert_eq!(attempt(&store, 1600).await, allowed(0));
    assert_eq!(attempt(&store, 1600).await, locked(1800));
}

pub async fn locks_are_forgotten<S: ThrottleStore>(store: S) {
    // Forgotten after the longer of lock and window, here 1000, counted from the end of the lock.
    exhaust(&store, 0, 100).await;
    exhaust(&store, 1099, 1299).await;
    exhaust(&store, 2299, 2399).await;
}

pub async fn clearing_forgets_counter_and_locks<S: ThrottleStore>(store: S) {
    let key = digest("a");
    store.clear_throttle(&key).await.unwrap();
    assert_eq!(attempt(&store, 0).await, allowed(2));
    store.clear_throttle(&key).await.unwrap();
    exhaust(&store, 0, 100).await;
    store.clear_throttle(&key).await.unwrap();
    // Not locked, and the next lock is a first one.
    exhaust(&store, 1, 101).await;
}

pub async fn keys_do_not_meet<S: ThrottleStore>(store: S) {
    exhaust(&store, 0, 100).await;
    let other = store.count_and_check(&digest("b"), &POLICY, at(0)).await;
    assert_eq!(other.unwrap(), allowed(2));
    store.clear_throttle(&digest("b")).await.unwrap();
    assert_eq!(attempt(&store, 0).await, refused(100));
}

pub async fn a_limit_of_zero_allows_nothing<S: ThrottleStore>(store: S) {
    let policy = ThrottlePolicy { limit: 0, ..POLICY };
    let key = digest("a");
    let verdict = store.count_and_check(&key, &policy, at(0)).await.unwrap();
    assert_eq!(verdict, locked(100));
    let verdict = store.count_and_check(&key, &policy, at(1)).await.unwrap();
    assert_eq!(verdict, refused(100));
}

async fn contend<S: ThrottleStore + 'static>(store: &Arc<S>, now: i64, until: i64) {
    let answers = race(
        store,
        move |store, _| async move { attempt(&*store, now).await },
    )
    .await;
    for remaining in [2, 1, 0] {
        assert_eq!(count(&answers, |verdict| *verdict == allowed(remaining)), 1);
    }
    assert_eq!(count(&answers, |verdict| *verdict == locked(until)), 1);
    let rest = answers.len() - 4;
    assert_eq!(count(&answers, |verdict| *verdict == refused(until)), rest);
}

pub async fn threat_12_parallel_attempts_gain_nothing<S: ThrottleStore + 'static>(store: S) {
    contend(&Arc::new(store), 0, 100).await;
}

pub async fn threat_12_parallel_attempts_after_a_lock_gain_nothing<S: ThrottleStore + 'static>(
    store: S,
) {
    let store = Arc::new(store);
    contend(&store, 0, 100).await;
    contend(&store, 100, 300).await;
}
