//! What came to nothing a moment ago, in this process: those who wait behind it share the failure.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ground::Timestamp;

/// So many failures are remembered before the old ones are swept out.
const SWEEP: usize = 1024;

/// Keys whose work came to nothing, and when that was.
pub(in crate::login) struct Failures<K> {
    pause: Duration,
    at: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Clone + Eq + Hash> Failures<K> {
    /// Remembers each for so long.
    pub(in crate::login) fn lasting(pause: Duration) -> Self {
        Self {
            pause,
            at: Mutex::default(),
        }
    }

    pub(in crate::login) fn note(&self, key: &K, now: Timestamp) {
        let mut failures = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= SWEEP {
            failures.retain(|_, at| now.since(*at) < self.pause);
        }
        failures.insert(key.clone(), now);
    }

    pub(in crate::login) fn is_recent(&self, key: &K, now: Timestamp) -> bool {
        let failures = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let at = failures.get(key);
        at.is_some_and(|at| now.since(*at) < self.pause && at.since(now) < self.pause)
    }
}
