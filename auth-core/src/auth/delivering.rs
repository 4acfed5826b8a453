//! Delivering what waits in the outbox, in the background, on every node.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Inner;
use crate::provider::ProviderWing;

/// How long until the store is asked again when nothing was due: for what another node wrote and could not deliver.
const IDLE: Duration = Duration::from_secs(30);
/// And while there is something to do: what failed comes up again soon.
const BUSY: Duration = Duration::from_secs(5);
/// So long after the last that was due, or written here, there is.
const BUSY_FOR: Duration = Duration::from_mins(3);

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
        let mut busy_until = Instant::now();
        loop {
            let full = match provider_of(&inner) {
                Some(provider) => round(&provider, &mut busy_until).await,
                None => return,
            };
            let wait = match full {
                true => Duration::ZERO,
                false if Instant::now() < busy_until => BUSY,
                false => IDLE,
            };
            // Whichever comes first.
            if timeout(wait, wanted.notified()).await.is_ok() {
                busy_until = Instant::now() + BUSY_FOR;
            }
        }
    });
}

fn provider_of(inner: &Weak<Inner>) -> Option<Arc<ProviderWing>> {
    inner.upgrade().and_then(|inner| inner.provider.clone())
}

/// Whether more is due than one call delivers.
async fn round(provider: &ProviderWing, busy_until: &mut Instant) -> bool {
    match provider.deliver_due(provider.now()).await {
        Ok(0) => false,
        Ok(delivered) => {
            *busy_until = Instant::now() + BUSY_FOR;
            delivered >= ProviderWing::MOST_DELIVERIES
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the outbox could not be read; trying again later");
            false
        }
    }
}
