//! Waiting, never for ever.

use std::time::{Duration, Instant};

/// Longest wait for something that has to come.
pub const LIMIT: Duration = Duration::from_mins(1);

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `done` says so.
///
/// # Panics
/// With `what`, when it has not come within [`LIMIT`].
pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !done().await {
        assert!(
            Instant::now() < deadline,
            "{what} did not come within {LIMIT:?}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Does something that blocks the thread, while other tasks go on.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}
