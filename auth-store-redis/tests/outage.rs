//! A server that is not there or does not answer is an error within the time allowed; and keys end by themselves.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::time::Duration;

use auth_core::ground::Clock as _;
use auth_core::ground::{Digest32, SystemClock, Timestamp};
use auth_core::store::{
    OneTimeKind, OneTimeStore as _, OneTimeValue, Session, SessionId, SessionStore as _,
    StoreError, ThrottlePolicy, ThrottleStore as _, UserId,
};
use auth_store_redis::RedisStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

mod server;

const KIND: OneTimeKind = OneTimeKind::ClientAssertion;

fn is_unavailable<T>(result: Result<T, StoreError>) -> bool {
    matches!(result.err(), Some(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn no_server_is_an_error() {
    let url = format!("redis://127.0.0.1:{}", server::free_port());
    assert!(is_unavailable(RedisStore::open(&url).await));
    assert!(is_unavailable(RedisStore::open("not a url").await));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_an_error() {
    // Accepts (the kernel does), and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let opened = RedisStore::builder()
        .timeout(Duration::from_millis(50))
        .open(&url)
        .await;
    assert!(is_unavailable(opened));
}

/// Passes one connection on to the server, until it is told to stop.
async fn proxy(listener: TcpListener, stop: tokio::sync::oneshot::Receiver<()>) {
    let upstream = server::url().trim_start_matches("redis://");
    let (mut client, _) = listener.accept().await.unwrap();
    let mut server = TcpStream::connect(upstream).await.unwrap();
    let pass = tokio::io::copy_bidirectional(&mut client, &mut server);
    tokio::select! {
        _ = pass => {}
        _ = stop => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_an_error_and_ends_by_itself() {
    // An outside server may ask for TLS or a password; the proxy is for our own.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let running = tokio::spawn(proxy(listener, stopped));
    let store = server::builder()
        .open(&format!("redis://{address}"))
        .await
        .unwrap();
    let now = SystemClock.now();
    let claim = async |name: &str| {
        let key = Digest32::of(name);
        store
            .claim_once(KIND, &key, now, now + Duration::from_mins(1))
            .await
    };
    assert!(claim("before").await.unwrap());

    stop.send(()).unwrap();
    running.await.unwrap();
    // The claim stands, and yet it is an error: nobody is let in, and nobody told that it was used.
    assert!(is_unavailable(claim("before").await));

    let listener = TcpListener::bind(address).await.unwrap();
    let (_stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(proxy(listener, stopped));
    // A verb that fails starts the reconnection; how many fail until then is the manager's affair.
    let mut answer = claim("before").await;
    for _ in 0..50 {
        if answer.is_ok() {
            break;
        }
        answer = claim("before").await;
    }
    assert!(!answer.unwrap());
    assert!(claim("after").await.unwrap());
}

/// Sends one command as plain text and reads the first line of the answer.
async fn ask(connection: &mut TcpStream, command: &str) -> String {
    connection.write_all(command.as_bytes()).await.unwrap();
    connection.write_all(b"\r\n").await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    let length = connection.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn session(now: Timestamp) -> Session {
    Session {
        id: SessionId::new("session"),
        token_digest: Digest32::of("session"),
        user_id: UserId::new("ada"),
        created_at: now,
        auth_time: now,
        amr: Vec::new(),
        acr: None,
        last_seen_at: now,
        idle_expires_at: now + Duration::from_mins(1),
        expires_at: now + Duration::from_mins(10),
        remember: false,
        user_agent: None,
        address: None,
    }
}

#[tokio::test]
async fn threat_34_a_pointer_left_behind_leads_nowhere() {
    let store = server::builder().open(server::url()).await.unwrap();
    let before = session(SystemClock.now());
    store.insert_session(&before).await.unwrap();
    let after = Session {
        token_digest: Digest32::of("rotated"),
        ..before.clone()
    };
    let old = before.token_digest;
    assert!(store.rotate_session(&old, &after).await.unwrap());
    // As if the process had died before it tidied up.
    let address = server::url().trim_start_matches("redis://");
    let mut connection = TcpStream::connect(address).await.unwrap();
    let pointer = format!("{}:d:{}", server::prefix(), old.to_text());
    let set = ask(&mut connection, &format!("SET {pointer} session PX 60000")).await;
    assert_eq!(set.trim(), "+OK");
    assert_eq!(store.session_by_digest(&old).await.unwrap(), None);
    let found = store.session_by_digest(&after.token_digest).await.unwrap();
    assert_eq!(found, Some(after));
}

#[tokio::test]
async fn threat_48_every_key_carries_its_own_expiry() {
    let store = server::builder().open(server::url()).await.unwrap();
    let now = SystemClock.now();
    let later = now + Duration::from_mins(1);
    store.insert_session(&session(now)).await.unwrap();
    store
        .touch_session(&session(now).id, later, later + Duration::from_mins(1))
        .await
        .unwrap();
    let value = OneTimeValue {
        kind: OneTimeKind::AuthorizationCode,
        key: Digest32::of("code"),
        payload: Vec::new(),
        expires_at: later,
        keep_until: later,
    };
    store.put(&value).await.unwrap();
    let spent = OneTimeValue {
        key: Digest32::of("spent"),
        ..value
    };
    store.put(&spent).await.unwrap();
    store.consume(spent.kind, &spent.key, now).await.unwrap();
    store
        .claim_once(KIND, &spent.key, now, later)
        .await
        .unwrap();
    let policy = ThrottlePolicy {
        limit: 1,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    store
        .count_and_check(&spent.key, &policy, now)
        .await
        .unwrap();

    let address = server::url().trim_start_matches("redis://");
    let mut connection = TcpStream::connect(address).await.unwrap();
    let keys = ask(&mut connection, &format!("KEYS {}:*", server::prefix())).await;
    let keys: Vec<&str> = keys
        .lines()
        .filter(|line| line.starts_with("test-"))
        .collect();
    // Record, pointer and set of the session; two values, a claim, a counter.
    assert_eq!(keys.len(), 7, "{keys:?}");
    for key in keys {
        let left = ask(&mut connection, &format!("PTTL {key}")).await;
        let left: i64 = left.trim_start_matches(':').trim().parse().unwrap();
        assert!((1..=5 * 3_600_000).contains(&left), "{key}: {left}");
    }
}
