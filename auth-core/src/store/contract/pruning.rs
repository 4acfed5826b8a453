//! Pruning: what time made worthless goes, in bounded batches, and nothing else.

use std::sync::Arc;

use super::one_time::value;
use super::refresh::{rotate, start};
use super::upstream_session::upstream_session;
use super::{at, audit, device, digest, grant, race, session, signing_key, throttle};
use crate::store::{
    AuditQuery, AuditRecord, AuditStore, Backend, Consumed, DeviceSeen, DeviceStore, Grant,
    GrantStore, OneTimeKind, OneTimeStore, RotationOutcome, Session, SessionStore, SigningKeyStore,
    ThrottleStore, UpstreamSession, UpstreamSessionStore, UserId, Verdict,
};

const CODE: OneTimeKind = OneTimeKind::AuthorizationCode;
const JTI: OneTimeKind = OneTimeKind::ClientAssertion;
const ALL: u32 = 1000;

async fn pruned(store: &impl Backend, now: i64, limit: u32) -> u64 {
    store.prune(at(now), limit).await.unwrap()
}

pub async fn threat_48_live_short_lived_rows_survive<S>(store: S)
where
    S: SessionStore + OneTimeStore + ThrottleStore,
{
    let session = session::session("a");
    store.insert_session(&session).await.unwrap();
    store.put(&value("spent")).await.unwrap();
    store.consume(CODE, &digest("spent"), at(1)).await.unwrap();
    store.put(&value("unspent")).await.unwrap();
    store
        .claim_once(JTI, &digest("jti"), at(1), at(100))
        .await
        .unwrap();
    let key = digest("throttled");
    store
        .count_and_check(&key, &throttle::POLICY, at(1))
        .await
        .unwrap();

    assert_eq!(pruned(&store, 99, ALL).await, 0);
    let found = store.session(&session.id).await.unwrap();
    assert_eq!(found, Some(session));
    let spent = store.consume(CODE, &digest("spent"), at(99)).await.unwrap();
    assert_eq!(spent, Consumed::Again(value("spent")));
    let spent = store
        .consume(CODE, &digest("unspent"), at(99))
        .await
        .unwrap();
    assert_eq!(spent, Consumed::First(value("unspent")));
    assert!(store.is_claimed(JTI, &digest("jti"), at(99)).await.unwrap());
    let verdict = store.count_and_check(&key, &throttle::POLICY, at(99)).await;
    assert_eq!(verdict.unwrap(), Verdict::Allowed { remaining: 1 });
}

pub async fn threat_48_ended_sessions_go<S: SessionStore>(store: S) {
    let idle = session::session("idle");
    let touched = session::session("touched");
    let ended = Session {
        idle_expires_at: at(99_000),
        expires_at: at(500),
        ..session::session("ended")
    };
    for session in [&idle, &touched, &ended] {
        store.insert_session(session).await.unwrap();
    }
    store
        .touch_session(&touched.id, at(1), at(2000))
        .await
        .unwrap();
    assert_eq!(pruned(&store, 499, ALL).await, 0);
    assert_eq!(pruned(&store, 500, ALL).await, 1);
    assert_eq!(store.session(&ended.id).await.unwrap(), None);
    assert_eq!(pruned(&store, 999, ALL).await, 0);
    assert_eq!(pruned(&store, 1000, ALL).await, 1);
    assert_eq!(store.session(&idle.id).await.unwrap(), None);
    let listed = store.sessions_of(&idle.user_id).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, touched.id);
    assert_eq!(pruned(&store, 2000, ALL).await, 1);
    assert_eq!(pruned(&store, 99_999, ALL).await, 0);
}

pub async fn threat_48_ended_one_time_values_go<S: OneTimeStore>(store: S) {
    store.put(&value("unspent")).await.unwrap();
    store.put(&value("spent")).await.unwrap();
    store.consume(CODE, &digest("spent"), at(1)).await.unwrap();
    store
        .claim_once(JTI, &digest("jti"), at(1), at(150))
        .await
        .unwrap();
    assert_eq!(pruned(&store, 99, ALL).await, 0);
    // Unspent it is worthless once it expired; spent it is remembered.
    assert_eq!(pruned(&store, 100, ALL).await, 1);
    assert_eq!(pruned(&store, 149, ALL).await, 0);
    assert_eq!(pruned(&store, 150, ALL).await, 1);
    let spent = store
        .consume(CODE, &digest("spent"), at(199))
        .await
        .unwrap();
    assert_eq!(spent, Consumed::Again(value("spent")));
    assert_eq!(pruned(&store, 200, ALL).await, 1);
    assert_eq!(pruned(&store, 99_999, ALL).await, 0);
    // What is gone may come again.
    store.put(&value("spent")).await.unwrap();
}

pub async fn threat_48_forgotten_throttles_go<S: ThrottleStore>(store: S) {
    let (counted, locked) = (digest("counted"), digest("locked"));
    let policy = throttle::POLICY;
    store
        .count_and_check(&counted, &policy, at(0))
        .await
        .unwrap();
    for _ in 0..=policy.limit {
        store
            .count_and_check(&locked, &policy, at(0))
            .await
            .unwrap();
    }
    // Forgotten 1000 after they last mattered: the lock mattered until 100.
    assert_eq!(pruned(&store, 999, ALL).await, 0);
    assert_eq!(pruned(&store, 1000, ALL).await, 1);
    assert_eq!(pruned(&store, 1099, ALL).await, 0);
    assert_eq!(pruned(&store, 1100, ALL).await, 1);
    store
        .count_and_check(&counted, &policy, at(0))
        .await
        .unwrap();
    store
        .count_and_check(&counted, &policy, at(500))
        .await
        .unwrap();
    assert_eq!(pruned(&store, 1499, ALL).await, 0);
    assert_eq!(pruned(&store, 1500, ALL).await, 1);
}

pub async fn threat_48_batches_are_bounded<S>(store: S)
where
    S: SessionStore + OneTimeStore + ThrottleStore,
{
    for number in 0..4 {
        let name = number.to_string();
        store
            .insert_session(&session::session(&name))
            .await
            .unwrap();
        store.put(&value(&name)).await.unwrap();
        let key = digest(&name);
        store
            .count_and_check(&key, &throttle::POLICY, at(0))
            .await
            .unwrap();
    }
    assert_eq!(pruned(&store, 99_999, 0).await, 0);
    let mut batches = Vec::new();
    loop {
        let batch = pruned(&store, 99_999, 5).await;
        assert!(batch <= 5, "{batch}");
        if batch == 0 {
            break;
        }
        batches.push(batch);
    }
    assert_eq!(batches.iter().sum::<u64>(), 12);
}

pub async fn threat_48_many_nodes_prune_at_once<S: OneTimeStore + 'static>(store: S) {
    let store = Arc::new(store);
    for number in 0..20 {
        store.put(&value(&number.to_string())).await.unwrap();
    }
    let kept = crate::store::OneTimeValue {
        expires_at: at(99_999),
        keep_until: at(99_999),
        ..value("kept")
    };
    store.put(&kept).await.unwrap();
    let answers = race(
        &store,
        |store, _| async move { pruned(&*store, 500, 3).await },
    )
    .await;
    assert_eq!(answers.iter().sum::<u64>(), 20);
    let seen = store.peek(CODE, &kept.key, at(500)).await.unwrap();
    assert_eq!(seen, Some(kept));
}

pub async fn threat_48_dead_grants_and_their_tokens_go<S: GrantStore>(store: S) {
    start(&store).await;
    rotate(&store, "r0", "r1", 10).await;
    let lives = Grant {
        expires_at: at(99_999),
        ..grant::grant("lives")
    };
    let revoked = Grant {
        revoked_at: Some(at(0)),
        ..grant::grant("revoked")
    };
    store.insert_grant(&lives).await.unwrap();
    store.insert_grant(&revoked).await.unwrap();
    store
        .remember_consent("ada", &grant::app(), &lives.scopes, at(0))
        .await
        .unwrap();
    // Tokens at 500 and 510, the revoked grant at 1000, the family's grant at 5000.
    let mut batches = Vec::new();
    loop {
        let batch = pruned(&store, 5000, 1).await;
        if batch == 0 {
            break;
        }
        batches.push(batch);
    }
    assert_eq!(batches, [1; 4]);
    assert_eq!(store.grant(&grant::grant("a").id).await.unwrap(), None);
    assert_eq!(store.grant(&revoked.id).await.unwrap(), None);
    assert_eq!(store.refresh_token(&digest("r0")).await.unwrap(), None);
    assert_eq!(store.grant(&lives.id).await.unwrap(), Some(lives));
    let consent = store.consent("ada", &grant::app()).await.unwrap();
    assert!(consent.is_some());
}

pub async fn threat_48_spent_refresh_tokens_stay_while_they_tell_a_replay<S: GrantStore>(store: S) {
    start(&store).await;
    rotate(&store, "r0", "r1", 10).await;
    // r1 is used and its successor ends before r0 and r1 do, as after a change of configuration.
    let short = super::refresh::successor("r2", at(20));
    let outcome = store
        .rotate_refresh_token(&digest("r1"), &grant::app(), &short, at(100), at(20))
        .await
        .unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(_)));
    assert_eq!(pruned(&store, 499, ALL).await, 0);
    let outcome = rotate(&store, "r1", "unused", 499).await;
    assert!(matches!(outcome, RotationOutcome::Retried(_, stands) if stands == short));
    let outcome = rotate(&store, "r0", "unused", 499).await;
    assert!(matches!(outcome, RotationOutcome::Reused(_)));
}

pub async fn threat_48_retired_signing_keys_go<S: SigningKeyStore>(store: S) {
    for generation in [1, 2, 3] {
        let key = signing_key::key("ES256", generation);
        let end = i64::from(generation) * 100;
        assert!(store.add_signing_key(&key, at(end)).await.unwrap());
    }
    assert_eq!(pruned(&store, 199, ALL).await, 0);
    assert_eq!(pruned(&store, 200, ALL).await, 1);
    assert_eq!(pruned(&store, 99_999, ALL).await, 1);
    // The newest has no end, and the numbers before it do not come free.
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(keys, vec![signing_key::key("ES256", 3)]);
    let late = signing_key::key("ES256", 2);
    assert!(!store.add_signing_key(&late, at(1)).await.unwrap());
    assert_eq!(store.signing_keys().await.unwrap(), keys);
}

pub async fn threat_48_devices_go<S: DeviceStore>(store: S) {
    // Trusted until 100 and 150, seen until 100 and 200; the first of them is seen again.
    for (name, created) in [("a", 0), ("b", 50)] {
        let device = device::trusted(name, "ada", created);
        store.trust_device(&device).await.unwrap();
    }
    let ada = UserId::new("ada");
    let note = async |browser: &str, until: i64| {
        let browser = digest(browser);
        let noted = store.note_device(&ada, &browser, at(0), at(until));
        noted.await.unwrap()
    };
    assert_eq!(note("x", 100).await, DeviceSeen::First);
    assert_eq!(note("y", 200).await, DeviceSeen::New);
    assert_eq!(note("x", 120).await, DeviceSeen::Known);
    // Never earlier than promised before.
    assert_eq!(note("x", 50).await, DeviceSeen::Known);
    assert_eq!(pruned(&store, 99, ALL).await, 0);
    assert_eq!(pruned(&store, 100, ALL).await, 1);
    assert_eq!(pruned(&store, 119, ALL).await, 0);
    assert_eq!(pruned(&store, 120, ALL).await, 1);
    assert_eq!(store.trusted_devices_of(&ada).await.unwrap().len(), 1);
    // The first browser is forgotten, but it was not the only one.
    assert_eq!(note("x", 200).await, DeviceSeen::New);
    let mut batches = Vec::new();
    loop {
        let batch = pruned(&store, 200, 1).await;
        if batch == 0 {
            break;
        }
        batches.push(batch);
    }
    assert_eq!(batches, [1; 3]);
    assert_eq!(store.trusted_devices_of(&ada).await.unwrap(), []);
    assert_eq!(note("y", 300).await, DeviceSeen::First);
}

pub async fn threat_48_upstream_sessions_go<S: UpstreamSessionStore>(store: S) {
    let until = |name: &str, end: i64| UpstreamSession {
        expires_at: at(end),
        ..upstream_session(name)
    };
    for (name, end) in [("a", 100), ("b", 150), ("c", 150), ("d", 150)] {
        let session = until(name, end);
        store.put_upstream_session(&session).await.unwrap();
    }
    // The one ends later than it was said at first, another earlier; new secrets move no end.
    for session in [until("a", 200), until("b", 120)] {
        store.put_upstream_session(&session).await.unwrap();
    }
    let (c, d) = (until("c", 150), until("d", 150));
    let replaced = store.replace_upstream_secrets(&c.session_id, 1, b"new");
    assert!(replaced.await.unwrap());
    let taken = store.take_upstream_session(&d.session_id).await;
    assert_eq!(taken.unwrap(), Some(d));
    assert_eq!(pruned(&store, 119, ALL).await, 0);
    assert_eq!(pruned(&store, 120, ALL).await, 1);
    assert_eq!(pruned(&store, 149, ALL).await, 0);
    assert_eq!(pruned(&store, 150, ALL).await, 1);
    let a = until("a", 200);
    let kept = store
        .upstream_sessions(&a.upstream, &a.issuer, None, None, 9)
        .await;
    assert_eq!(kept.unwrap(), std::slice::from_ref(&a));
    for name in ["b", "c"] {
        let session = until(name, 300);
        store.put_upstream_session(&session).await.unwrap();
    }
    let mut batches = Vec::new();
    loop {
        let batch = pruned(&store, 300, 1).await;
        if batch == 0 {
            break;
        }
        batches.push(batch);
    }
    assert_eq!(batches, [1; 3]);
    let gone = store
        .upstream_sessions(&a.upstream, &a.issuer, None, None, 9)
        .await;
    assert_eq!(gone.unwrap(), []);
}

pub async fn threat_48_audit_records_go_at_their_end<S: AuditStore>(store: S) {
    // Their own end decides, not their age.
    let kept = AuditRecord {
        expires_at: at(99_999),
        ..audit::record("kept", 0)
    };
    let records: Vec<_> = (0..4)
        .map(|number| audit::record(&number.to_string(), number))
        .chain([kept.clone()])
        .collect();
    store.append_audit(&records).await.unwrap();
    assert_eq!(pruned(&store, 99, ALL).await, 0);
    assert_eq!(pruned(&store, 100, ALL).await, 1);
    assert_eq!(pruned(&store, 103, 2).await, 2);
    assert_eq!(pruned(&store, 99_998, ALL).await, 1);
    let query = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    assert_eq!(store.audit(&query).await.unwrap(), [kept]);
    // What is gone is not remembered: a writer says it again long before its end.
    store.append_audit(&records[..1]).await.unwrap();
    assert_eq!(store.audit(&query).await.unwrap().len(), 2);
}
