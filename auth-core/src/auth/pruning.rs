//! Removing expired rows, and ending accounts whose time has come, in the background, on one node at a time; and giving
//! back memory, on each.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Inner;
use crate::ground::Random;
use crate::services::Core;
use crate::store::StoreResult;

/// Rows per batch: small enough that no store holds a lock for long.
const BATCH: u32 = 500;
/// Between batches, so that whoever waits for the store gets it.
const PAUSE: Duration = Duration::from_millis(20);
/// After so many batches the lease is asked for again.
const BATCHES: u32 = 40;
/// How long after its end a row stays: another node's clock may be behind, and still decide by it.
const MARGIN: Duration = Duration::from_hours(1);

const LEASE: &str = "prune";

/// Prunes every `interval`, give or take a quarter so that nodes do not march in step, until the last `Auth` is gone.
pub(super) fn start(inner: &Arc<Inner>, interval: Duration) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        tracing::warn!("no tokio runtime: expired rows are removed by Auth::prune alone");
        return;
    };
    let random: &dyn Random = &*inner.core.random;
    let node = random.id();
    let inner = Arc::downgrade(inner);
    runtime.spawn(async move {
        while let Some(core) = core_of(&inner) {
            let [jitter] = core.random.bytes::<1>();
            drop(core);
            let wait = interval.mul_f64(0.75 + f64::from(jitter) / 510.0);
            tokio::time::sleep(wait).await;
            #[cfg(feature = "login")]
            rest(&inner);
            if let Err(error) = round(&inner, &node, interval).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "expired rows could not be removed; trying again later"
                );
            }
        }
    });
}

fn core_of(inner: &Weak<Inner>) -> Option<Arc<Core>> {
    inner.upgrade().map(|inner| inner.core.clone())
}

/// Goes on until nothing is left that is due, as long as this node holds the lease. Who holds it keeps it by coming
/// again; two rounds missed, and another node takes over.
async fn round(inner: &Weak<Inner>, node: &str, interval: Duration) -> StoreResult<()> {
    for batch in 0_u32.. {
        let Some(core) = core_of(inner) else {
            break;
        };
        if batch.is_multiple_of(BATCHES) {
            let (now, leases) = (core.clock.now(), &core.stores.leases);
            let until = now + interval * 3;
            if !leases.hold_lease(LEASE, node, now, until).await? {
                break;
            }
        }
        #[cfg(feature = "login")]
        end_accounts(inner).await?;
        match prune(&core, BATCH).await? {
            0 => break,
            rows => tracing::debug!(rows, "expired rows removed"),
        }
        drop(core);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Of every node: memory that no password was hashed in for a while.
#[cfg(feature = "login")]
fn rest(inner: &Weak<Inner>) {
    if let Some(login) = inner.upgrade().and_then(|inner| inner.login.clone()) {
        login.rest();
    }
}

/// Ends accounts that are due; one batch for each batch of rows.
#[cfg(feature = "login")]
async fn end_accounts(inner: &Weak<Inner>) -> StoreResult<()> {
    let login = inner.upgrade().and_then(|inner| inner.login.clone());
    if let Some(login) = login {
        login.end_due_accounts().await?;
    }
    Ok(())
}

/// Removes at most `limit` rows of each store.
pub(super) async fn prune(core: &Core, limit: u32) -> StoreResult<u64> {
    core.stores.prune(core.clock.now() - MARGIN, limit).await
}
