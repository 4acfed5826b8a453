//! One at a time: requests of this process that are about the same identity wait for each other.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio::sync::{Mutex, MutexGuard};

/// Places in the queue. Two identities may share one and then wait without need.
const PLACES: usize = 64;

/// The queues.
pub(in crate::login) struct Turns([Mutex<()>; PLACES]);

impl Default for Turns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Turns {
    /// Waits for one's turn; it ends when the guard is dropped.
    pub(super) async fn wait(&self, issuer: &str, subject: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (issuer, subject).hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % PLACES as u64).unwrap_or_default();
        self.0[place].lock().await
    }
}
