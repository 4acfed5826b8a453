//! Attempt counters that lock.

use std::time::Duration;

use async_trait::async_trait;

use super::{Backend, StoreResult};
use crate::ground::{Digest32, Timestamp};

/// How many attempts, and what follows when there were more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottlePolicy {
    /// Attempts allowed per window.
    pub limit: u32,
    /// The window, counted from its first attempt.
    pub window: Duration,
    /// How long the first excess locks; each further one within `forget_after` doubles it.
    pub lock: Duration,
    /// No lock is longer.
    pub max_lock: Duration,
}

impl ThrottlePolicy {
    /// The lock that follows when `previous_locks` came before it: `lock × 2^previous_locks`, at most `max_lock`.
    pub fn lock_after(&self, previous_locks: u32) -> Duration {
        self.lock
            .saturating_mul(2_u32.saturating_pow(previous_locks.min(31)))
            .min(self.max_lock)
    }

    /// A counter is forgotten (locks included) when nothing was counted for this long after it last mattered.
    pub fn forget_after(&self) -> Duration {
        self.max_lock.max(self.window)
    }
}

/// Whether an attempt may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; so many attempts are left in the window.
    Allowed {
        /// Attempts left after this one.
        remaining: u32,
    },
    /// Refused; this attempt began the lock.
    Locked {
        /// When attempts count again.
        until: Timestamp,
    },
    /// Refused; the lock stood already. The attempt was not counted.
    Refused {
        /// When attempts count again.
        until: Timestamp,
    },
}

impl Verdict {
    /// When the lock ends, if there is one.
    pub fn locked_until(self) -> Option<Timestamp> {
        match self {
            Self::Allowed { .. } => None,
            Self::Locked { until } | Self::Refused { until } => Some(until),
        }
    }
}

/// A counter as a store keeps it, with the arithmetic every store shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThrottleState {
    /// Attempts counted in the running window; zero when none runs.
    pub count: u32,
    /// First attempt of the running window.
    pub window_started_at: Timestamp,
    /// End of the last lock; the epoch when there was none.
    pub locked_until: Timestamp,
    /// Locks so far.
    pub locks: u32,
    /// From here on the counter is as good as gone.
    pub forget_at: Timestamp,
}

impl ThrottleState {
    /// Counts one attempt: the whole of [`ThrottleStore::count_and_check`] but its atomicity, which is the store's.
    pub fn count(&mut self, policy: &ThrottlePolicy, now: Timestamp) -> Verdict {
        if now < self.locked_until {
            return Verdict::Refused {
                until: self.locked_until,
            };
        }
        if self.forget_at <= now {
            *self = Self::default();
        }
        if self.count == 0 || self.window_started_at + policy.window <= now {
            self.count = 0;
            self.window_started_at = now;
        }
        self.count = self.count.saturating_add(1);
        if self.count <= policy.limit {
            self.forget_at = now + policy.forget_after();
            return Verdict::Allowed {
                remaining: policy.limit - self.count,
            };
        }
        // The lock ends the window; the first attempt after it starts another. `locks` stays, so the next one doubles.
        let until = now + policy.lock_after(self.locks);
        self.locks = self.locks.saturating_add(1);
        self.count = 0;
        self.locked_until = until;
        self.forget_at = until + policy.forget_after();
        Verdict::Locked { until }
    }
}

/// Counters keyed by a digest: a store holds neither addresses nor account names.
#[async_trait]
pub trait ThrottleStore: Backend {
    /// Counts one attempt and says whether it may go on, in one step: of N attempts at once no more than
    /// `policy.limit` are allowed. An attempt is counted before its outcome is known, so parallel guesses gain nothing.
    async fn count_and_check(
        &self,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict>;

    /// Takes one counted attempt back: it succeeded, and only failures are to add up. Never below none, and a lock that
    /// began meanwhile stays: one success must not undo what other attempts brought about.
    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()>;

    /// Forgets a counter and its locks: the attempt succeeded, or an operator unlocked.
    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()>;
}
