//! Sign-ins at other providers behind sessions here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{at, count, odd_texts, race};
use crate::store::{SessionId, UpstreamSession, UpstreamSessionStore, UserId};

const ISSUER: &str = "https://id.example.com";
const UPSTREAM: &str = "example";

pub(super) fn upstream_session(name: &str) -> UpstreamSession {
    UpstreamSession {
        session_id: SessionId::new(format!("session-{name}")),
        user_id: UserId::new("ada"),
        upstream: UPSTREAM.to_owned(),
        issuer: ISSUER.to_owned(),
        subject: "ada at example".to_owned(),
        sid: Some(format!("sid-{name}")),
        secrets: (0..=255).collect(),
        version: 1,
        expires_at: at(1000),
    }
}

async fn put(store: &impl UpstreamSessionStore, session: &UpstreamSession) {
    store.put_upstream_session(session).await.unwrap();
}

async fn found(store: &impl UpstreamSessionStore, name: &str) -> Option<UpstreamSession> {
    let id = upstream_session(name).session_id;
    store.upstream_session(&id).await.unwrap()
}

async fn taken(store: &impl UpstreamSessionStore, name: &str) -> Option<UpstreamSession> {
    let id = upstream_session(name).session_id;
    store.take_upstream_session(&id).await.unwrap()
}

async fn replace(store: &impl UpstreamSessionStore, expected: u64, secrets: &[u8]) -> bool {
    let id = upstream_session("a").session_id;
    let replaced = store.replace_upstream_secrets(&id, expected, secrets).await;
    replaced.unwrap()
}

/// The names of those that are found, in their order.
async fn named(
    store: &impl UpstreamSessionStore,
    issuer: &str,
    subject: Option<&str>,
    sid: Option<&str>,
) -> Vec<String> {
    let found = store.upstream_sessions(UPSTREAM, issuer, subject, sid, 100);
    let found = found.await.unwrap();
    let ids = found.iter().map(|one| one.session_id.as_str());
    let mut names: Vec<_> = ids.map(|id| id.replace("session-", "")).collect();
    names.sort_unstable();
    names
}

pub async fn reads_back_what_was_put<S: UpstreamSessionStore>(store: S) {
    let long = UpstreamSession {
        upstream: "u".repeat(300),
        issuer: format!("{ISSUER}/{}", "i".repeat(2000)),
        subject: "ſ".repeat(1000),
        sid: Some("s".repeat(2000)),
        secrets: vec![0; 128 * 1024],
        version: u64::from(u32::MAX) + 1,
        ..upstream_session("b")
    };
    let bare = UpstreamSession {
        sid: None,
        secrets: Vec::new(),
        version: 0,
        ..upstream_session("c")
    };
    for session in [upstream_session("a"), long, bare] {
        let id = &session.session_id;
        assert_eq!(store.upstream_session(id).await.unwrap(), None);
        put(&store, &session).await;
        let found = store.upstream_session(id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&session));
        let (upstream, issuer) = (&session.upstream, &session.issuer);
        let (subject, sid) = (Some(session.subject.as_str()), session.sid.as_deref());
        let found = store.upstream_sessions(upstream, issuer, subject, sid, 9);
        assert!(found.await.unwrap().contains(&session));
        let taken = store.take_upstream_session(id).await.unwrap();
        assert_eq!(taken, Some(session));
    }
}

/// As when one signs in again in the middle of a session, at another provider or as somebody else.
pub async fn puts_in_place_of_what_stood<S: UpstreamSessionStore>(store: S) {
    put(&store, &upstream_session("a")).await;
    put(&store, &upstream_session("b")).await;
    let next = UpstreamSession {
        user_id: UserId::new("bob"),
        upstream: "other".to_owned(),
        issuer: "https://other.example".to_owned(),
        subject: "bob".to_owned(),
        sid: None,
        secrets: vec![2],
        version: 7,
        expires_at: at(5000),
        ..upstream_session("a")
    };
    for session in [&next, &next, &upstream_session("a"), &next] {
        put(&store, session).await;
        assert_eq!(found(&store, "a").await.as_ref(), Some(session));
    }
    // It is found by what stands, and no more by what stood.
    let others = store.upstream_sessions("other", &next.issuer, Some("bob"), None, 9);
    assert_eq!(others.await.unwrap(), std::slice::from_ref(&next));
    assert_eq!(
        named(&store, &next.issuer, Some("bob"), None).await,
        [""; 0]
    );
    assert_eq!(named(&store, ISSUER, None, None).await, ["b"]);
    let sid = Some("sid-a");
    assert_eq!(named(&store, ISSUER, None, sid).await, [""; 0]);
    assert_eq!(found(&store, "b").await, Some(upstream_session("b")));
}

pub async fn one_of_many_puts_stands<S: UpstreamSessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    let make = |racer: usize| UpstreamSession {
        subject: racer.to_string(),
        sid: Some(racer.to_string()),
        secrets: vec![u8::try_from(racer).unwrap()],
        ..upstream_session("a")
    };
    let answers = race(&store, |store, racer| async move {
        put(&*store, &make(racer)).await;
        racer
    })
    .await;
    // Whole, and no mixture.
    let stands = found(&*store, "a").await.unwrap();
    let mut racers = answers.into_iter();
    assert!(racers.any(|racer| stands == make(racer)), "{stands:?}");
    let sid = stands.sid.as_deref();
    assert_eq!(named(&*store, ISSUER, None, sid).await, ["a"]);
    assert_eq!(named(&*store, ISSUER, None, None).await, ["a"]);
}

pub async fn replaces_the_secrets_by_version<S: UpstreamSessionStore>(store: S) {
    put(&store, &upstream_session("a")).await;
    put(&store, &upstream_session("b")).await;
    for expected in [0, 2, u64::from(u32::MAX), u64::MAX] {
        assert!(!replace(&store, expected, b"x").await, "{expected}");
    }
    assert_eq!(found(&store, "a").await, Some(upstream_session("a")));
    for (expected, secrets) in [(1, vec![7; 3]), (2, Vec::new()), (3, vec![0, 255])] {
        assert!(replace(&store, expected, &secrets).await);
        let stands = UpstreamSession {
            secrets,
            version: expected + 1,
            ..upstream_session("a")
        };
        assert_eq!(found(&store, "a").await, Some(stands));
        assert!(!replace(&store, expected, b"late").await);
    }
    assert_eq!(found(&store, "b").await, Some(upstream_session("b")));
    assert!(taken(&store, "a").await.is_some());
    assert!(!replace(&store, 4, b"late").await);
    assert_eq!(found(&store, "a").await, None);
}

pub async fn threat_12_one_of_many_replaces_the_secrets<S>(store: S)
where
    S: UpstreamSessionStore + 'static,
{
    let store = Arc::new(store);
    put(&*store, &upstream_session("a")).await;
    let answers = race(&store, |store, racer| async move {
        replace(&*store, 1, &[u8::try_from(racer).unwrap()]).await
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let stands = UpstreamSession {
        secrets: vec![u8::try_from(winner).unwrap()],
        version: 2,
        ..upstream_session("a")
    };
    assert_eq!(found(&*store, "a").await, Some(stands));
}

pub async fn is_taken_once<S: UpstreamSessionStore>(store: S) {
    put(&store, &upstream_session("a")).await;
    put(&store, &upstream_session("b")).await;
    assert_eq!(taken(&store, "absent").await, None);
    assert_eq!(taken(&store, "a").await, Some(upstream_session("a")));
    assert_eq!(taken(&store, "a").await, None);
    assert_eq!(found(&store, "a").await, None);
    assert_eq!(named(&store, ISSUER, None, None).await, ["b"]);
    // It may be put again.
    put(&store, &upstream_session("a")).await;
    assert_eq!(taken(&store, "a").await, Some(upstream_session("a")));
}

pub async fn threat_12_one_of_many_takes<S: UpstreamSessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    put(&*store, &upstream_session("a")).await;
    let answers = race(&store, |store, _| async move { taken(&*store, "a").await });
    let mut answers = answers.await;
    answers.retain(Option::is_some);
    assert_eq!(answers, [Some(upstream_session("a"))]);
}

/// Whoever takes has what a replacement that won left there: tokens that are to be revoked are the last there were.
pub async fn what_is_taken_is_what_stood<S: UpstreamSessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    for _ in 0..4 {
        put(&*store, &upstream_session("a")).await;
        let answers = race(&store, |store, racer| async move {
            if racer % 2 == 0 {
                return (taken(&*store, "a").await, false);
            }
            let secrets = [u8::try_from(racer).unwrap()];
            (None, replace(&*store, 1, &secrets).await)
        })
        .await;
        let mut stood = upstream_session("a");
        let replaced = answers.iter().position(|(_, replaced)| *replaced);
        if let Some(racer) = replaced {
            stood.secrets = vec![u8::try_from(racer).unwrap()];
            stood.version = 2;
        }
        assert!(count(&answers, |(_, replaced)| *replaced) <= 1);
        let takes: Vec<_> = answers.into_iter().filter_map(|(take, _)| take).collect();
        assert_eq!(takes, [stood]);
        assert_eq!(found(&*store, "a").await, None);
    }
}

pub async fn threat_08_finds_by_issuer_subject_and_sid<S: UpstreamSessionStore>(store: S) {
    let with = |name: &str, issuer: &str, subject: &str, sid: Option<&str>| UpstreamSession {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        sid: sid.map(str::to_owned),
        ..upstream_session(name)
    };
    let other = "https://id.example.com/";
    for session in [
        with("a", ISSUER, "ada", Some("1")),
        with("b", ISSUER, "ada", Some("2")),
        with("c", ISSUER, "ada", None),
        with("d", ISSUER, "Ada", Some("1")),
        with("e", ISSUER, "1", Some("ada")),
        with("f", other, "ada", Some("1")),
        with("g", ISSUER, "eve", Some("")),
    ] {
        put(&store, &session).await;
    }
    for (issuer, subject, sid, expected) in [
        (ISSUER, None, None, &["a", "b", "c", "d", "e", "g"][..]),
        (ISSUER, Some("ada"), None, &["a", "b", "c"]),
        (ISSUER, Some("Ada"), None, &["d"]),
        (ISSUER, Some("ada "), None, &[]),
        (ISSUER, Some(""), None, &[]),
        (ISSUER, None, Some("1"), &["a", "d"]),
        (ISSUER, None, Some("2"), &["b"]),
        (ISSUER, None, Some(""), &["g"]),
        (ISSUER, None, Some("1 "), &[]),
        (ISSUER, Some("ada"), Some("1"), &["a"]),
        (ISSUER, Some("1"), Some("ada"), &["e"]),
        (ISSUER, Some("Ada"), Some("2"), &[]),
        (other, None, None, &["f"]),
        (other, Some("ada"), Some("1"), &["f"]),
        ("https://ID.example.com", None, None, &[]),
        ("", None, None, &[]),
    ] {
        let found = named(&store, issuer, subject, sid).await;
        assert_eq!(found, expected, "{issuer} {subject:?} {sid:?}");
    }
}

pub async fn finds_no_more_than_asked<S: UpstreamSessionStore>(store: S) {
    let names: BTreeSet<_> = (0..25).map(|number| format!("{number:02}")).collect();
    for name in &names {
        put(&store, &upstream_session(name)).await;
    }
    let of_ada = async |limit| {
        let subject = Some("ada at example");
        let found = store.upstream_sessions(UPSTREAM, ISSUER, subject, None, limit);
        found.await.unwrap()
    };
    assert_eq!(of_ada(0).await, []);
    // Who takes each and asks again has had them all.
    let (mut batches, mut seen) = (Vec::new(), BTreeSet::new());
    loop {
        let batch = of_ada(10).await;
        if batch.is_empty() {
            break;
        }
        batches.push(batch.len());
        for session in batch {
            let id = session.session_id.clone();
            let taken = store.take_upstream_session(&id).await.unwrap();
            assert_eq!(taken, Some(session));
            assert!(seen.insert(id.as_str().replace("session-", "")));
        }
    }
    assert_eq!(batches, [10, 10, 5]);
    assert_eq!(seen, names);
}

/// Two configured upstreams may have one issuer, as two clients of one provider: however many sessions came by one of
/// them, those that came by the other are found.
pub async fn finds_its_own_behind_many_of_another_upstream<S: UpstreamSessionStore>(store: S) {
    let of = |upstream: &str, number: usize| UpstreamSession {
        upstream: upstream.to_owned(),
        sid: Some("shared".to_owned()),
        ..upstream_session(&format!("{upstream}-{number:03}"))
    };
    for number in 0..250 {
        put(&store, &of("crowd", number)).await;
        if number % 50 == 0 {
            put(&store, &of(UPSTREAM, number)).await;
        }
    }
    for (subject, sid) in [
        (None, None),
        (Some("ada at example"), None),
        (None, Some("shared")),
        (Some("ada at example"), Some("shared")),
    ] {
        let own = named(&store, ISSUER, subject, sid).await;
        let expected: Vec<_> = (0..5).map(|at| format!("example-{:03}", at * 50)).collect();
        assert_eq!(own, expected, "{subject:?} {sid:?}");
        for other in ["Example", "example ", "crowds", ""] {
            let none = store.upstream_sessions(other, ISSUER, subject, sid, 100);
            assert_eq!(none.await.unwrap(), [], "{other:?}");
        }
    }
    // Who takes each and asks again comes to an end, and leaves the others.
    let mut rounds = Vec::new();
    loop {
        let found = store.upstream_sessions("crowd", ISSUER, None, Some("shared"), 100);
        let found = found.await.unwrap();
        if found.is_empty() {
            break;
        }
        rounds.push(found.len());
        for session in found {
            assert_eq!(session.upstream, "crowd");
            let taken = store.take_upstream_session(&session.session_id).await;
            assert_eq!(taken.unwrap(), Some(session));
        }
    }
    assert_eq!(rounds, [100, 100, 50]);
    assert_eq!(named(&store, ISSUER, None, None).await.len(), 5);
}

pub async fn what_cannot_be_is_absent<S: UpstreamSessionStore>(store: S) {
    put(&store, &upstream_session("a")).await;
    for text in odd_texts() {
        let id = SessionId::new(text.as_str());
        assert_eq!(store.upstream_session(&id).await.unwrap(), None);
        assert_eq!(store.take_upstream_session(&id).await.unwrap(), None);
        let replaced = store.replace_upstream_secrets(&id, 1, b"x").await;
        assert!(!replaced.unwrap());
        let text = text.as_str();
        for (issuer, subject, sid) in [
            (text, None, None),
            (ISSUER, Some(text), None),
            (ISSUER, None, Some(text)),
            (text, Some(text), Some(text)),
        ] {
            assert_eq!(named(&store, issuer, subject, sid).await, [""; 0]);
        }
        let none = store.upstream_sessions(text, ISSUER, None, None, 9).await;
        assert_eq!(none.unwrap(), []);
    }
    assert_eq!(found(&store, "a").await, Some(upstream_session("a")));
}
