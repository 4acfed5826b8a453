//! A node vanishes without a word (power, network) in the middle of a transaction that others wait for: the server lets
//! go of it, and within the bound people can sign out on the other nodes again.
#![expect(clippy::expect_used, reason = "test code")]

use std::time::{Duration, Instant};

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{Session, SessionId, SessionStore as _, UserId};
use auth_store_seaorm::SeaOrmStore;
use faults::{Database, blocking, until};
use test_servers::{MariaDb, Postgres, Proxy};

const VERB_TIMEOUT: Duration = Duration::from_secs(2);

/// Time for the server to notice, for the driver to give up, and some.
const BOUND: Duration = Duration::from_secs(12);

fn session(name: &str) -> Session {
    let end = Timestamp::from_seconds(4_000_000_000);
    Session {
        id: SessionId::new(name),
        token_digest: Digest32::of(name),
        user_id: UserId::new(name),
        created_at: Timestamp::default(),
        auth_time: Timestamp::default(),
        amr: Vec::new(),
        acr: None,
        last_seen_at: Timestamp::default(),
        idle_expires_at: end,
        expires_at: end,
        remember: false,
        user_agent: None,
        address: None,
    }
}

async fn open(url: &str) -> SeaOrmStore {
    let builder = SeaOrmStore::builder().timeout(VERB_TIMEOUT);
    builder.open(url).await.expect("a store")
}

/// `free` prints the row that counts ended sessions, unless somebody holds it.
async fn nobody_waits_for_it<D: Database>(server: D, free: fn(&D) -> String) {
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let here = open(&server.url_by(server.port())).await;
    let vanishing = open(&server.url_by(proxy.port())).await;
    for name in ["gone", "here"] {
        here.insert_session(&session(name)).await.expect("inserted");
    }
    // The first one makes the row that counts.
    here.insert_session(&session("first"))
        .await
        .expect("inserted");
    let first = session("first");
    let done = here.revoke_session(&first.user_id, &first.id).await;
    assert!(done.expect("revoked"));

    proxy.delay(Duration::from_millis(100));
    let gone = session("gone");
    let revoking = tokio::spawn(async move {
        let revoked = vanishing.revoke_session(&gone.user_id, &gone.id).await;
        assert!(revoked.is_err(), "it vanished");
    });
    until("a transaction that has counted", async || {
        blocking(|| free(&server)).is_empty()
    })
    .await;
    blocking(|| proxy.stall());
    revoking.await.expect("an answer in time");
    let session = session("here");
    let began = Instant::now();
    until("a sign-out elsewhere", async || {
        here.revoke_session(&session.user_id, &session.id)
            .await
            .is_ok()
    })
    .await;
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_a_vanished_node_stops_no_sign_out_on_postgres() {
    nobody_waits_for_it(blocking(Postgres::start), |server| {
        server.sql("SELECT name FROM auth_counters FOR UPDATE SKIP LOCKED")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_a_vanished_node_stops_no_sign_out_on_mariadb() {
    nobody_waits_for_it(blocking(MariaDb::start), |server| {
        server.sql("SELECT name FROM app.auth_counters FOR UPDATE SKIP LOCKED")
    })
    .await;
}
