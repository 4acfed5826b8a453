//! Delivering what waits in the outbox, in the background, on every node.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Inner;
use crate::provider::ProviderWing;

/// How long until the store is asked again when nothing was due: for what another node wrote and could not deliver.
const IDLE: Duration = Duration::from_secs(30);
/// And when something was: what failed comes up again soon.
const BUSY: Duration = Duration::from_secs(5);

/// Delivers at once, whenever this node wrote something, and from time to time, until the last `Auth` is gone.
pub(super) fn start(inner: &Arc<Inner>) {
    let Some(provider) = &inner.provider else {
        return;
    };
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::warn!("no tokio runtime: logouts are told by ProviderWing::deliver_due alone");
        return;
    };
    let wanted = provider.delivery_wanted();
    let inner = Arc::downgrade(inner);
    runtime.spawn(async move {
        loop {
            let wait = match provider_of(&inner) {
                Some(provider) => round(&provider).await,
                None => return,
            };
            // Whichever comes first.
            let _ = tokio::time::timeout(wait, wanted.notified()).await;
        }
    });
}

fn provider_of(inner: &Weak<Inner>) -> Option<Arc<ProviderWing>> {
    inner.upgrade().and_then(|inner| inner.provider.clone())
}

/// How long to wait for the next.
async fn round(provider: &ProviderWing) -> Duration {
    match provider.deliver_due(provider.now()).await {
        Ok(0) => IDLE,
        Ok(ProviderWing::MOST_DELIVERIES..) => Duration::ZERO,
        Ok(_) => BUSY,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the outbox could not be read; trying again later");
            IDLE
        }
    }
}
