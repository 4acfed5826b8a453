//! A user with thousands of sessions: one call ends them, and the set that lists them does not grow without end.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use auth_core::store::{Session, SessionId, SessionStore as _};
use auth_store_redis::RedisStore;
use support::{MARGIN, PATIENCE, is_unavailable};
use test_servers::{Proxy, Redis, RedisCluster};
use tokio::task::JoinSet;

mod support;

const MANY: usize = 5000;
/// The time allowed to a step where something is slow: not enough for all of them.
const SHORT: Duration = Duration::from_millis(500);
/// What a slow network adds, each way.
const DELAY: Duration = Duration::from_millis(5);

/// Signs in so often; the later ones are newer.
async fn sign_in(store: &RedisStore, user: &str, count: usize) -> Vec<Session> {
    let store = store.clone();
    let sessions: Vec<Session> = (0..count)
        .map(|number| {
            let session = support::session(&format!("{user} {number}"), user);
            let created_at = session.created_at + Duration::from_millis(number as u64);
            Session {
                created_at,
                ..session
            }
        })
        .collect();
    for some in sessions.chunks(100) {
        let mut tasks = JoinSet::new();
        for session in some {
            let (store, session) = (store.clone(), session.clone());
            tasks.spawn(async move { store.insert_session(&session).await.unwrap() });
        }
        tasks.join_all().await;
    }
    sessions
}

fn ids(sessions: &[Session]) -> BTreeSet<SessionId> {
    sessions.iter().map(|session| session.id.clone()).collect()
}

/// Signs in until told to stop; what came of it.
async fn keep_signing_in(store: RedisStore, over: Arc<AtomicBool>) -> Vec<Session> {
    let mut sessions = Vec::new();
    while !over.load(Ordering::Acquire) {
        let session = support::session(&format!("new {}", sessions.len()), "ada");
        store.insert_session(&session).await.unwrap();
        sessions.push(session);
    }
    sessions
}

async fn one_call_ends_all(store: RedisStore) {
    let before = sign_in(&store, "ada", MANY).await;
    let of_other = sign_in(&store, "eve", 10).await;
    let newest: Vec<Session> = before.iter().rev().take(100).cloned().collect();
    let ada = newest[0].user_id.clone();
    assert_eq!(store.sessions_of(&ada).await.unwrap(), newest);

    let mut watch = store.watch_ended().await.unwrap();
    let (told, mut enough) = tokio::sync::oneshot::channel::<BTreeSet<SessionId>>();
    let heard = tokio::spawn(async move {
        let mut heard = BTreeSet::new();
        let mut all = None;
        while all.as_ref().is_none_or(|all| !heard.is_superset(all)) {
            tokio::select! {
                ended = watch.next() => heard.extend(ended.unwrap().into_iter().map(|ended| ended.id)),
                of = &mut enough, if all.is_none() => all = of.ok(),
            }
        }
        heard
    });
    let over = Arc::new(AtomicBool::new(false));
    let newcomers = tokio::spawn(keep_signing_in(store.clone(), Arc::clone(&over)));

    let kept = &newest[50];
    let ended = store
        .revoke_sessions_of(&ada, Some(&kept.id))
        .await
        .unwrap();
    over.store(true, Ordering::Release);
    let newcomers = newcomers.await.unwrap();
    let count = ended.len();
    let ended: BTreeSet<SessionId> = ended.into_iter().collect();
    assert_eq!(ended.len(), count, "one ended twice");

    // Who was there is gone, save one.
    let mut expected = ids(&before);
    expected.remove(&kept.id);
    assert!(ended.is_superset(&expected));
    for session in before.iter().step_by(97).filter(|session| *session != kept) {
        assert_eq!(store.session(&session.id).await.unwrap(), None);
    }
    assert_eq!(store.session(&kept.id).await.unwrap().as_ref(), Some(kept));
    // Who came meanwhile either ended and is named, or stands.
    assert!(!newcomers.is_empty());
    for session in &newcomers {
        let found = store.session(&session.id).await.unwrap();
        assert_eq!(found.is_none(), ended.contains(&session.id));
    }
    let came = ids(&newcomers);
    assert!(
        ended
            .iter()
            .all(|id| expected.contains(id) || came.contains(id))
    );
    told.send(ended.clone()).unwrap();
    let heard = tokio::time::timeout(PATIENCE, heard)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(heard, ended);

    // And is found by the next call.
    let last = store.revoke_sessions_of(&ada, None).await.unwrap();
    let mut standing: BTreeSet<SessionId> = came.difference(&ended).cloned().collect();
    standing.insert(kept.id.clone());
    assert_eq!(last.into_iter().collect::<BTreeSet<_>>(), standing);
    assert_eq!(store.sessions_of(&ada).await.unwrap(), []);
    assert_eq!(
        store.sessions_of(&of_other[0].user_id).await.unwrap().len(),
        10
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_one_call_ends_all_on_one_server() {
    let server = Redis::start();
    let builder = support::builder();
    one_call_ends_all(builder.open(&server.url()).await.unwrap()).await;
    assert_eq!(server.cli(&["KEYS", "*ada*"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_one_call_ends_all_in_a_cluster() {
    let cluster = RedisCluster::start();
    let url = support::url("cluster", &cluster.urls(), "");
    one_call_ends_all(support::builder().open(&url).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_one_call_ends_all_where_a_replica_acknowledges() {
    let cluster = RedisCluster::start();
    let url = support::url("cluster", &cluster.urls(), "");
    let builder = support::builder().acknowledged_by(1);
    one_call_ends_all(builder.open(&url).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_one_call_ends_all_over_a_slow_network() {
    let server = Redis::start();
    let near = support::builder().open(&server.url()).await.unwrap();
    let before = sign_in(&near, "ada", MANY).await;
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let far = support::builder().timeout(SHORT).open(&url).await.unwrap();
    proxy.delay(DELAY);

    let ada = &before[0].user_id;
    let start = Instant::now();
    assert_eq!(far.sessions_of(ada).await.unwrap().len(), 100);
    assert_eq!(far.revoke_sessions_of(ada, None).await.unwrap().len(), MANY);
    assert!(
        start.elapsed() > 2 * SHORT,
        "not slow: {:?}",
        start.elapsed()
    );
    assert_eq!(near.sessions_of(ada).await.unwrap(), []);
    assert_eq!(server.cli(&["DBSIZE"]), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_one_call_ends_all_where_a_replica_is_far_away() {
    const SOME: usize = 250;
    // Some of them wait for the replica one after the other within this time: a busy machine must not use it up.
    const LONG: Duration = Duration::from_secs(2);
    let server = Redis::start();
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &proxy.port().to_string()]);
    let start = Instant::now();
    let replication = || replica.cli(&["INFO", "replication"]);
    while !replication().contains("master_link_status:up") {
        assert!(start.elapsed() < PATIENCE, "{}", replication());
    }
    let near = support::builder().open(&server.url()).await.unwrap();
    let before = sign_in(&near, "ada", SOME).await;
    proxy.delay(2 * DELAY);

    let strict = support::builder().timeout(LONG).acknowledged_by(1);
    let strict = strict.open(&server.url()).await.unwrap();
    let start = Instant::now();
    let ended = strict.revoke_sessions_of(&before[0].user_id, None).await;
    assert_eq!(ended.unwrap().len(), SOME);
    assert!(
        start.elapsed() > 2 * LONG,
        "not far away: {:?}",
        start.elapsed()
    );
    assert_eq!(replica.cli(&["KEYS", "*:s:*"]), "");
}

/// Has all others reach a node of the cluster through a proxy.
fn put_in_between(cluster: &RedisCluster, node: usize) -> Proxy {
    let url = &cluster.urls()[node];
    let (_, port) = url.rsplit_once(':').unwrap();
    let proxy = Proxy::start(("127.0.0.1", port.parse().unwrap()));
    let port = proxy.port().to_string();
    cluster.cli(node, &["CONFIG", "SET", "cluster-announce-port", &port]);
    let start = Instant::now();
    let knows = |node: usize| cluster.cli(node, &["CLUSTER", "SLOTS"]).contains(&port);
    while !(0..cluster.urls().len()).all(knows) {
        assert!(
            start.elapsed() < PATIENCE,
            "the nodes do not know of the proxy"
        );
    }
    proxy
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_a_slow_node_of_a_cluster_holds_up_its_own() {
    let cluster = RedisCluster::start();
    let primary_of = |kind: &str, name: &str| {
        cluster.primary_of(&format!("{}:{kind}:{{{name}}}", support::prefix()))
    };
    let slow = (0..3).find(|node| *node != primary_of("u", "ada")).unwrap();
    let there: Vec<bool> = {
        let sessions = (0..MANY).map(|number| format!("ada {number}"));
        let nodes = slots_of(&cluster, slow);
        sessions.map(|name| nodes(&name)).collect()
    };
    let proxy = put_in_between(&cluster, slow);
    let (_, others): (Vec<_>, Vec<_>) = cluster
        .urls()
        .into_iter()
        .enumerate()
        .partition(|(node, _)| *node == slow);
    let others: Vec<String> = others.into_iter().map(|(_, url)| url).collect();
    let url = support::url("cluster", &others, "");
    let store = support::builder().timeout(SHORT).open(&url).await.unwrap();
    proxy.delay(DELAY);
    let before = sign_in(&store, "ada", MANY).await;
    let ada = &before[0].user_id;
    assert!(proxy.connections() > 0);

    // A node that does not answer: in time an error, and all that are elsewhere ended.
    proxy.stall();
    let start = Instant::now();
    assert!(is_unavailable(&store.revoke_sessions_of(ada, None).await));
    let bound = 3 * SHORT + MARGIN;
    assert!(start.elapsed() < bound, "{:?}", start.elapsed());
    for (session, there) in before.iter().zip(&there).step_by(29) {
        if !there {
            assert_eq!(store.session(&session.id).await.unwrap(), None);
        }
    }
    // One that is slow: all that are left end by one call.
    proxy.resume();
    let left = there.iter().filter(|there| **there).count();
    let again = support::once_available(async || store.sessions_of(ada).await).await;
    assert_eq!(again.len(), 100);
    let ended = store.revoke_sessions_of(ada, None).await.unwrap();
    // What had no answer may have ended by then.
    assert!(
        (left - 64..=left).contains(&ended.len()),
        "{} of {left}",
        ended.len()
    );
    assert_eq!(store.sessions_of(ada).await.unwrap(), []);
}

/// Whether a node serves a session, without asking for each.
fn slots_of(cluster: &RedisCluster, node: usize) -> impl Fn(&str) -> bool + use<> {
    let nodes = cluster.cli(node, &["CLUSTER", "NODES"]);
    let own = nodes.lines().find(|line| line.contains("myself")).unwrap();
    let range = own.rsplit_once(' ').unwrap().1;
    let (first, last) = range.split_once('-').unwrap();
    let slots: std::ops::RangeInclusive<u16> = first.parse().unwrap()..=last.parse().unwrap();
    // CRC16 (XMODEM), as the specification of Redis Cluster has it.
    move |name| {
        let crc = name.bytes().fold(0_u16, |crc, byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 }
            })
        });
        slots.contains(&(crc % 16384))
    }
}

#[tokio::test]
async fn threat_48_sessions_that_ended_are_not_listed_for_ever() {
    let server = Redis::start();
    let store = support::builder().open(&server.url()).await.unwrap();
    let in_a_month = Duration::from_hours(24 * 30);
    let session = |name: &str, after: Duration| {
        let session = support::session(name, "ada");
        let now = session.last_seen_at + after;
        Session {
            last_seen_at: now,
            idle_expires_at: now + Duration::from_mins(5),
            expires_at: now + in_a_month,
            ..session
        }
    };
    let (idle, used) = (
        session("idle", Duration::ZERO),
        session("used", Duration::ZERO),
    );
    store.insert_session(&idle).await.unwrap();
    store.insert_session(&used).await.unwrap();
    // One goes on being used, the other ends unused, long before it had to.
    let later = used.last_seen_at + Duration::from_mins(4);
    let idle_end = later + Duration::from_hours(3);
    store
        .touch_session(&used.id, later, idle_end)
        .await
        .unwrap();
    let new = session("new", Duration::from_hours(2));
    store.insert_session(&new).await.unwrap();

    let key = format!("{}:u:{{ada}}", support::prefix());
    let listed = server.cli(&["ZRANGE", &key, "0", "-1"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["new", "used"]);
    let mut ended = store.revoke_sessions_of(&new.user_id, None).await.unwrap();
    ended.sort();
    assert_eq!(ended, [new.id, used.id]);
}
