//! The clocks of nodes, right or wrong.

use std::sync::Arc;
use std::time::Duration;

use auth_core::ground::{Clock, SystemClock, Timestamp};
use auth_core::testkit::ManualClock;

/// The clock of a node: the machine's or one moved by hand, and how far it is wrong.
#[derive(Clone, Debug, Default)]
pub struct TestClock {
    by_hand: Option<Arc<ManualClock>>,
    ahead: Duration,
    behind: Duration,
}

impl TestClock {
    /// A clock that stands at the present moment until it is moved. Its clones move with it.
    pub fn by_hand() -> Self {
        Self {
            by_hand: Some(Arc::new(ManualClock::at(SystemClock.now()))),
            ..Self::default()
        }
    }

    /// The same time, on a clock that is so much ahead.
    #[must_use]
    pub fn ahead(mut self, ahead: Duration) -> Self {
        self.ahead = ahead;
        self
    }

    /// The same time, on a clock that is so much behind.
    #[must_use]
    pub fn behind(mut self, behind: Duration) -> Self {
        self.behind = behind;
        self
    }

    /// Lets time pass for every clone.
    pub fn advance(&self, by: Duration) {
        let clock = self.by_hand.as_ref();
        clock.expect("a clock moved by hand").advance(by);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let now = match &self.by_hand {
            Some(clock) => clock.now(),
            None => SystemClock.now(),
        };
        now + self.ahead - self.behind
    }
}
