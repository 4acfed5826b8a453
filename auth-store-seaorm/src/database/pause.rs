//! Waiting before trying again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::failure::Failure;

/// Tries of one statement or transaction that the database undid. Each time somebody else got on, so a crowd of this
/// size gets through.
const MOST_TRIES: u32 = 64;

const LONGEST: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(super) struct Pause {
    tries: u32,
}

impl Pause {
    /// Waits a little, longer each time and never as long as another; gives `failure` back when it was tried often
    /// enough, or there is no time for another try as long as the last, which began at `tried`: one that the deadline
    /// interrupts would cost a connection.
    pub(super) async fn wait(
        &mut self,
        deadline: Instant,
        tried: Instant,
        failure: Failure,
    ) -> Result<(), Failure> {
        self.tries += 1;
        let took = tried.elapsed();
        let longest = Duration::from_millis(1 << self.tries.min(6)).min(LONGEST);
        // Not for secrets: only to part those that collided.
        let [share, ..] = RandomState::new().hash_one(self.tries).to_ne_bytes();
        let pause = longest * u32::from(share) / 256;
        if self.tries >= MOST_TRIES || Instant::now() + pause + took >= deadline {
            return Err(failure);
        }
        sleep(pause).await;
        Ok(())
    }
}
