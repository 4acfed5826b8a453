//! Databases that go away, stall, vanish and come back: every verb ends in its time, and the store works again as soon
//! as the database does, without being opened anew.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use auth_core::ground::Digest32;
use auth_core::store::{
    Backend as _, ClientId, ClientStore as _, GrantStore as _, LeaseStore as _, OneTimeKind,
    OneTimeStore as _, SessionStore as _, SigningKeyStore as _, StoreError, StoreResult,
    ThrottlePolicy, ThrottleStore as _, UserId, UserStore as _,
};
use auth_store_seaorm::{SeaOrmStore, SeaOrmStoreBuilder};
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, TransactionTrait as _,
};
use test_servers::Proxy;
use tokio::time::interval;

use crate::support::{Place, at, client, query};

const TIMEOUT: Duration = Duration::from_millis(700);
/// A busy machine is late, never this late.
const MARGIN: Duration = Duration::from_secs(2);
/// Longest wait for a database to be back.
const PATIENCE: Duration = Duration::from_secs(30);

/// MariaDB answers who waits for a lock from memory when it is asked more often.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// The same tests on each server.
macro_rules! on_each_server {
    ($($test:ident)*) => {
        #[cfg(feature = "postgres")]
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test(crate::support::postgres().await).await;
            })*
        }
        #[cfg(feature = "mysql")]
        mod mysql {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test(crate::support::mysql().await).await;
            })*
        }
    };
}

on_each_server! {
    every_verb_ends_while_the_network_stalls
    stalls_leave_the_pool_whole
    peers_that_vanished_leave_the_pool_whole
    a_read_does_not_notice_that_connections_were_cut
    calls_that_are_given_up_leave_connections_right
    a_full_pool_is_waited_for_and_kept
    a_statement_that_waits_for_a_lock_ends
    a_lock_wait_that_the_server_gives_up_is_tried_again
    a_lock_that_is_not_let_go_costs_no_connection
    a_slow_statement_costs_no_connection
    a_watch_ends_with_the_database
}

fn builder(place: &Place) -> SeaOrmStoreBuilder {
    place.builder().timeout(TIMEOUT).max_connections(4)
}

/// A store behind a network that can be stalled.
async fn behind_proxy(place: &Place) -> (SeaOrmStore, Proxy) {
    let proxy = Proxy::start(place.address());
    let through = place.through(proxy.port());
    let store = builder(&through).open(&through.url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    (store, proxy)
}

async fn reads(store: &SeaOrmStore) -> bool {
    let answer = store.client(&ClientId::new("a")).await;
    if matches!(answer, Err(StoreError::Unavailable(_))) {
        return false;
    }
    assert_eq!(answer.unwrap(), Some(client("a")));
    true
}

/// Waits until the store works again.
async fn works_again(store: &SeaOrmStore) {
    let deadline = Instant::now() + PATIENCE;
    while !reads(store).await {
        assert!(Instant::now() < deadline, "the store does not come back");
    }
}

async fn is_unavailable<T>(verb: &str, call: impl Future<Output = StoreResult<T>>) {
    let began = Instant::now();
    let answer = call.await;
    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{verb} worked"
    );
    let took = began.elapsed();
    assert!(took < TIMEOUT + MARGIN, "{verb} took {took:?}");
}

async fn every_verb_ends_while_the_network_stalls(place: Place) {
    let (store, proxy) = behind_proxy(&place).await;
    let (id, user, key) = (ClientId::new("a"), UserId::new("ada"), Digest32::of("key"));
    let policy = ThrottlePolicy {
        limit: 3,
        window: Duration::from_secs(1),
        lock: Duration::from_secs(1),
        max_lock: Duration::from_secs(1),
    };
    let kind = OneTimeKind::ClientAssertion;
    let scopes = BTreeSet::new();
    proxy.stall();
    is_unavailable("a read", store.client(&id)).await;
    is_unavailable("a list", store.clients(None, 9)).await;
    is_unavailable("an insert", store.insert_client(&client("b"))).await;
    is_unavailable("a delete", store.delete_client(&id)).await;
    is_unavailable("consume", store.consume(kind, &key, at(0))).await;
    is_unavailable("claim_once", store.claim_once(kind, &key, at(0), at(9))).await;
    is_unavailable("count", store.count_and_check(&key, &policy, at(0))).await;
    is_unavailable("revoking", store.revoke_sessions_of(&user, None)).await;
    is_unavailable("watching", store.watch_ended()).await;
    is_unavailable(
        "consenting",
        store.remember_consent("ada", &id, &scopes, at(0)),
    )
    .await;
    is_unavailable("a lease", store.hold_lease("work", "a", at(0), at(9))).await;
    is_unavailable("keys", store.signing_keys()).await;
    is_unavailable("a password", store.password_hash(&user)).await;
    is_unavailable("pruning", store.prune(at(0), 1000)).await;
    proxy.resume();
    works_again(&store).await;
}

/// More calls than connections.
async fn crowd(store: &SeaOrmStore) -> Vec<bool> {
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { reads(&store).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

async fn stalls_leave_the_pool_whole(place: Place) {
    let (store, proxy) = behind_proxy(&place).await;
    for round in 0..4 {
        proxy.stall();
        let answers = crowd(&store).await;
        assert!(answers.iter().all(|worked| !worked), "round {round}");
        proxy.resume();
        works_again(&store).await;
        let answers = crowd(&store).await;
        assert!(answers.iter().all(|worked| *worked), "round {round}");
    }
}

async fn peers_that_vanished_leave_the_pool_whole(place: Place) {
    // What went by way of the second proxy never answers again; new connections take another way.
    let proxy = Proxy::start(place.address());
    let through = place.through(proxy.port());
    let mut vanished = Vec::new();
    let store = builder(&through).open(&through.url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    for round in 0..4 {
        let way = Proxy::start(place.address());
        proxy.set_upstream(("127.0.0.1", way.port()));
        // Connections of the round before are cut, so that those of this round take its way.
        proxy.cut();
        proxy.restore();
        works_again(&store).await;
        crowd(&store).await;
        way.stall();
        proxy.set_upstream(place.address());
        let answers = crowd(&store).await;
        assert!(answers.contains(&false), "round {round}");
        works_again(&store).await;
        let answers = crowd(&store).await;
        assert!(answers.iter().all(|worked| *worked), "round {round}");
        vanished.push(way);
    }
}

async fn a_read_does_not_notice_that_connections_were_cut(place: Place) {
    let (store, proxy) = behind_proxy(&place).await;
    for _ in 0..5 {
        // Several connections wait in the pool.
        assert!(crowd(&store).await.iter().all(|worked| *worked));
        proxy.cut();
        proxy.restore();
        assert!(reads(&store).await);
        store.delete_client(&ClientId::new("b")).await.unwrap();
        store.insert_client(&client("b")).await.unwrap();
    }
}

async fn calls_that_are_given_up_leave_connections_right(place: Place) {
    let (store, proxy) = behind_proxy(&place).await;
    for id in ["b", "c", "d"] {
        store.insert_client(&client(id)).await.unwrap();
    }
    // Long enough that a call is given up in each of its phases.
    proxy.delay(Duration::from_millis(2));
    for patience in 0..30 {
        let calls: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .map(|id| {
                let store = store.clone();
                tokio::spawn(async move {
                    let id = ClientId::new(id);
                    let call = async {
                        // Different statements, so that some are prepared anew.
                        store.clients(Some(&id), patience).await?;
                        store.client(&id).await
                    };
                    let patience = Duration::from_millis(u64::from(patience));
                    let _ = tokio::time::timeout(patience, call).await;
                    let found = store.client(&id).await.unwrap();
                    assert_eq!(found.unwrap().client_id, id);
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
    }
}

async fn a_full_pool_is_waited_for_and_kept(place: Place) {
    let mut options = ConnectOptions::new(&place.url);
    options.max_connections(2).acquire_timeout(PATIENCE);
    let connection = Database::connect(options).await.unwrap();
    place
        .open()
        .await
        .insert_client(&client("a"))
        .await
        .unwrap();
    let store = builder(&place).connection(connection.clone());
    // The host holds both.
    let held = [
        connection.begin().await.unwrap(),
        connection.begin().await.unwrap(),
    ];
    is_unavailable("a read", store.client(&ClientId::new("a"))).await;
    is_unavailable("a write", store.delete_client(&ClientId::new("a"))).await;
    let [first, second] = held;
    // The host's transactions go on as if nothing had been.
    first.execute_unprepared("SELECT 1").await.unwrap();
    first.commit().await.unwrap();
    works_again(&store).await;
    second.commit().await.unwrap();
    assert!(crowd(&store).await.iter().all(|worked| *worked));
}

async fn a_statement_that_waits_for_a_lock_ends(place: Place) {
    let store = builder(&place).open(&place.url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    let host = place.connect().await;
    let holder = host.begin().await.unwrap();
    let lock = "clients SET version = 7 WHERE client_id = 'a'";
    let lock = format!("UPDATE {}{lock}", place.prefix);
    holder.execute_unprepared(&lock).await.unwrap();
    is_unavailable("a delete", store.delete_client(&ClientId::new("a"))).await;
    // Others are not kept from their work.
    store.insert_client(&client("b")).await.unwrap();
    assert!(reads(&store).await);
    // The server lets go as well, so nothing piles up there.
    let deadline = Instant::now() + PATIENCE;
    let mut looks = interval(LOOK_EVERY);
    looks.tick().await;
    while !query(&host, &waiting(&place)).await.is_empty() {
        assert!(Instant::now() < deadline, "the statement still waits");
        looks.tick().await;
    }
    holder.rollback().await.unwrap();
    assert!(reads(&store).await);
    assert!(store.delete_client(&ClientId::new("a")).await.unwrap());
}

/// Time enough for a busy machine to hear of the server's limits before its own.
const LEISURE: Duration = Duration::from_secs(4);

/// A store with one connection, which can open no other.
async fn without_another_connection(place: &Place) -> (SeaOrmStore, Proxy) {
    let proxy = Proxy::start(place.address());
    let through = place.through(proxy.port());
    let builder = place.builder().timeout(LEISURE).max_connections(1);
    let store = builder.open(&through.url).await.unwrap();
    store.insert_client(&client("a")).await.unwrap();
    proxy.set_upstream(("127.0.0.1", test_servers::free_port()));
    (store, proxy)
}

/// The server ends a delete within the verb's time, for this reason, and the connection goes on.
async fn is_ended_by_the_server(store: &SeaOrmStore, reason: &str) {
    let began = Instant::now();
    let error = store.delete_client(&ClientId::new("a")).await.unwrap_err();
    assert!(began.elapsed() < LEISURE, "{:?}", began.elapsed());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains(reason), "{cause}");
    assert!(reads(store).await, "the connection is gone");
}

async fn a_lock_that_is_not_let_go_costs_no_connection(place: Place) {
    let (store, _proxy) = without_another_connection(&place).await;
    let host = place.connect().await;
    let holder = host.begin().await.unwrap();
    let lock = "clients SET version = version + 1 WHERE client_id = 'a'";
    let lock = format!("UPDATE {}{lock}", place.prefix);
    holder.execute_unprepared(&lock).await.unwrap();
    // As PostgreSQL and as MariaDB say it.
    let reason = if place.url.starts_with("postgres:") {
        "due to lock timeout"
    } else {
        "Lock wait timeout"
    };
    is_ended_by_the_server(&store, reason).await;
    holder.rollback().await.unwrap();
    assert!(store.delete_client(&ClientId::new("a")).await.unwrap());
}

async fn a_slow_statement_costs_no_connection(place: Place) {
    let (store, _proxy) = without_another_connection(&place).await;
    let prefix = &place.prefix;
    let on = format!("BEFORE DELETE ON {prefix}clients FOR EACH ROW");
    let (slow, reason) = if place.url.starts_with("postgres:") {
        let function = format!("{prefix}slow()");
        let sql = format!(
            "CREATE OR REPLACE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql \
             AS 'BEGIN PERFORM pg_sleep(60); RETURN OLD; END'; \
             CREATE TRIGGER {prefix}slow {on} EXECUTE FUNCTION {function}"
        );
        (sql, "due to statement timeout")
    } else {
        let sql = format!("CREATE TRIGGER {prefix}slow {on} DO SLEEP(60)");
        (sql, "max_statement_time exceeded")
    };
    let host = place.connect().await;
    host.execute_unprepared(&slow).await.unwrap();
    is_ended_by_the_server(&store, reason).await;
}

/// Statements on the place's tables that wait for a lock.
fn waiting(place: &Place) -> String {
    let table = format!("{}clients", place.prefix);
    if place.url.starts_with("postgres:") {
        format!(
            "SELECT query_start::text FROM pg_stat_activity \
             WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE%{table}%'"
        )
    } else {
        format!(
            "SELECT concat(trx_id, ' ', trx_started) FROM information_schema.innodb_trx \
             WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE 'DELETE%{table}%'"
        )
    }
}

/// Connections whose lock waits the server gives up soon.
async fn impatient(place: &Place) -> DatabaseConnection {
    let mut options = ConnectOptions::new(&place.url);
    #[cfg(feature = "postgres")]
    options.map_sqlx_postgres_pool_opts(|pool| {
        pool.after_connect(|connection, _| {
            let setting = "SET lock_timeout = 50";
            Box::pin(async move { sqlx::Executor::execute(connection, setting).await.map(drop) })
        })
    });
    #[cfg(feature = "mysql")]
    options.map_sqlx_mysql_pool_opts(|pool| {
        pool.after_connect(|connection, _| {
            let setting = "SET innodb_lock_wait_timeout = 1";
            Box::pin(async move { sqlx::Executor::execute(connection, setting).await.map(drop) })
        })
    });
    Database::connect(options).await.unwrap()
}

async fn a_lock_wait_that_the_server_gives_up_is_tried_again(place: Place) {
    place
        .open()
        .await
        .insert_client(&client("a"))
        .await
        .unwrap();
    let store = place.builder().timeout(PATIENCE);
    let store = store.connection(impatient(&place).await);
    let host = place.connect().await;
    let holder = host.begin().await.unwrap();
    let lock = "clients SET version = 7 WHERE client_id = 'a'";
    let lock = format!("UPDATE {}{lock}", place.prefix);
    holder.execute_unprepared(&lock).await.unwrap();
    let deletes = tokio::spawn(async move { store.delete_client(&ClientId::new("a")).await });
    let mut waits = BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    let mut looks = interval(LOOK_EVERY);
    while waits.len() < 2 {
        looks.tick().await;
        assert!(Instant::now() < deadline, "it waited {} times", waits.len());
        for row in query(&host, &waiting(&place)).await {
            waits.insert(row.try_get_by_index::<String>(0).unwrap());
        }
    }
    holder.rollback().await.unwrap();
    assert!(deletes.await.unwrap().unwrap());
}

async fn a_watch_ends_with_the_database(place: Place) {
    let proxy = Proxy::start(place.address());
    let through = place.through(proxy.port());
    let builder = builder(&through).poll_every(Duration::from_millis(10));
    let store = builder.open(&through.url).await.unwrap();
    let mut watch = store.watch_ended().await.unwrap();
    proxy.cut();
    let ended = tokio::time::timeout(PATIENCE, watch.next()).await;
    assert!(matches!(ended, Ok(Err(StoreError::Unavailable(_)))));
}

/// Servers of the test's own: it stops them.
macro_rules! stops_and_starts {
    ($test:ident, $server:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let mut server = test_servers::$server::start();
            let place = Place {
                url: server.url(),
                prefix: "auth_".to_owned(),
            };
            let store = builder(&place).open(&place.url).await.unwrap();
            store.insert_client(&client("a")).await.unwrap();
            for kill in [false, true] {
                assert!(crowd(&store).await.iter().all(|worked| *worked));
                if kill {
                    server.kill();
                } else {
                    server.stop();
                }
                is_unavailable("a read", store.client(&ClientId::new("a"))).await;
                is_unavailable("a write", store.delete_client(&ClientId::new("a"))).await;
                server.start_again();
                works_again(&store).await;
                // The first read after a restart that nobody noticed works as well.
                server.stop();
                server.start_again();
                assert!(reads(&store).await);
                assert!(crowd(&store).await.iter().all(|worked| *worked));
            }
            server.pause();
            is_unavailable("a read", store.client(&ClientId::new("a"))).await;
            server.resume();
            works_again(&store).await;
        }
    };
}

#[cfg(feature = "postgres")]
stops_and_starts!(postgresql_stops_and_starts, Postgres);
#[cfg(feature = "mysql")]
stops_and_starts!(mariadb_stops_and_starts, MariaDb);
