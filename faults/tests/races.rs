//! Two nodes spend the same value at the same moment: an authorization code and a refresh token ten thousand times each
//! on each backend that keeps them, everything else some hundred times, and never twice.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "test code")]

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    Backend, Consumed, MemoryStore, OneTimeKind, OneTimeStore, OneTimeValue, Reach, StoreResult,
    Stores,
};
use faults::races::{self, Nodes, Tally};
use faults::{Folder, Ledger, Node, Person, Place, RelyingParty, Step};

/// Trials with an authorization code, and with a refresh token.
const TRIALS: usize = 10_000;

/// Trials with everything else, each.
const FEW: usize = 480;

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
    let check = |what: &str, tally: Tally, began: Instant| {
        assert_eq!((tally.doubled, tally.unspent), (0, 0), "{backend}: {what}");
        let (trials, took) = (tally.trials(), began.elapsed());
        println!("{backend}: {what}: {trials} trials in {took:.1?}");
        // Where one node wins every time the other comes too late, and nothing was a race. A few trials may all go to
        // the one that was ahead once: to lose takes more statements, and puts the other further behind.
        let raced = tally.won.iter().all(|won| *won > 0);
        assert!(raced || trials < TRIALS, "{backend}: {what}: {tally:?}");
        trials
    };
    for kind in OneTimeKind::ALL {
        let is_code = kind == OneTimeKind::AuthorizationCode;
        let (trials, began) = (if is_code { TRIALS } else { FEW }, Instant::now());
        let tally = races::one_time_values(&nodes, kind, trials).await;
        assert!(check(kind.as_str(), tally, began) >= trials);
    }
    let began = Instant::now();
    let tally = races::claims(&nodes, |stores| &stores.one_time, FEW).await;
    check("claims among one-time values", tally, began);
    let began = Instant::now();
    let tally = races::claims(&nodes, |stores| &stores.claims, FEW).await;
    check("claims", tally, began);
    let began = Instant::now();
    check("sessions", races::sessions(&nodes, FEW).await, began);
    if keeps == Keeps::Everything {
        let began = Instant::now();
        let tally = races::refresh_tokens(&nodes, TRIALS).await;
        assert!(check("refresh tokens", tally, began) >= TRIALS);
    }
}

/// People whose apps present what they got to both nodes at once, and how often each of them does.
const PEOPLE: usize = 8;
const TIMES: usize = 40;

/// The same by way of `POST /oauth/token`.
async fn threat_12_at_the_token_endpoint(place: Place) {
    let nodes = Node::pair(&place).await;
    let ledger = Ledger::new();
    let mut people = Vec::new();
    for index in 0..PEOPLE {
        let mut person = Person::new(&format!("p{index}"), &nodes[0], &ledger).await;
        person.sign_in(&nodes[0]).await.done();
        let (nodes, client) = (nodes.clone(), RelyingParty::new(&ledger));
        people.push(tokio::spawn(async move {
            let got = race_for_codes(&nodes, &mut person, &client).await;
            race_for_refresh_tokens(&nodes, &mut person, &client).await;
            got
        }));
    }
    let mut got = 0;
    for person in people {
        got += person.await.expect("a person who saw nothing wrong");
    }
    assert!(got > 0, "some code was redeemed");
    assert_eq!(ledger.unavailable(), 0);
    assert_eq!(ledger.rotations(), PEOPLE * TIMES);
}

/// The ledger fails whoever redeems a code twice.
async fn race_for_codes(nodes: &[Node; 2], person: &mut Person, client: &RelyingParty) -> usize {
    let mut got = 0;
    for time in 0..TIMES {
        let node = &nodes[time % 2];
        let code = person.authorize(node, "openid offline_access").await.done();
        let (first, second) = tokio::join!(
            client.redeem(&nodes[0], &code),
            client.redeem(&nodes[1], &code)
        );
        // A replay ends the grant, now and then before the first has its tokens.
        let mut refused = 0;
        for step in [first, second] {
            match step {
                Step::Done(tokens) => {
                    got += 1;
                    for node in nodes {
                        let refusal = client.refresh(node, &tokens.refresh).await.refused();
                        assert_eq!(refusal.json()["error"], "invalid_grant");
                        client.userinfo(node, &tokens.access).await.refused();
                    }
                }
                other => {
                    assert_eq!(other.refused().json()["error"], "invalid_grant");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0);
    }
    got
}

/// The ledger fails whoever gets a second successor.
async fn race_for_refresh_tokens(nodes: &[Node; 2], person: &mut Person, client: &RelyingParty) {
    let node = &nodes[0];
    let code = person.authorize(node, "openid offline_access").await.done();
    let mut tokens = client.redeem(node, &code).await.done();
    for _ in 0..TIMES {
        let (first, second) = tokio::join!(
            client.refresh(&nodes[0], &tokens.refresh),
            client.refresh(&nodes[1], &tokens.refresh)
        );
        let (first, second) = (first.done(), second.done());
        assert_eq!(first.refresh, second.refresh);
        tokens = second;
    }
    client.userinfo(node, &tokens.access).await.done();
}

macro_rules! places {
    ($($name:ident: $place:expr, $keeps:ident;)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn threat_12_nothing_is_spent_twice() {
                let (place, _folder) = $place;
                threat_12(stringify!($name), place, Keeps::$keeps).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn threat_12_nothing_is_spent_twice_at_the_token_endpoint() {
                let (place, _folder) = $place;
                threat_12_at_the_token_endpoint(place).await;
            }
        })*
    };
}

places! {
    sqlite: on_a_file(), Everything;
    postgresql: (Place::sql(test_servers::postgres_url()), ()), Everything;
    mariadb: (Place::sql(test_servers::mysql_url()), ()), Everything;
    redis: on_redis(), ShortLived;
}

fn on_a_file() -> (Place, Folder) {
    let folder = Folder::new();
    (Place::sql(folder.sqlite()), folder)
}

fn on_redis() -> (Place, Folder) {
    let (place, folder) = on_a_file();
    (place.with_redis(test_servers::redis_url()), folder)
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
    let claimed = races::claims(&nodes, |stores| &stores.one_time, 100).await;
    for tally in [spent, claimed] {
        assert!(tally.doubled >= 100, "{tally:?}");
    }
}
