//! Pruning a great many rows while others look up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use auth_core::ground::Timestamp;
use auth_core::store::{Backend as _, SessionStore as _};
use auth_store_seaorm::SeaOrmStore;
use tokio::runtime::Runtime;

use crate::database::Database;
use crate::session::session;

/// As the product does it.
const BATCH: u32 = 500;
const LOOK_UPS: usize = 4000;
const PAUSE: Duration = Duration::from_millis(1);

pub(crate) fn measure(runtime: &Runtime, database: &Database, rows: u32) {
    runtime.block_on(async {
        let store = database.store("prune_").await;
        let live = session("live");
        store.insert_session(&live).await.unwrap();
        // Five tables of them end.
        database.fill("prune_", rows / 5, 1000).await;

        let idle = look_ups(&store, LOOK_UPS, &AtomicBool::new(false)).await;
        let done = Arc::new(AtomicBool::new(false));
        let pruner = tokio::spawn(prune(store.clone(), done.clone()));
        let busy = look_ups(&store, usize::MAX, &done).await;
        let (removed, steps) = pruner.await.unwrap();
        let longest = steps.iter().max().unwrap().as_secs_f64() * 1e3;
        let whole: Duration = steps.iter().sum();
        println!(
            "  pruning {removed} rows in {} steps, {:.1} s: longest step {longest:.1} ms (a lock at most 100 ms)",
            steps.len(),
            whole.as_secs_f64()
        );
        for (name, share) in [("median", 0.5), ("99th percentile", 0.99)] {
            let (idle, busy) = (at(&idle, share), at(&busy, share));
            println!(
                "  look-up while pruning / idle, {name}: {:.0} us / {:.0} us, ratio {:.2} (at most 2)",
                busy * 1e6,
                idle * 1e6,
                busy / idle
            );
        }
    });
}

async fn prune(store: SeaOrmStore, done: Arc<AtomicBool>) -> (u64, Vec<Duration>) {
    let now = Timestamp::from_millis(1_000_000);
    let (mut removed, mut steps) = (0, Vec::new());
    loop {
        let start = Instant::now();
        let rows = store.prune(now, BATCH).await.unwrap();
        steps.push(start.elapsed());
        removed += rows;
        if rows == 0 {
            done.store(true, Ordering::SeqCst);
            return (removed, steps);
        }
        tokio::task::yield_now().await;
    }
}

/// What look-ups took, one after the other with a pause, in order of time taken.
async fn look_ups(store: &SeaOrmStore, most: usize, done: &AtomicBool) -> Vec<Duration> {
    let id = session("live").id;
    let mut times = Vec::new();
    while times.len() < most && !done.load(Ordering::SeqCst) {
        tokio::time::sleep(PAUSE).await;
        let start = Instant::now();
        store.session(&id).await.unwrap().unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
}

fn at(sorted: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = ((sorted.len() - 1) as f64 * share) as usize;
    sorted[index].as_secs_f64()
}
