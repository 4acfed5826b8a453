//! What the hot verbs cost on Redis, as ratios to one `GET` measured in the same run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports on standard output and stops at the first fault"
)]

use std::hint::black_box;
use std::time::Duration;

use auth_core::ground::{Clock as _, Digest32, SystemClock};
use auth_core::store::{
    OneTimeKind, OneTimeStore as _, OneTimeValue, Session, SessionId, SessionStore as _,
    ThrottlePolicy, ThrottleStore as _, UserId,
};
use auth_core::testkit::Ratio;
use auth_store_redis::RedisStore;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;

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
    let end = now + Duration::from_mins(10);
    report("session look-up", "at most 1.3", &mut || {
        let found = runtime.block_on(store.session(&session.id));
        black_box(found.unwrap().unwrap());
    });
    let mut number = 0_u32;
    let mut fresh = move || {
        number += 1;
        Digest32::of(number.to_string())
    };
    report("put and consume", "reported", &mut || {
        let value = OneTimeValue {
            kind: OneTimeKind::AuthorizationCode,
            key: fresh(),
            payload: vec![0; 200],
            expires_at: end,
            keep_until: end,
        };
        runtime.block_on(store.put(&value)).unwrap();
        let spent = runtime.block_on(store.consume(value.kind, &value.key, now));
        black_box(spent.unwrap());
    });
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
