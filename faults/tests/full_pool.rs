//! Every connection of the pool is taken: whoever needs one is told within the bound to come later, nobody opens more
//! than the pool may, and it works again once there is one.
#![expect(clippy::expect_used, reason = "test code")]

use std::time::{Duration, Instant};

use auth_core::store::Stores;
use auth_store_seaorm::SeaOrmStore;
use faults::{
    Database as _, Ledger, Load, Node, Person, Place, RelyingParty, Step, TestClock, VERB_TIMEOUT,
    blocking, until,
};
use sea_orm::{ConnectOptions, TransactionTrait as _};
use test_servers::{Postgres, Proxy};

const POOL: u32 = 3;

/// Requests that wait at the same time.
const CROWD: u32 = 64;

/// Connections of this database, save the one that counts.
fn connections(server: &Postgres) -> u32 {
    let sql = "SELECT count(*) FROM pg_stat_activity \
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    blocking(|| server.sql(sql)).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_holds_them_in_transactions_of_its_own() {
    let server = blocking(Postgres::start);
    let mut options = ConnectOptions::new(server.url());
    options.max_connections(POOL).sqlx_logging(false);
    let pool = sea_orm::Database::connect(options).await.expect("a pool");
    auth_store_seaorm::Migrator::default()
        .run(&pool)
        .await
        .expect("tables");
    let store = SeaOrmStore::builder()
        .timeout(VERB_TIMEOUT)
        .connection(pool.clone());
    let node = Node::over(Stores::from(store), &TestClock::default()).await;
    node.register_client().await;
    let ledger = Ledger::new();
    let mut person = Person::new("ada", &node, &ledger).await;
    person.sign_in(&node).await.done();
    let code = person
        .authorize(&node, "openid offline_access")
        .await
        .done();

    let mut held = Vec::new();
    for _ in 0..POOL {
        held.push(pool.begin().await.expect("a transaction"));
    }
    let client = RelyingParty::new(&ledger);
    let waiting: Vec<_> = (0..16)
        .map(|_| {
            let (node, client, code) = (node.clone(), client.clone(), code.clone());
            let mut person = person.again();
            tokio::spawn(async move {
                let both = tokio::join!(client.redeem(&node, &code), person.is_signed_in(&node));
                both.0.is_unavailable() && both.1.is_unavailable()
            })
        })
        .collect();
    for refused in waiting {
        assert!(refused.await.expect("an answer in time"));
        assert_eq!(connections(&server), POOL);
    }
    for transaction in held {
        transaction.rollback().await.expect("a rollback");
    }
    assert!(person.is_signed_in(&node).await.done());
    let tokens = client.redeem(&node, &code).await.done();
    ledger.keep(&tokens.refresh);
    ledger.settle(&[node]).await;
    assert!(connections(&server) <= POOL);
}

/// More people than connections, and each statement on them takes a good part of a verb's time.
#[tokio::test(flavor = "multi_thread")]
async fn slow_statements_hold_them() {
    let server = blocking(Postgres::start);
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let place = Place::sql(server.url_by(proxy.port())).with_connections(POOL);
    let nodes = Node::pair(&place).await;
    let ledger = Ledger::new();
    let mut load = Load::start(&nodes, &ledger, 16).await;
    load.complete(1).await;
    proxy.delay(VERB_TIMEOUT / 4);
    load.be_refused().await;
    proxy.delay(Duration::ZERO);
    load.complete(1).await;
    until("the end of connections that were given up", async || {
        connections(&server) <= 2 * POOL
    })
    .await;
    load.settle().await;
}

/// Nothing comes back. A connection is given up after a verb's time, and another one tried: now and then one for each
/// that the pool may have, not one for each request that is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_line_holds_them_and_nobody_storms() {
    let server = blocking(Postgres::start);
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let place = Place::sql(server.url_by(proxy.port())).with_connections(POOL);
    let [node, _] = Node::pair(&place).await;
    let ledger = Ledger::new();
    let mut person = Person::new("ada", &node, &ledger).await;
    person.sign_in(&node).await.done();
    let before = proxy.connections();
    blocking(|| proxy.stall());
    let began = Instant::now();
    let crowd: Vec<_> = (0..CROWD)
        .map(|index| {
            let (node, mut person) = (node.clone(), person.again());
            tokio::spawn(async move {
                // As requests come: one after the other, so that their times end one after the other too.
                tokio::time::sleep(VERB_TIMEOUT * index / CROWD).await;
                while began.elapsed() < 4 * VERB_TIMEOUT {
                    assert!(person.is_signed_in(&node).await.is_unavailable());
                }
            })
        })
        .collect();
    for asking in crowd {
        asking.await.expect("answers in time");
    }
    // What is given up stays open at the proxy, which does not deliver the end either: so all of them are there. Whoever
    // has to wait for a place in the pool may come to it with half of its time left.
    let times = began.elapsed().as_secs_f64() / VERB_TIMEOUT.as_secs_f64();
    let opened = u32::try_from(proxy.connections() - before).expect("a few");
    let most = 2.0 * f64::from(POOL) * (times + 1.0);
    let asked = ledger.unavailable();
    assert!(
        f64::from(opened) <= most,
        "{opened} connections for {asked} requests in {times:.1} times of a verb"
    );
    proxy.resume();
    until("the line", async || {
        !person.is_signed_in(&node).await.is_unavailable()
    })
    .await;
    until("the end of what was given up", async || {
        connections(&server) <= 2 * POOL
    })
    .await;
    ledger.settle(&[node]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_is_enough() {
    let place = Place::sql(test_servers::postgres_url()).with_connections(1);
    let nodes = Node::pair(&place).await;
    let ledger = Ledger::new();
    let mut people = Vec::new();
    for index in 0..8 {
        let mut person = Person::new(&format!("p{index}"), &nodes[0], &ledger).await;
        let node = nodes[index % 2].clone();
        people.push(tokio::spawn(async move { person.sign_in(&node).await }));
    }
    for person in people {
        assert!(matches!(person.await.expect("an answer"), Step::Done(())));
    }
    ledger.settle(&nodes).await;
}
