//! A server that is not there, is slow or comes back empty: an error within the time allowed, nobody let in, and all is
//! well again without the store being opened anew.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::time::Duration;

use auth_core::ground::Digest32;
use auth_core::store::{
    Consumed, OneTimeKind, OneTimeStore as _, Session, SessionStore as _, ThrottlePolicy,
    ThrottleStore as _, Verdict,
};
use auth_store_redis::RedisStore;
use support::{CODE, claim, is_unavailable, now, once_available, unavailable_in_time};
use test_servers::{Proxy, Redis};

mod support;

const SHORT: Duration = Duration::from_millis(500);

async fn open(url: &str) -> RedisStore {
    let builder = support::builder().timeout(SHORT);
    builder.open(url).await.unwrap()
}

#[tokio::test]
async fn no_server_is_an_error() {
    let address = format!("127.0.0.1:{}", test_servers::free_port());
    for url in [
        format!("redis://{address}"),
        format!("rediss://{address}"),
        format!("redis+cluster://{address},{address}"),
        format!("redis+sentinel://{address}/main"),
        // Without the primary's name.
        format!("redis+sentinel://{address}"),
        "redis+ring://127.0.0.1".to_owned(),
        "redis+cluster://".to_owned(),
        "not a url".to_owned(),
    ] {
        assert!(is_unavailable(&RedisStore::open(&url).await), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error() {
    // Accepts (the kernel does), and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for url in [
        format!("redis://{address}"),
        format!("rediss://{address}"),
        format!("redis+cluster://{address}"),
        format!("redis+sentinel://{address}/main"),
    ] {
        let opened = support::builder().timeout(SHORT).open(&url);
        unavailable_in_time(SHORT, opened).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_server_that_comes_back_empty_knows_no_session_and_no_code() {
    let mut server = Redis::start();
    let store = open(&server.url()).await;
    let session = support::session("session", "ada");
    let (id, digest) = (&session.id, &session.token_digest);
    store.insert_session(&session).await.unwrap();
    let code = support::code("code");
    store.put(&code).await.unwrap();

    server.stop();
    unavailable_in_time(SHORT, store.session(id)).await;
    unavailable_in_time(SHORT, store.consume(CODE, &code.key, now())).await;
    unavailable_in_time(SHORT, store.revoke_session(&session.user_id, id)).await;
    unavailable_in_time(SHORT, store.rotate_session(digest, &session)).await;
    unavailable_in_time(SHORT, store.watch_ended()).await;

    server.start_again();
    assert_eq!(once_available(async || store.session(id).await).await, None);
    assert_eq!(store.peek(CODE, &code.key, now()).await.unwrap(), None);
    let spent = store.consume(CODE, &code.key, now()).await.unwrap();
    assert_eq!(spent, Consumed::Absent);
    let moved = Session {
        token_digest: Digest32::of("another"),
        ..session.clone()
    };
    assert!(!store.rotate_session(digest, &moved).await.unwrap());
    let later = session.idle_expires_at + SHORT;
    store.touch_session(id, now(), later).await.unwrap();
    assert_eq!(store.session(id).await.unwrap(), None);
    // And it can be signed in again.
    store.insert_session(&session).await.unwrap();
}

/// Why claims are not kept here by default (`Stores::claims`): no store can know what it lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_forgets_claims_and_counts() {
    let mut server = Redis::start();
    let store = open(&server.url()).await;
    let policy = ThrottlePolicy {
        limit: 1,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let key = code_key();
    let is_claimed = async || {
        let kind = OneTimeKind::ClientAssertion;
        store.is_claimed(kind, &Digest32::of("jti"), now()).await
    };
    assert!(claim(&store, "jti").await.unwrap());
    assert!(is_claimed().await.unwrap());
    for _ in 0..2 {
        store.count_and_check(&key, &policy, now()).await.unwrap();
    }

    server.stop();
    // As long as it is not there, no claim is made and none is denied.
    unavailable_in_time(SHORT, claim(&store, "jti")).await;
    unavailable_in_time(SHORT, is_claimed()).await;
    unavailable_in_time(SHORT, store.count_and_check(&key, &policy, now())).await;

    server.start_again();
    assert!(!once_available(is_claimed).await);
    assert!(claim(&store, "jti").await.unwrap());
    assert!(!claim(&store, "jti").await.unwrap());
    let counted = store.count_and_check(&key, &policy, now()).await.unwrap();
    assert_eq!(counted, Verdict::Allowed { remaining: 0 });
}

#[tokio::test]
async fn an_answer_that_is_not_the_stores_own_is_not_shown() {
    let server = Redis::start();
    let store = open(&server.url()).await;
    let code = support::code("code");
    store.put(&code).await.unwrap();
    let key = server.cli(&["KEYS", "*"]);
    server.cli(&["HSET", &key, "expires", "a-secret"]);
    let error = store.peek(CODE, &code.key, now()).await.unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("a-secret"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ended_is_not_used_again() {
    let mut server = Redis::start();
    let store = open(&server.url()).await;
    assert!(claim(&store, "before").await.unwrap());
    server.kill();
    server.start_again();
    // Not even one verb fails.
    assert!(claim(&store, "after").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_error_in_time() {
    let server = Redis::start();
    let store = open(&server.url()).await;
    let session = support::session("session", "ada");
    store.insert_session(&session).await.unwrap();
    server.pause();
    let mut verbs = Vec::new();
    for number in 0..32 {
        let (store, session) = (store.clone(), session.clone());
        verbs.push(tokio::spawn(async move {
            // On the connection that hangs, then on one that does not come about.
            unavailable_in_time(SHORT, store.session(&session.id)).await;
            unavailable_in_time(SHORT, claim(&store, &number.to_string())).await;
            // Several steps, and yet one limit.
            unavailable_in_time(SHORT, store.insert_session(&session)).await;
            unavailable_in_time(SHORT, store.sessions_of(&session.user_id)).await;
        }));
    }
    for verb in verbs {
        verb.await.unwrap();
    }
    server.resume();
    let found = once_available(async || store.session(&session.id).await).await;
    assert_eq!(found, Some(session));
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_network_that_stalls_or_breaks_spends_nothing_twice() {
    let server = Redis::start();
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let store = open(&format!("redis://127.0.0.1:{}", proxy.port())).await;
    assert!(claim(&store, "before").await.unwrap());

    proxy.stall();
    unavailable_in_time(SHORT, claim(&store, "before")).await;
    unavailable_in_time(SHORT, claim(&store, "stalled")).await;
    proxy.resume();
    // The claim stands, whatever became of the one that had no answer.
    let again = once_available(async || claim(&store, "before").await).await;
    assert!(!again);
    once_available(async || claim(&store, "stalled").await).await;
    assert!(!claim(&store, "stalled").await.unwrap());

    proxy.cut();
    unavailable_in_time(SHORT, claim(&store, "before")).await;
    proxy.restore();
    let again = once_available(async || claim(&store, "before").await).await;
    assert!(!again);
    assert!(claim(&store, "after").await.unwrap());
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let server = Redis::start();
    let store = open(&server.url()).await;
    assert!(claim(&store, "one").await.unwrap());
    server.cli(&["SCRIPT", "FLUSH"]);
    assert!(claim(&store, "two").await.unwrap());
    assert!(!claim(&store, "one").await.unwrap());
}

#[tokio::test]
async fn a_primary_that_was_demoted_is_left() {
    let (before, after) = (Redis::start(), Redis::start());
    // An address that leads to the primary, whichever that is.
    let proxy = Proxy::start(("127.0.0.1", before.port()));
    let store = open(&format!("redis://127.0.0.1:{}", proxy.port())).await;
    assert!(claim(&store, "before").await.unwrap());
    before.cli(&["REPLICAOF", "127.0.0.1", &after.port().to_string()]);
    proxy.set_upstream(("127.0.0.1", after.port()));
    unavailable_in_time(SHORT, claim(&store, "after")).await;
    // The old connection stands, and is not used again.
    assert!(claim(&store, "after").await.unwrap());
    assert_eq!(after.cli(&["DBSIZE"]).trim(), "1");
}

#[tokio::test]
async fn threat_12_what_no_replica_has_decides_nothing() {
    let server = Redis::start();
    // Half of it is for replicas; Redis looks at its clock ten times a second, on a busy machine late.
    let allowed = 2 * SHORT;
    let builder = support::builder().timeout(allowed);
    let store = builder.acknowledged_by(1).open(&server.url()).await;
    let store = store.unwrap();
    let plain = open(&server.url()).await;
    use_every_script(&plain).await;
    let session = support::session("session", "ada");
    // The set of a user's sessions must not be forgotten either.
    unavailable_in_time(allowed, store.insert_session(&session)).await;
    plain.insert_session(&session).await.unwrap();
    let code = support::code("code");
    store.put(&code).await.unwrap();
    let moved = Session {
        token_digest: Digest32::of("another"),
        ..session.clone()
    };

    let rotate = store.rotate_session(&session.token_digest, &moved);
    unavailable_in_time(allowed, rotate).await;
    unavailable_in_time(allowed, store.consume(CODE, &code.key, now())).await;
    unavailable_in_time(allowed, claim(&store, "jti")).await;
    let revoke = store.revoke_session(&session.user_id, &session.id);
    unavailable_in_time(allowed, revoke).await;

    // Spent all the same, and that much can be said.
    let spent = store.consume(CODE, &code.key, now()).await.unwrap();
    assert_eq!(spent, Consumed::Again(code));
    assert!(!claim(&store, "jti").await.unwrap());
    assert_eq!(store.session(&session.id).await.unwrap(), None);
    let revoke = store.revoke_session(&session.user_id, &session.id);
    assert!(!revoke.await.unwrap());
    let policy = ThrottlePolicy {
        limit: 0,
        window: SHORT,
        lock: SHORT,
        max_lock: SHORT,
    };
    let counted = store.count_and_check(&code_key(), &policy, now()).await;
    assert!(matches!(counted.unwrap(), Verdict::Locked { .. }));
}

/// So that the server knows them: whoever has to send one first waits twice.
async fn use_every_script(store: &RedisStore) {
    let (session, code) = (support::session("first", "eve"), support::code("first"));
    store.insert_session(&session).await.unwrap();
    let rotate = store.rotate_session(&session.token_digest, &session);
    assert!(rotate.await.unwrap());
    let revoke = store.revoke_session(&session.user_id, &session.id);
    assert!(revoke.await.unwrap());
    store.put(&code).await.unwrap();
    store.consume(CODE, &code.key, now()).await.unwrap();
    assert!(claim(store, "first").await.unwrap());
}

fn code_key() -> Digest32 {
    support::code("code").key
}

#[tokio::test]
async fn reads_do_not_wait_for_replicas() {
    let server = Redis::start();
    let builder = support::builder().acknowledged_by(1);
    let store = builder.open(&server.url()).await.unwrap();
    let id = support::session("session", "ada").id;
    tokio::select! {
        biased;
        claimed = claim(&store, "jti") => assert!(claimed.is_err(), "a replica, where there is none"),
        () = async {
            for _ in 0..100 {
                assert_eq!(store.session(&id).await.unwrap(), None);
            }
        } => return,
    }
    unreachable!("a hundred reads took longer than the wait for a replica");
}
