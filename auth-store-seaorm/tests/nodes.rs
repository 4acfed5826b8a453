//! Several processes on one SQLite file: each store has a pool and a line of writers of its own, so between them only
//! the file's lock decides.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    ClientId, Grant, GrantId, GrantStore as _, RefreshToken, RotationOutcome, SigningKeyRecord,
    SigningKeyStore as _, Successor, ThrottlePolicy, ThrottleStore as _, Verdict,
};
use auth_store_seaorm::SeaOrmStore;
use tokio::sync::Barrier;

const NODES: usize = 8;
const TASKS_PER_NODE: usize = 4;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

async fn nodes(test: &str) -> Vec<SeaOrmStore> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("nodes")
        .join(test);
    let _ = std::fs::remove_dir_all(&folder);
    let url = format!("sqlite://{}", folder.join("app.db").display());
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(SeaOrmStore::open(&url).await.unwrap());
    }
    nodes
}

/// Every node acts several times, all at once.
async fn race<T, F, A>(nodes: &[SeaOrmStore], act: A) -> Vec<T>
where
    A: Fn(SeaOrmStore, usize) -> F,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(NODES * TASKS_PER_NODE));
    let mut tasks = Vec::new();
    for task in 0..NODES * TASKS_PER_NODE {
        let start = Arc::clone(&start);
        let act = act(nodes[task % NODES].clone(), task);
        tasks.push(tokio::spawn(async move {
            start.wait().await;
            act.await
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_33_one_of_many_rotations_stands() {
    let nodes = nodes("rotation").await;
    let grant = Grant {
        id: GrantId::new("grant"),
        client_id: ClientId::new("app"),
        subject: "ada".into(),
        session_id: None,
        scopes: BTreeSet::new(),
        details: serde_json::Map::new(),
        offline: true,
        created_at: at(0),
        expires_at: at(1000),
        revoked_at: None,
    };
    nodes[0].insert_grant(&grant).await.unwrap();
    let token = RefreshToken {
        digest: Digest32::of("old"),
        grant_id: grant.id,
        created_at: at(0),
        expires_at: at(1000),
        successor: None,
    };
    let started = nodes[1].start_refresh_family(&token, at(1000), at(0)).await;
    assert!(started.unwrap());
    let answers = race(&nodes, |node, task| async move {
        let successor = Successor {
            digest: Digest32::of(task.to_string()),
            sealed: Vec::new(),
            rotated_at: at(1),
        };
        let (old, app) = (Digest32::of("old"), ClientId::new("app"));
        node.rotate_refresh_token(&old, &app, &successor, at(900), at(1))
            .await
            .unwrap()
    })
    .await;
    let rotated = |outcome: &&RotationOutcome| matches!(outcome, RotationOutcome::Rotated(_));
    assert_eq!(answers.iter().filter(rotated).count(), 1);
    let retried = |outcome: &&RotationOutcome| matches!(outcome, RotationOutcome::Retried(..));
    assert_eq!(answers.iter().filter(retried).count(), answers.len() - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_parallel_attempts_gain_nothing() {
    const POLICY: ThrottlePolicy = ThrottlePolicy {
        limit: 3,
        window: Duration::from_secs(1),
        lock: Duration::from_millis(100),
        max_lock: Duration::from_secs(1),
    };
    let nodes = nodes("throttle").await;
    // The second round begins when the lock of the first has ended.
    for now in [0, 100] {
        let answers = race(&nodes, move |node, _| async move {
            let key = Digest32::of("key");
            node.count_and_check(&key, &POLICY, at(now)).await.unwrap()
        })
        .await;
        let allowed = |verdict: &&Verdict| matches!(verdict, Verdict::Allowed { .. });
        assert_eq!(answers.iter().filter(allowed).count(), 3);
        let locked = |verdict: &&Verdict| matches!(verdict, Verdict::Locked { .. });
        assert_eq!(answers.iter().filter(locked).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_parallel_consents_lose_no_scope() {
    let nodes = nodes("consent").await;
    race(&nodes, |node, task| async move {
        let scopes = BTreeSet::from([task.to_string()]);
        node.remember_consent("ada", &ClientId::new("app"), &scopes, at(0))
            .await
            .unwrap();
    })
    .await;
    let consent = nodes[0]
        .consent("ada", &ClientId::new("app"))
        .await
        .unwrap();
    assert_eq!(consent.unwrap().scopes.len(), NODES * TASKS_PER_NODE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_one_of_many_signing_keys_is_added() {
    let nodes = nodes("signing-keys").await;
    for generation in [1, 2] {
        let answers = race(&nodes, move |node, task| async move {
            let key = SigningKeyRecord {
                kid: format!("{generation}-{task}"),
                algorithm: "ES256".into(),
                generation,
                sealed_private_key: Vec::new(),
                created_at: at(0),
                active_from: at(0),
                retired_at: None,
            };
            node.add_signing_key(&key, at(500)).await.unwrap()
        })
        .await;
        assert_eq!(answers.iter().filter(|added| **added).count(), 1);
    }
    let keys = nodes[0].signing_keys().await.unwrap();
    let ends: Vec<_> = keys.iter().map(|key| key.retired_at).collect();
    assert_eq!(ends, [Some(at(500)), None]);
}
