//! Answers that wait, so that a test decides what happens meanwhile.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Inner;

/// Holds back the answers of one path of a [`FakeProvider`](super::FakeProvider) until it is dropped.
#[derive(Debug)]
#[must_use = "the answers go out when it is dropped"]
pub struct Held(pub(super) Arc<Semaphore>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits until answers of this path may go out.
pub(super) async fn release(inner: &Inner, path: &str) {
    let held = inner.state().held.get(path).cloned();
    if let Some(held) = held {
        // There are no permits: it ends when the semaphore is closed.
        let _ = held.acquire().await;
    }
}
