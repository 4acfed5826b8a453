//! A cluster that changes: keys move, primaries hang and die.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth_core::ground::Digest32;
use auth_core::store::{Consumed, EndedSession, OneTimeStore as _, SessionId, SessionStore as _};
use auth_store_redis::RedisStore;
use support::{CODE, MARGIN, PATIENCE, claim, is_unavailable, now, once_available};
use test_servers::RedisCluster;

mod support;

const TIMEOUT: Duration = Duration::from_secs(2);

async fn open(cluster: &RedisCluster, acknowledged_by: u32) -> RedisStore {
    let url = support::url("cluster", &cluster.urls(), "");
    let builder = support::builder().timeout(TIMEOUT);
    let builder = builder.acknowledged_by(acknowledged_by);
    builder.open(&url).await.unwrap()
}

/// The key of a claimed name.
fn claim_key(name: &str) -> String {
    let digest = Digest32::of(name).to_text();
    format!("{}:o:{{client_assertion:{digest}}}", support::prefix())
}

/// A name whose claim this node decides.
fn name_at(cluster: &RedisCluster, node: usize, kind: &str) -> String {
    let mut names = (0..).map(|number| format!("{kind} {number}"));
    names
        .find(|name| cluster.primary_of(&claim_key(name)) == node)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_failover_under_load_spends_nothing_twice() {
    const VALUES: usize = 120;
    let mut cluster = RedisCluster::start();
    let store = Arc::new(open(&cluster, 1).await);
    for number in 0..VALUES {
        store
            .put(&support::code(&number.to_string()))
            .await
            .unwrap();
    }
    let spent: Arc<Vec<AtomicUsize>> = Arc::new((0..VALUES).map(|_| AtomicUsize::new(0)).collect());
    let (tried, over) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut tasks = Vec::new();
    for task in 0..8 {
        let (store, spent) = (Arc::clone(&store), Arc::clone(&spent));
        let (tried, over) = (Arc::clone(&tried), Arc::clone(&over));
        tasks.push(tokio::spawn(async move {
            let mut refused = 0_usize;
            for round in 0.. {
                if over.load(Ordering::Acquire) && round >= VALUES {
                    break;
                }
                let number = (round + task * 7) % VALUES;
                let key = support::code(&number.to_string()).key;
                let start = Instant::now();
                let answer = store.consume(CODE, &key, now()).await;
                assert!(start.elapsed() < TIMEOUT + MARGIN, "{:?}", start.elapsed());
                match answer {
                    Ok(Consumed::First(_)) => {
                        spent[number].fetch_add(1, Ordering::AcqRel);
                    }
                    Ok(_) => {}
                    Err(_) if is_unavailable(&answer) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
                tried.fetch_add(1, Ordering::AcqRel);
            }
            refused
        }));
    }
    let start = Instant::now();
    while tried.load(Ordering::Acquire) < VALUES / 2 {
        assert!(start.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    let victim = cluster.primary_of(&claim_key("any"));
    cluster.kill_node(victim);
    cluster.wait_until_ok();
    // The shard that lost a node has no replica left: what it decides from now on is not acknowledged.
    cluster.start_node_again(victim);
    cluster.wait_until_ok();
    over.store(true, Ordering::Release);
    let mut refused = 0;
    for task in tasks {
        refused += task.await.unwrap();
    }
    assert!(refused > 0, "the failover went unnoticed");
    for (number, spent) in spent.iter().enumerate() {
        let spent = spent.load(Ordering::Acquire);
        assert!(spent <= 1, "{number} was spent {spent} times");
        let key = support::code(&number.to_string()).key;
        let last = once_available(async || store.consume(CODE, &key, now()).await).await;
        assert!(spent == 0 || !matches!(last, Consumed::First(_)));
    }
    let name = name_at(&cluster, cluster.primary_of(&claim_key("any")), "new");
    assert!(claim(&store, &name).await.unwrap());
    assert!(!claim(&store, &name).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_hangs_no_other() {
    let cluster = RedisCluster::start();
    let store = open(&cluster, 0).await;
    let victim = cluster.primary_of(&claim_key("any"));
    let other = (0..3).find(|node| *node != victim).unwrap();
    assert!(claim(&store, "any").await.unwrap());
    let taken_over = name_at(&cluster, victim, "taken over");
    let bystander = name_at(&cluster, other, "bystander");
    assert!(claim(&store, &bystander).await.unwrap());

    cluster.pause_node(victim);
    let mut watch = None;
    let answer = once_available(async || {
        let start = Instant::now();
        assert!(!claim(&store, &bystander).await.unwrap());
        assert!(start.elapsed() < MARGIN, "{:?}", start.elapsed());
        let start = Instant::now();
        let answer = claim(&store, "any").await;
        assert!(start.elapsed() < TIMEOUT + MARGIN, "{:?}", start.elapsed());
        watch = Some(store.watch_ended().await);
        answer
    })
    .await;
    // The replica that took over had it.
    assert!(!answer);
    assert!(claim(&store, &taken_over).await.unwrap());
    cluster.resume_node(victim);
    cluster.wait_until_ok();
    assert!(!claim(&store, "any").await.unwrap());
    let mut watch = once_available(async || store.watch_ended().await).await;
    let ended = revoke(&store, "session").await;
    assert_eq!(watch.next().await.unwrap(), [ended]);
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_slot_that_moves_is_followed() {
    let cluster = RedisCluster::start();
    for replicas in [0, 1] {
        let store = open(&cluster, replicas).await;
        let name = format!("moving {replicas}");
        let key = claim_key(&name);
        let from = cluster.primary_of(&key);
        let to = (0..3).find(|node| *node != from).unwrap();
        let slot = cluster.cli(from, &["CLUSTER", "KEYSLOT", &key]);
        let slot = slot.trim();
        let id = |node| cluster.cli(node, &["CLUSTER", "MYID"]).trim().to_owned();
        let set = |node, what: &[&str]| {
            cluster.cli(node, &[&["CLUSTER", "SETSLOT", slot], what].concat());
        };
        set(to, &["IMPORTING", &id(from)]);
        set(from, &["MIGRATING", &id(to)]);
        // The key is at neither: the old node sends on (ASK).
        assert!(claim(&store, &name).await.unwrap());
        assert!(!claim(&store, &name).await.unwrap());
        assert_eq!(
            cluster
                .cli(to, &["CLUSTER", "COUNTKEYSINSLOT", slot])
                .trim(),
            "1"
        );
        for node in [to, from] {
            set(node, &["NODE", &id(to)]);
        }
        // The old node sends on for good (MOVED).
        assert!(!claim(&store, &name).await.unwrap());
        cluster.wait_until_ok();
        assert!(!claim(&store, &name).await.unwrap());
    }
}

async fn revoke(store: &RedisStore, id: &str) -> EndedSession {
    let session = support::session(id, "ada");
    store.insert_session(&session).await.unwrap();
    let (user_id, id) = (session.user_id, session.id);
    assert!(store.revoke_session(&user_id, &id).await.unwrap());
    EndedSession { user_id, id }
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_34_a_watch_hears_what_any_node_ends() {
    let mut cluster = RedisCluster::start();
    let store = open(&cluster, 0).await;
    let mut watch = store.watch_ended().await.unwrap();
    let mut told = Vec::new();
    for (number, node) in cluster.urls().iter().enumerate() {
        let url = support::url("cluster", std::slice::from_ref(node), "");
        let through = support::builder().open(&url).await.unwrap();
        for session in 0..8 {
            told.push(revoke(&through, &format!("{number} {session}")).await);
        }
    }
    let mut heard = Vec::new();
    while heard.len() < told.len() {
        heard.extend(watch.next().await.unwrap());
    }
    // Each once, though every node passes it on to every other.
    heard.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(heard, told);

    cluster.kill_node(cluster.primary_of(&claim_key("any")));
    let start = Instant::now();
    assert!(is_unavailable(&watch.next().await));
    assert!(start.elapsed() < MARGIN, "{:?}", start.elapsed());
    let mut watch = once_available(async || store.watch_ended().await).await;
    for number in 0..8 {
        let id = format!("after {number}");
        let session = support::session(&id, "ada");
        once_available(async || store.insert_session(&session).await).await;
        let ended = store.revoke_sessions_of(&session.user_id, None);
        assert_eq!(ended.await.unwrap(), [SessionId::new(id)]);
        assert_eq!(watch.next().await.unwrap()[0].id, session.id);
    }
}
