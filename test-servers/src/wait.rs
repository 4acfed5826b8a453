//! Waiting, never for ever.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to do as told.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Whether `done` came true within `limit`.
pub(crate) fn within(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
}

/// Waits until `done` is `Ok`; panics with `what` and the last reason why not after [`LIMIT`].
pub(crate) fn until(what: &str, mut done: impl FnMut() -> Result<(), String>) {
    let mut reason = String::new();
    let came = within(LIMIT, || match done() {
        Ok(()) => true,
        Err(why) => {
            reason = why;
            false
        }
    });
    assert!(came, "{what} did not come within {LIMIT:?}: {reason}");
}
