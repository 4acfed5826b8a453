//! What the hot verbs cost on Redis, as ratios to one `GET` measured in the same run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

use std::hint::black_box;
use std::time::Duration;

use auth_core::ground::{Clock as _, Digest32, SystemClock, Timestamp};
use auth_core::store::{
    Consumed, OneTimeKind, OneTimeStore as _, OneTimeValue, Session, SessionId, SessionStore as _,
    ThrottlePolicy, ThrottleStore as _, UserId,
};
use auth_core::testkit::Ratio;
use auth_store_redis::RedisStore;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Runtime;

const ROUNDS: u32 = 500;

fn main() {
    let server = test_servers::Redis::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (store, floor) = runtime.block_on(async {
        let store = RedisStore::open(&server.url()).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let floor: MultiplexedConnection = client.get_multiplexed_async_connection().await.unwrap();
        (store, floor)
    });
    let session = session();
    let record = serde_json::to_string(&session).unwrap();
    runtime.block_on(async {
        store.insert_session(&session).await.unwrap();
        floor
            .clone()
            .set::<_, _, ()>("floor", &record)
            .await
            .unwrap();
    });
    let get = || {
        let mut floor = floor.clone();
        let value: String = runtime.block_on(floor.get("floor")).unwrap();
        black_box(value);
    };
    let report = |what: &str, goal: &str, verb: &mut dyn FnMut()| {
        let ratio = Ratio::of(ROUNDS, get, verb);
        println!("{what} / one GET of the same record: {ratio} ({goal})");
    };
    let now = SystemClock.now();
    report("session look-up", "at most 1.3", &mut || {
        let found = runtime.block_on(store.session(&session.id));
        black_box(found.unwrap().unwrap());
    });
    let mut seen = now;
    report("touch_session", "reported", &mut || {
        seen = seen + Duration::from_millis(1);
        let end = seen + Duration::from_hours(1);
        let touched = store.touch_session(&session.id, seen, end);
        runtime.block_on(touched).unwrap();
    });
    one_time_values(&runtime, &store, now, &report);
    let policy = ThrottlePolicy {
        limit: u32::MAX,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let key = Digest32::of("throttle");
    report("count_and_check", "reported", &mut || {
        let verdict = runtime.block_on(store.count_and_check(&key, &policy, now));
        black_box(verdict.unwrap());
    });
}

type Report<'a> = dyn Fn(&str, &str, &mut dyn FnMut()) + 'a;

fn one_time_values(runtime: &Runtime, store: &RedisStore, now: Timestamp, report: &Report<'_>) {
    let end = now + Duration::from_mins(10);
    let claimed = Digest32::of("claimed");
    let claim = store.claim_once(OneTimeKind::ClientAssertion, &claimed, now, end);
    assert!(runtime.block_on(claim).unwrap());
    let other = Digest32::of("not claimed");
    for (what, key) in [("is_claimed, yes", claimed), ("is_claimed, no", other)] {
        report(what, "reported", &mut || {
            let answer = store.is_claimed(OneTimeKind::ClientAssertion, &key, now);
            black_box(runtime.block_on(answer).unwrap());
        });
    }
    let mut number = 0_u32;
    let mut put = || {
        number += 1;
        let value = OneTimeValue {
            kind: OneTimeKind::AuthorizationCode,
            key: Digest32::of(number.to_string()),
            payload: vec![0; 200],
            expires_at: end,
            keep_until: end,
        };
        runtime.block_on(store.put(&value)).unwrap();
        value.key
    };
    let consume = |key: Digest32| {
        let spent = store.consume(OneTimeKind::AuthorizationCode, &key, now);
        let spent = runtime.block_on(spent).unwrap();
        assert!(matches!(black_box(spent), Consumed::First(_)));
    };
    let mut unspent = Vec::new();
    report("consume", "reported", &mut || {
        // The few batches this falls into are not the median.
        if unspent.is_empty() {
            unspent.extend((0..8 * ROUNDS).map(|_| put()));
        }
        consume(unspent.pop().unwrap());
    });
    report("put and consume", "reported", &mut || consume(put()));
}

fn session() -> Session {
    let now = SystemClock.now();
    Session {
        id: SessionId::new("a session of somebody"),
        token_digest: Digest32::of("a secret"),
        user_id: UserId::new("ada"),
        created_at: now,
        auth_time: now,
        amr: vec!["pwd".into()],
        acr: Some("1".into()),
        last_seen_at: now,
        idle_expires_at: now + Duration::from_hours(1),
        expires_at: now + Duration::from_hours(1),
        remember: true,
        user_agent: Some(
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
        ),
        address: Some("192.0.2.1".into()),
    }
}
