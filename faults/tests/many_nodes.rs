//! What nodes tell each other: sessions that end, keys and secrets that change, and who of them prunes.
#![expect(clippy::expect_used, reason = "test code")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::login::{SessionNews, SessionSubscription};
use auth_core::store::{
    Backend, Reach, SessionId, StoreResult, ThrottlePolicy, ThrottleStore, Verdict,
};
use faults::{
    Database as _, Folder, LIMIT, Ledger, Load, Node, Person, Place, TestClock, blocking, settings,
    until,
};
use test_servers::{Postgres, Proxy, Redis};

/// Waits for a piece of news that fits.
async fn hear(news: &mut SessionSubscription, what: &str, fits: impl Fn(&SessionNews) -> bool) {
    let heard = async { while !fits(&news.next().await) {} };
    let in_time = tokio::time::timeout(LIMIT, heard).await;
    assert!(in_time.is_ok(), "{what} was not heard of within {LIMIT:?}");
}

async fn hear_the_end(news: &mut SessionSubscription, session: &SessionId) {
    let ends =
        |news: &SessionNews| matches!(news, SessionNews::Ended(ended) if ended.id == *session);
    hear(news, "the end of a session", ends).await;
}

async fn hear_of_a_gap(news: &mut SessionSubscription) {
    hear(news, "a gap", |news| *news == SessionNews::Missed).await;
}

/// Signs in and out on one node, while another one listens.
async fn threat_34(nodes: &[Node; 2], ledger: &Arc<Ledger>, person: &mut Person) {
    let [here, there] = nodes;
    let login = there.auth.login().expect("a login");
    person.sign_in(here).await.done();
    let session = SessionId::from(person.session_id().expect("a session"));
    let mut news = login.subscribe().await.expect("a watch");
    let held = tokio::spawn({
        let (there, session) = (there.clone(), session.clone());
        async move {
            let login = there.auth.login().expect("a login");
            login.until_ended(&session).await;
        }
    });
    person.sign_out(here).await.done();
    hear_the_end(&mut news, &session).await;
    let closed = tokio::time::timeout(LIMIT, held).await;
    closed.expect("an end in time").expect("a task");
    ledger.settle(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_another_node_hears_of_a_sign_out_through_postgresql() {
    let nodes = Node::pair(&Place::sql(test_servers::postgres_url())).await;
    let ledger = Ledger::new();
    let mut person = Person::new("ada", &nodes[0], &ledger).await;
    threat_34(&nodes, &ledger, &mut person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_another_node_hears_of_a_sign_out_through_redis() {
    let folder = Folder::new();
    let place = Place::sql(folder.sqlite()).with_redis(test_servers::redis_url());
    let nodes = Node::pair(&place).await;
    let ledger = Ledger::new();
    let mut person = Person::new("ada", &nodes[0], &ledger).await;
    threat_34(&nodes, &ledger, &mut person).await;
}

/// Listens over an outage: told of the gap, then of what ends after it.
async fn over_an_outage(nodes: [Node; 2], fail: impl FnOnce(), recover: impl FnOnce()) {
    let ledger = Ledger::new();
    let mut person = Person::new("ada", &nodes[0], &ledger).await;
    person.sign_in(&nodes[0]).await.done();
    let login = nodes[1].auth.login().expect("a login");
    let mut news = login.subscribe().await.expect("a watch");
    blocking(fail);
    // At once, for who would rather close too much …
    hear_of_a_gap(&mut news).await;
    blocking(recover);
    // … and when the line is back.
    hear_of_a_gap(&mut news).await;
    for node in &nodes {
        until("the store", async || {
            !person.is_signed_in(node).await.is_unavailable()
        })
        .await;
    }
    threat_34(&nodes, &ledger, &mut person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_an_outage_of_redis_is_told_as_a_gap() {
    let folder = Folder::new();
    let mut redis = blocking(Redis::start);
    let place = Place::sql(folder.sqlite()).with_redis(redis.url());
    let nodes = Node::pair(&place).await;
    let redis = std::cell::RefCell::new(&mut redis);
    let fail = || redis.borrow_mut().stop();
    over_an_outage(nodes, fail, || redis.borrow_mut().start_again()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_an_outage_of_postgresql_is_told_as_a_gap() {
    let server = blocking(Postgres::start);
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let nodes = Node::pair(&Place::sql(server.url_by(proxy.port()))).await;
    over_an_outage(nodes, || proxy.cut(), || proxy.restore()).await;
}

const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [8; 32];

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_secrets_change_under_load_without_a_failed_request() {
    let place = Place::sql(test_servers::postgres_url()).with_redis(test_servers::redis_url());
    let clock = TestClock::by_hand();
    let nodes = [
        Node::with_clock(&place, &clock).await,
        Node::with_clock(&place, &clock).await,
    ];
    nodes[0].register_client().await;
    let ledger = Ledger::new();
    let mut load = Load::start(&nodes, &ledger, 4).await;
    load.complete(1).await;
    for secrets in [vec![OLD, NEW], vec![NEW, OLD], vec![NEW]] {
        for node in &nodes {
            node.auth.replace_secrets(&secrets).await.expect("secrets");
            load.complete(1).await;
        }
    }
    let kids = nodes[0].kids().await;
    let provider = nodes[1].auth.provider().expect("a provider");
    provider.rotate_signing_keys().await.expect("new keys");
    // Made by hand, a key signs after ten minutes. No code grows too old in the meantime.
    for _ in 0..24 {
        clock.advance(Duration::from_secs(30));
        load.complete(1).await;
    }
    assert!(nodes[0].kids().await.len() > kids.len());
    load.settle().await;
    assert_eq!(ledger.unavailable(), 0);
}

/// Throttles that count how often they are pruned.
struct Counting {
    inner: Arc<dyn ThrottleStore>,
    prunings: Arc<AtomicU32>,
}

#[async_trait]
impl Backend for Counting {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.prunings.fetch_add(1, Ordering::SeqCst);
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl ThrottleStore for Counting {
    async fn count_and_check(
        &self,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict> {
        self.inner.count_and_check(key, policy, now).await
    }

    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()> {
        self.inner.take_back_attempt(key).await
    }

    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()> {
        self.inner.clear_throttle(key).await
    }
}

/// Rounds come by the machine's time, leases end by the clock: so nobody loses one because a machine was busy.
const ROUND: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn threat_48_one_node_of_three_prunes_and_another_takes_over() {
    let place = Place::sql(test_servers::postgres_url());
    let clock = TestClock::by_hand();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let mut stores = place.open().await;
        let prunings = Arc::default();
        stores.throttles = Arc::new(Counting {
            inner: stores.throttles,
            prunings: Arc::clone(&prunings),
        });
        let builder = settings(&clock).store(stores).prune_every(Some(ROUND));
        nodes.push((Node::of(builder).await, prunings));
    }
    let counts = |nodes: &[(Node, Arc<AtomicU32>)]| -> Vec<u32> {
        let counts = nodes.iter().map(|(_, count)| count.load(Ordering::SeqCst));
        counts.collect()
    };
    until("ten rounds", async || {
        counts(&nodes).iter().sum::<u32>() >= 10
    })
    .await;
    let before = counts(&nodes);
    let holder = before.iter().position(|count| *count > 0).expect("one");
    assert_eq!(before.iter().filter(|count| **count > 0).count(), 1);
    // It goes away, and its lease ends.
    nodes.remove(holder);
    clock.advance(4 * ROUND);
    until("ten more rounds", async || {
        counts(&nodes).iter().sum::<u32>() >= 10
    })
    .await;
    assert_eq!(counts(&nodes).iter().filter(|count| **count > 0).count(), 1);
}
