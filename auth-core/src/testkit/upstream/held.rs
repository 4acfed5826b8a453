//! Answers that wait, so that a test decides what happens meanwhile.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds back the answers of one path of a [`FakeProvider`](super::FakeProvider) until it is dropped.
#[derive(Debug)]
#[must_use = "the answers go out when it is dropped"]
pub struct Held(pub(super) Arc<Semaphore>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Waits until answers that are held back by this may go out.
pub(super) async fn wait(held: Option<Arc<Semaphore>>) {
    if let Some(held) = held {
        // There are no permits: it ends when the semaphore is closed.
        let _ = held.acquire().await;
    }
}
