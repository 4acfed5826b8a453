//! Several processes on one database: each store has a pool, and on SQLite a line of writers, of its own. So between
//! them only the database decides.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use auth_core::ground::Digest32;
use auth_core::store::{
    Backend as _, ClientId, Grant, GrantId, GrantStore as _, LeaseStore as _, MessageId,
    OutboxKind, OutboxMessage, OutboxStore as _, RefreshToken, RotationOutcome, Session, SessionId,
    SessionStore as _, SigningKeyRecord, SigningKeyStore as _, Successor, ThrottlePolicy,
    ThrottleStore as _, UserId, Verdict,
};
use auth_store_seaorm::SeaOrmStore;
use tokio::sync::Barrier;

use crate::support::{Place, at, on_each_database};

const NODES: usize = 8;
const TASKS_PER_NODE: usize = 4;

on_each_database! {
    threat_33_one_of_many_rotations_stands
    threat_12_parallel_attempts_gain_nothing
    threat_12_parallel_consents_lose_no_scope
    threat_12_one_of_many_signing_keys_is_added
    threat_34_every_node_hears_of_every_end
    one_node_holds_a_lease
    one_node_takes_each_message
    nodes_that_prune_at_once_remove_each_row_once
}

async fn nodes(place: &Place) -> Vec<SeaOrmStore> {
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        let builder = place.builder().poll_every(Duration::from_millis(20));
        nodes.push(builder.open(&place.url).await.unwrap());
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

async fn threat_33_one_of_many_rotations_stands(place: Place) {
    let nodes = nodes(&place).await;
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

async fn threat_12_parallel_attempts_gain_nothing(place: Place) {
    const POLICY: ThrottlePolicy = ThrottlePolicy {
        limit: 3,
        window: Duration::from_secs(1),
        lock: Duration::from_millis(100),
        max_lock: Duration::from_secs(1),
    };
    let nodes = nodes(&place).await;
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

async fn threat_12_parallel_consents_lose_no_scope(place: Place) {
    let nodes = nodes(&place).await;
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

async fn threat_12_one_of_many_signing_keys_is_added(place: Place) {
    let nodes = nodes(&place).await;
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

fn session(id: &str) -> Session {
    Session {
        id: SessionId::new(id),
        token_digest: Digest32::of(id),
        user_id: UserId::new("ada"),
        created_at: at(0),
        auth_time: at(0),
        amr: Vec::new(),
        acr: None,
        last_seen_at: at(0),
        idle_expires_at: at(1000),
        expires_at: at(1000),
        remember: false,
        user_agent: None,
        address: None,
    }
}

/// Longest wait for news; only a fault reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

async fn threat_34_every_node_hears_of_every_end(place: Place) {
    const SESSIONS: usize = NODES * TASKS_PER_NODE;
    let nodes = nodes(&place).await;
    for number in 0..SESSIONS {
        let session = session(&number.to_string());
        nodes[0].insert_session(&session).await.unwrap();
    }
    let mut watches = Vec::new();
    for node in &nodes {
        watches.push(node.watch_ended().await.unwrap());
    }
    let answers = race(&nodes, |node, task| async move {
        let user = UserId::new("ada");
        if task == 7 {
            return node.revoke_sessions_of(&user, None).await.unwrap().len();
        }
        let id = SessionId::new(task.to_string());
        usize::from(node.revoke_session(&user, &id).await.unwrap())
    })
    .await;
    assert_eq!(answers.iter().sum::<usize>(), SESSIONS);
    for watch in &mut watches {
        let mut heard = BTreeSet::new();
        let all = async {
            while heard.len() < SESSIONS {
                let ended = watch.next().await.unwrap();
                heard.extend(ended.into_iter().map(|ended| ended.id));
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, all).await;
        assert!(in_time.is_ok(), "heard {heard:?}");
    }
}

async fn one_node_holds_a_lease(place: Place) {
    let nodes = nodes(&place).await;
    // Free, ended, given back.
    for (now, until) in [(0, 100), (100, 200), (150, 300)] {
        let answers = race(&nodes, move |node, task| async move {
            let holder = format!("{now}-{task}");
            let held = node.hold_lease("work", &holder, at(now), at(until)).await;
            (held.unwrap(), holder)
        })
        .await;
        let holders: Vec<_> = answers.iter().filter(|(held, _)| *held).collect();
        assert_eq!(holders.len(), 1, "{holders:?}");
        if until == 200 {
            let (_, holder) = holders[0];
            nodes[0].release_lease("work", holder).await.unwrap();
        }
    }
}

async fn one_node_takes_each_message(place: Place) {
    const MESSAGES: usize = 200;
    const KIND: OutboxKind = OutboxKind::BackChannelLogout;
    let nodes = nodes(&place).await;
    let messages: Vec<_> = (0..MESSAGES)
        .map(|number| OutboxMessage {
            id: MessageId::new(number.to_string()),
            kind: KIND,
            payload: vec![1],
            created_at: at(0),
            attempts: 0,
            due_at: at(0),
            expires_at: at(1000),
        })
        .collect();
    // All write the same.
    let messages = Arc::new(messages);
    race(&nodes, |node, _| {
        let messages = Arc::clone(&messages);
        async move { node.put_messages(&messages).await.unwrap() }
    })
    .await;
    for (now, attempts) in [(0, 1), (100, 2)] {
        let answers = race(&nodes, move |node, _| async move {
            let mut taken = Vec::new();
            loop {
                let some = node
                    .take_due(KIND, at(now), at(now + 100), 7)
                    .await
                    .unwrap();
                if some.is_empty() {
                    return taken;
                }
                taken.extend(some);
            }
        })
        .await;
        let mut taken: Vec<_> = answers.into_iter().flatten().collect();
        // Those that each passed over because another held them at the time.
        let left = nodes[0].take_due(KIND, at(now), at(now + 100), 500).await;
        taken.extend(left.unwrap());
        assert_eq!(taken.len(), MESSAGES);
        assert!(taken.iter().all(|message| message.attempts == attempts));
        let ids: BTreeSet<_> = taken.iter().map(|message| &message.id).collect();
        assert_eq!(ids.len(), MESSAGES);
    }
}

async fn nodes_that_prune_at_once_remove_each_row_once(place: Place) {
    const SESSIONS: usize = 700;
    let nodes = nodes(&place).await;
    for number in 0..SESSIONS {
        let session = session(&number.to_string());
        nodes[number % NODES]
            .insert_session(&session)
            .await
            .unwrap();
    }
    let answers = race(&nodes, |node, _| async move {
        node.prune(at(1000), 100_000).await.unwrap()
    })
    .await;
    assert_eq!(answers.iter().sum::<u64>(), SESSIONS as u64);
}
