//! One at a time for each key, in this process: whoever is about another key waits for nobody.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::store::LeaseStore;

/// So many keys before those nobody waits for are dropped.
const SWEEP: usize = 1024;

pub(in crate::login) struct Turns<K>(Mutex<HashMap<K, Arc<Turn<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Waits for the turn of this key.
    pub(in crate::login) async fn take(&self, key: &K) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= SWEEP {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            turns.entry(key.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }
}

/// Gives the lease of a turn between nodes back. What was done in it stands whether or not that works: it ends by itself.
pub(in crate::login) async fn give_back(leases: &dyn LeaseStore, name: &str, holder: &str) {
    if let Err(error) = leases.release_lease(name, holder).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "a lease is held until it ends");
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn strangers_wait_for_nobody() {
        let turns = Turns::default();
        let held = turns.take(&0).await;
        for stranger in 1..3 * SWEEP {
            let turn = tokio::time::timeout(SOON, turns.take(&stranger)).await;
            assert!(turn.is_ok(), "{stranger}");
        }
        assert!(turns.0.lock().unwrap().len() <= SWEEP);
        // Whoever is waited for was not dropped with those who are not.
        let mut next = std::pin::pin!(turns.take(&0));
        let waits = poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending()));
        assert!(waits.await, "one at a time");
        drop(held);
        assert!(tokio::time::timeout(SOON, next).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_32_one_at_a_time() {
        let (turns, inside) = (Arc::new(Turns::default()), Arc::new(AtomicUsize::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..32 {
            let (turns, inside) = (turns.clone(), inside.clone());
            tasks.spawn(async move {
                let _turn = turns.take(&"one").await;
                let others = inside.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                others
            });
        }
        assert_eq!(tasks.join_all().await, [0; 32]);
    }
}
