//! Removing expired rows in the background.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Inner;
use crate::services::Core;

/// Rows of one kind per batch: small enough that no store holds a lock for long.
const BATCH: u32 = 500;
/// Batches per round: what is left waits for the next.
const BATCHES: u32 = 40;

/// Prunes every `interval`, give or take a quarter so that nodes do not march in step, until the last `Auth` is gone.
pub(super) fn start(inner: &Arc<Inner>, interval: Duration) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::warn!("no tokio runtime: expired rows are removed by Auth::prune alone");
        return;
    };
    let inner = Arc::downgrade(inner);
    runtime.spawn(async move {
        while let Some(core) = core_of(&inner) {
            let [jitter] = core.random.bytes::<1>();
            drop(core);
            let wait = interval.mul_f64(0.75 + f64::from(jitter) / 510.0);
            tokio::time::sleep(wait).await;
            if let Some(core) = core_of(&inner) {
                round(&core).await;
            }
        }
    });
}

fn core_of(inner: &Weak<Inner>) -> Option<Arc<Core>> {
    inner.upgrade().map(|inner| inner.core.clone())
}

async fn round(core: &Core) {
    for _ in 0..BATCHES {
        match core.stores.prune(core.clock.now(), BATCH).await {
            Ok(0) => return,
            Ok(rows) => tracing::debug!(rows, "expired rows removed"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "expired rows could not be removed; trying again later"
                );
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}
