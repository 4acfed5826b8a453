//! Two nodes spend the same value at the same moment: more than ten thousand times on each backend, and never twice.
#![expect(clippy::print_stdout, reason = "test code")]

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    Backend, Consumed, MemoryStore, OneTimeKind, OneTimeStore, OneTimeValue, Reach, StoreResult,
    Stores,
};
use faults::Place;
use faults::races::{self, Nodes, Tally};

/// Trials on each backend.
const TRIALS: usize = 10_000;

/// What a backend keeps, hence what can be raced for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Everything,
    /// No refresh tokens.
    ShortLived,
}

async fn nodes(place: &Place) -> Nodes {
    Arc::new([place.open().await, place.open().await])
}

async fn threat_12(backend: &str, place: Place, keeps: Keeps) {
    let nodes = nodes(&place).await;
    let began = Instant::now();
    let share = match keeps {
        Keeps::Everything => TRIALS / 5,
        Keeps::ShortLived => TRIALS / 4,
    };
    let mut trials = 0;
    let mut check = |what: &str, tally: Tally| {
        assert_eq!((tally.doubled, tally.unspent), (0, 0), "{backend}: {what}");
        // Where one node wins every time the other comes too late, and nothing was a race.
        assert!(
            tally.won.iter().all(|won| *won > 0),
            "{backend}: {what}: {tally:?}"
        );
        trials += tally.trials();
    };
    for kind in OneTimeKind::ALL {
        let each = (2 * share).div_ceil(OneTimeKind::ALL.len());
        check(
            kind.as_str(),
            races::one_time_values(&nodes, kind, each).await,
        );
    }
    check("claims", races::claims(&nodes, share).await);
    check("sessions", races::sessions(&nodes, share).await);
    if keeps == Keeps::Everything {
        check("refresh tokens", races::refresh_tokens(&nodes, share).await);
    }
    assert!(trials >= TRIALS);
    println!("{backend}: {trials} trials in {:.1?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_nothing_is_spent_twice_on_sqlite() {
    let folder = faults::Folder::new();
    threat_12("SQLite", Place::sql(folder.sqlite()), Keeps::Everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_nothing_is_spent_twice_on_postgresql() {
    let place = Place::sql(test_servers::postgres_url());
    threat_12("PostgreSQL", place, Keeps::Everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_nothing_is_spent_twice_on_mariadb() {
    let place = Place::sql(test_servers::mysql_url());
    threat_12("MariaDB", place, Keeps::Everything).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_nothing_is_spent_twice_on_redis() {
    let folder = faults::Folder::new();
    let place = Place::sql(folder.sqlite()).with_redis(test_servers::redis_url());
    threat_12("Redis", place, Keeps::ShortLived).await;
}

/// Finds what is there and spends nothing, as a store does that reads and then writes.
struct SpendsNothing(Arc<dyn OneTimeStore>);

#[async_trait]
impl Backend for SpendsNothing {
    fn reach(&self) -> Reach {
        self.0.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.0.prune(now, limit).await
    }
}

#[async_trait]
impl OneTimeStore for SpendsNothing {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        self.0.put(value).await
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        self.0.peek(kind, key, now).await
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        let found = self.0.peek(kind, key, now).await?;
        Ok(found.map_or(Consumed::Absent, Consumed::First))
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        _: Timestamp,
    ) -> StoreResult<bool> {
        Ok(!self.0.is_claimed(kind, key, now).await?)
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.0.is_claimed(kind, key, now).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_spends_nothing_is_found_out() {
    let mut stores = Stores::from(MemoryStore::new());
    stores.one_time = Arc::new(SpendsNothing(stores.one_time));
    let nodes: Nodes = Arc::new([stores.clone(), stores]);
    let kind = OneTimeKind::AuthorizationCode;
    let spent = races::one_time_values(&nodes, kind, 100).await;
    let claimed = races::claims(&nodes, 100).await;
    for tally in [spent, claimed] {
        assert!(tally.doubled >= 100, "{tally:?}");
    }
}
