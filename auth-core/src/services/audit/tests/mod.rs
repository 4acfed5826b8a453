//! The audit: nothing lost while the store is away, nothing twice.

mod parties;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::Value;

use super::record::MOST_DATA;
use super::*;
use crate::ground::{SystemRandom, Timestamp};
use crate::services::{Event, SignInFailure};
use crate::store::{Backend, ClientId, MemoryStore, Reach, SessionId, UserId};

const KEEP: Duration = Duration::from_hours(24);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn signed_in(number: i64) -> EventRecord {
    EventRecord {
        at: at(number),
        address: "2001:db8::1".parse().ok(),
        event: Event::SignedIn {
            user: UserId::new("ada"),
            session: SessionId::new(number.to_string()),
            amr: vec!["pwd".to_owned()],
        },
    }
}

/// A store that is away, or refuses an event, or loses its answers.
#[derive(Default)]
struct Store {
    inner: MemoryStore,
    away: AtomicBool,
    loses_answers: AtomicBool,
    refused: Mutex<Option<String>>,
    writes: AtomicUsize,
}

#[async_trait]
impl Backend for Store {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl AuditStore for Store {
    async fn append_audit(&self, records: &[AuditRecord]) -> StoreResult<()> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("away"));
        }
        let refused = self.refused.lock().expect("lock").clone();
        if records
            .iter()
            .any(|one| Some(&one.event) == refused.as_ref())
        {
            return Err(StoreError::corrupt("audit record", "refused"));
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.append_audit(records).await?;
        if self.loses_answers.swap(false, Ordering::SeqCst) {
            return Err(StoreError::unavailable("the answer was lost"));
        }
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>> {
        self.inner.audit(query).await
    }
}

fn sink() -> (Arc<Store>, AuditSink) {
    let store = Arc::new(Store::default());
    let sink = AuditSink::new(store.clone(), Arc::new(SystemRandom), KEEP);
    (store, sink)
}

fn all() -> AuditQuery {
    AuditQuery {
        limit: 1000,
        ..AuditQuery::default()
    }
}

/// The sessions of the records, in order of their time.
async fn sessions(store: &Store) -> Vec<i64> {
    let (mut query, mut found) = (all(), Vec::new());
    loop {
        let page = AuditPage::read(store, &query).await.expect("page");
        found.extend(page.records.iter().map(|record| {
            let data: Value = serde_json::from_str(&record.data).expect("JSON");
            let session = data["session"].as_str().expect("session");
            session.parse::<i64>().expect("number")
        }));
        query.after = page.next;
        if query.after.is_none() {
            found.reverse();
            return found;
        }
    }
}

#[tokio::test]
async fn an_event_becomes_a_record() {
    let (store, sink) = sink();
    sink.receive(&signed_in(7)).await;
    assert!(store.audit(&all()).await.expect("read").is_empty());
    sink.flush().await.expect("flush");
    let records = store.audit(&all()).await.expect("read");
    let [record] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(record.id.as_str().len(), 22);
    let expected = AuditRecord {
        id: record.id.clone(),
        at: at(7),
        event: "signed_in".to_owned(),
        actor: Some(UserId::new("ada")),
        subject: Some(UserId::new("ada")),
        organization: None,
        client: None,
        address: Some("2001:db8::1".to_owned()),
        data: record.data.clone(),
        expires_at: at(7) + KEEP,
    };
    assert_eq!(*record, expected);
    let data: Value = serde_json::from_str(&record.data).expect("JSON");
    let expected = serde_json::json!({
        "event": "signed_in", "user": "ada", "session": "7", "amr": ["pwd"]
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn an_outage_loses_and_doubles_nothing() {
    let (store, sink) = sink();
    store.away.store(true, Ordering::SeqCst);
    for number in 0..500 {
        sink.receive(&signed_in(number)).await;
    }
    for _ in 0..3 {
        assert!(sink.flush().await.is_err());
    }
    store.away.store(false, Ordering::SeqCst);
    // Written, but the answer is lost: it is said again.
    store.loses_answers.store(true, Ordering::SeqCst);
    assert!(sink.flush().await.is_err());
    sink.receive(&signed_in(500)).await;
    sink.flush().await.expect("flush");
    assert_eq!(sessions(&store).await, (0..501).collect::<Vec<_>>());
    // In batches: one whose answer was lost, and three.
    assert_eq!(store.writes.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn the_background_comes_back_by_itself() {
    let (store, sink) = sink();
    store.away.store(true, Ordering::SeqCst);
    sink.start();
    for number in 0..5 {
        sink.receive(&signed_in(number)).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    store.away.store(false, Ordering::SeqCst);
    // Longer than the longest pause.
    tokio::time::sleep(LONGEST_PAUSE * 2).await;
    assert_eq!(sessions(&store).await, (0..5).collect::<Vec<_>>());
    // And what comes now is written at once.
    sink.receive(&signed_in(5)).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(sessions(&store).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_end_is_written() {
    let (store, sink) = sink();
    sink.start();
    for number in 0..450 {
        sink.receive(&signed_in(number)).await;
    }
    drop(sink);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(sessions(&store).await.len(), 450);
    // Nobody holds the store any more.
    assert_eq!(Arc::strong_count(&store), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_not_put_off_by_a_store_that_is_away() {
    let (store, sink) = sink();
    store.away.store(true, Ordering::SeqCst);
    sink.start();
    sink.receive(&signed_in(0)).await;
    drop(sink);
    tokio::time::sleep(LONGEST_PAUSE).await;
    assert_eq!(Arc::strong_count(&store), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_are_all_heard() {
    let (store, sink) = sink();
    let sink = Arc::new(sink);
    sink.start();
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                for number in 0..50 {
                    sink.receive(&signed_in(task * 50 + number)).await;
                    if number == 25 {
                        sink.flush().await.expect("flush");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    sink.flush().await.expect("flush");
    assert_eq!(sessions(&store).await, (0..1600).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let (store, sink) = sink();
    store.away.store(true, Ordering::SeqCst);
    let most = i64::try_from(MOST_WAITING).expect("number");
    for number in 0..most + 100 {
        sink.receive(&signed_in(number)).await;
    }
    assert_eq!(sink.shared.queue().waiting.len(), MOST_WAITING);
    assert_eq!(sink.shared.queue().dropped, 100);
    store.away.store(false, Ordering::SeqCst);
    sink.flush().await.expect("flush");
    // Those that came first stand, and there is room again.
    sink.receive(&signed_in(most + 100)).await;
    sink.flush().await.expect("flush");
    let found = sessions(&store).await;
    assert_eq!(found.len(), MOST_WAITING + 1);
    assert_eq!(found[MOST_WAITING - 1..], [most - 1, most + 100]);
}

#[tokio::test]
async fn an_event_that_is_refused_holds_up_no_other() {
    let (store, sink) = sink();
    *store.refused.lock().expect("lock") = Some("registration_collided".to_owned());
    for number in 0..3 {
        sink.receive(&signed_in(number)).await;
        let refused = EventRecord {
            event: Event::RegistrationCollided,
            ..signed_in(number)
        };
        sink.receive(&refused).await;
    }
    sink.flush().await.expect("flush");
    assert_eq!(sessions(&store).await, [0, 1, 2]);
}

#[tokio::test]
async fn pages_end_where_nothing_is_left() {
    let (store, sink) = sink();
    for number in 0..10 {
        sink.receive(&signed_in(number)).await;
    }
    sink.flush().await.expect("flush");
    for (limit, pages) in [(3, 4), (5, 2), (9, 2), (10, 1), (11, 1), (u32::MAX, 1)] {
        let (mut query, mut read, mut count) = (AuditQuery { limit, ..all() }, 0, 0);
        loop {
            let page = AuditPage::read(&*store, &query).await.expect("page");
            read += page.records.len();
            count += 1;
            query.after = page.next;
            // What comes while somebody reads is newer than what they read.
            sink.receive(&signed_in(1000)).await;
            sink.flush().await.expect("flush");
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!((read, count), (10, pages), "{limit}");
        store.prune(at(1000) + KEEP, 100).await.expect("prune");
        for number in 0..10 {
            sink.receive(&signed_in(number)).await;
        }
        sink.flush().await.expect("flush");
    }
    let none = AuditQuery { limit: 0, ..all() };
    let page = AuditPage::read(&*store, &none).await.expect("page");
    assert_eq!((page.records.len(), page.next), (0, None));
}

#[tokio::test]
async fn refusals_that_anybody_can_cause_without_end_are_not_kept() {
    let (store, sink) = sink();
    let user = Some(UserId::new("ada"));
    let failed = |reason| Event::SignInFailed {
        user: user.clone(),
        reason,
    };
    for event in [
        Event::AccessTokenRefused { reason: "expired" },
        failed(SignInFailure::AccountLocked),
        failed(SignInFailure::AddressLocked),
        failed(SignInFailure::WrongPassword),
    ] {
        let event = EventRecord {
            event,
            ..signed_in(0)
        };
        sink.receive(&event).await;
    }
    sink.flush().await.expect("flush");
    let records = store.audit(&all()).await.expect("read");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].actor, None);
    assert_eq!(records[0].subject, user);
}

#[tokio::test]
async fn of_refusals_without_a_lock_there_is_a_sample() {
    let (store, sink) = sink();
    let client = || Some(ClientId::new("app"));
    let failed = || Event::ClientAuthenticationFailed {
        client: client(),
        reason: "secret",
    };
    let refused = || Event::AuthorizationRefused {
        client: client(),
        error: "invalid_request",
    };
    let send = async |event: Event, second: i64| {
        let at = Timestamp::from_seconds(second);
        sink.receive(&EventRecord {
            at,
            ..EventRecord {
                event,
                ..signed_in(0)
            }
        })
        .await;
    };
    for _ in 0..1_000 {
        send(failed(), 100).await;
    }
    // Those of another kind, and those after a minute, are not crowded out; nor is what is always kept.
    send(refused(), 100).await;
    send(failed(), 159).await;
    send(failed(), 160).await;
    send(signed_in(0).event, 160).await;
    sink.flush().await.expect("flush");
    let records = store.audit(&all()).await.expect("read");
    let count = |name: &str| records.iter().filter(|record| record.event == name).count();
    let most = sample::MOST as usize;
    assert_eq!(count("client_authentication_failed"), most + 1);
    assert_eq!(count("authorization_refused"), 1);
    assert_eq!(count("signed_in"), 1);
}

#[tokio::test]
async fn data_has_an_end() {
    let (store, sink) = sink();
    let long = "ü\"".repeat(5000);
    let scopes: BTreeSet<_> = (0..2000).map(|number| format!("scope-{number}")).collect();
    let events = [
        Event::SessionsRevoked {
            user: UserId::new("ada"),
            sessions: (0..1000)
                .map(|number| SessionId::new(format!("session {number}")))
                .collect(),
        },
        Event::ConsentGranted {
            subject: long.clone(),
            client: ClientId::new(long.clone()),
            scopes,
        },
        Event::ConsentGranted {
            subject: "ada\0".to_owned(),
            client: ClientId::new("a\0b"),
            scopes: BTreeSet::from([long.clone()]),
        },
    ];
    for event in events {
        let event = EventRecord {
            event,
            ..signed_in(0)
        };
        sink.receive(&event).await;
    }
    sink.flush().await.expect("flush");
    let records = store.audit(&all()).await.expect("read");
    assert_eq!(records.len(), 3);
    for record in records {
        assert!(record.data.len() <= MOST_DATA);
        let data: Value = serde_json::from_str(&record.data).expect("JSON");
        assert_eq!(data["event"], record.event.as_str());
        assert!(!data["cut"].as_array().expect("cut").is_empty());
        // A column holds an id or nothing.
        let is_revocation = record.event == "sessions_revoked";
        assert_eq!(record.subject.is_some(), is_revocation, "{record:?}");
        assert_eq!(record.client, None);
        if is_revocation {
            assert_eq!(data["cut"], serde_json::json!(["sessions"]));
            assert!(data["sessions"].as_array().expect("sessions").len() > 200);
        }
    }
}
