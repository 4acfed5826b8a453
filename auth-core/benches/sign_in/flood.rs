//! Two hundred sign-ins at once: memory, what becomes of the rest of the app, and of those that find no room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_core::auth::Auth;
use auth_core::ground::Timestamp;
use auth_core::login::NewUser;
use auth_core::store::{Identifier, MemoryStore, UserStore as _};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use tokio::task::JoinSet;

use crate::{EMAIL, PASSWORD, host, sign_in};

const SIGN_INS: usize = 200;
const PROBES: usize = 400;
/// Between two requests of somebody who is signed in.
const PACE: Duration = Duration::from_millis(5);

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = MemoryStore::default();
        let auth = Arc::new(host(store.clone()).await);
        people(&auth, &store).await;
        let cookie = cookie(&auth).await;
        let idle = probe(&auth, &cookie).await;
        let before = resident_kib();
        let flood = tokio::spawn(flood(auth.clone()));
        let loaded = probe(&auth, &cookie).await;
        let (signed_in, refused, peak) = flood.await.unwrap();
        println!(
            "{SIGN_INS} sign-ins at once, again and again\n  {signed_in} signed in, {refused} answered 503 with Retry-After; \
             memory {} MiB more than before (at most 19 for each processor but one, and 50)",
            peak.saturating_sub(before) / 1024,
        );
        let ratio = loaded.as_secs_f64() / idle.as_secs_f64();
        println!(
            "a guarded GET meanwhile\n  p99 {idle:?} idle, {loaded:?} loaded, ratio {ratio:.2} (at most 3)"
        );
    });
}

fn email(person: usize) -> String {
    format!("person{person}@example.com")
}

/// One for each sign-in: those at once of one account would be guesses at it. All with the password of the first.
async fn people(auth: &Auth, store: &MemoryStore) {
    let first = Identifier::Email(EMAIL.to_owned());
    let (_, hash) = store.credentials(&first).await.unwrap().unwrap();
    let hash = hash.unwrap();
    let now = Timestamp::from_seconds(1_790_000_000);
    for person in 0..SIGN_INS {
        let new = NewUser {
            email: Some(email(person)),
            email_verified: true,
            ..NewUser::default()
        };
        let user = auth.login().unwrap().create_user(new).await.unwrap();
        assert!(
            store
                .set_password(&user.id, None, &hash, now)
                .await
                .unwrap()
        );
    }
}

/// Keeps as many sign-ins going for as long as the probes take.
async fn flood(auth: Arc<Auth>) -> (usize, usize, u64) {
    let (mut signed_in, mut refused, mut peak) = (0, 0, 0);
    let end = Instant::now() + PACE * u32::try_from(PROBES).unwrap();
    let mut running = JoinSet::new();
    let mut idle: Vec<_> = (0..SIGN_INS).collect();
    while Instant::now() < end || !running.is_empty() {
        while let Some(person) = idle.pop().filter(|_| Instant::now() < end) {
            let auth = auth.clone();
            running.spawn(async move {
                let answer = sign_in(&auth, &email(person), PASSWORD).await;
                if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                    assert!(answer.headers().contains_key(header::RETRY_AFTER));
                    // As a client does that was told to wait.
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                (person, answer.status())
            });
        }
        let Some(answered) = running.join_next().await else {
            break;
        };
        let (person, status) = answered.unwrap();
        idle.push(person);
        match status {
            StatusCode::OK => signed_in += 1,
            StatusCode::SERVICE_UNAVAILABLE => refused += 1,
            other => unreachable!("neither signed in nor told to wait: {other}"),
        }
        peak = peak.max(resident_kib());
    }
    (signed_in, refused, peak)
}

/// The 99th percentile of a cheap request of somebody signed in.
async fn probe(auth: &Auth, cookie: &str) -> Duration {
    let mut took = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        tokio::time::sleep(PACE).await;
        let request = Request::get("/auth/session")
            .header(header::COOKIE, cookie)
            .body(Bytes::new())
            .unwrap();
        let begun = Instant::now();
        let answer = auth.handle(request).await;
        took.push(begun.elapsed());
        assert_eq!(answer.status(), StatusCode::OK);
    }
    took.sort_unstable();
    took[PROBES * 99 / 100]
}

async fn cookie(auth: &Auth) -> String {
    let answer = sign_in(auth, EMAIL, PASSWORD).await;
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let pairs = cookies.map(|value| value.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

/// Memory of this process now.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
