//! What happened.

use std::sync::Arc;

use super::{RACERS, at, odd_texts, race};
use crate::store::{AuditId, AuditQuery, AuditRecord, AuditStore, ClientId, UserId};

pub(super) fn record(id: &str, moment: i64) -> AuditRecord {
    AuditRecord {
        id: AuditId::new(id),
        at: at(moment),
        event: "signed_in".into(),
        actor: Some(UserId::new("ada")),
        subject: Some(UserId::new("ada")),
        organization: None,
        client: None,
        address: Some("2001:db8::1".into()),
        data: r#"{"event":"signed_in","amr":["pwd"]}"#.into(),
        expires_at: at(moment + 100),
    }
}

fn all() -> AuditQuery {
    AuditQuery {
        limit: 1000,
        ..AuditQuery::default()
    }
}

async fn append(store: &impl AuditStore, records: &[AuditRecord]) {
    store.append_audit(records).await.unwrap();
}

async fn ids(store: &impl AuditStore, query: &AuditQuery) -> Vec<String> {
    let records = store.audit(query).await.unwrap();
    let ids = records.iter().map(|one| one.id.as_str().to_owned());
    ids.collect()
}

/// All pages of so many, one after the other.
async fn pages(store: &impl AuditStore, query: &AuditQuery, limit: u32) -> Vec<String> {
    let mut all = Vec::new();
    let mut query = AuditQuery {
        limit,
        ..query.clone()
    };
    loop {
        let page = store.audit(&query).await.unwrap();
        let Some(last) = page.last() else {
            return all;
        };
        assert!(page.len() <= limit as usize);
        query.after = Some((last.at, last.id.clone()));
        all.extend(page.iter().map(|one| one.id.as_str().to_owned()));
    }
}

pub async fn reads_back_what_was_appended<S: AuditStore>(store: S) {
    let bare = AuditRecord {
        event: "signing_key_created".into(),
        actor: None,
        subject: None,
        address: None,
        data: "{}".into(),
        ..record("b", 1)
    };
    let full = AuditRecord {
        organization: Some("örg 🏢".into()),
        client: Some(ClientId::new("https://client.example/x".repeat(20))),
        data: format!(r#"{{"long":"{}"}}"#, "ü🦀'\\\"".repeat(800)),
        ..record("c", 2)
    };
    append(&store, &[]).await;
    append(&store, &[record("a", 0)]).await;
    append(&store, &[bare.clone(), full.clone()]).await;
    let found = store.audit(&all()).await.unwrap();
    assert_eq!(found, [full, bare, record("a", 0)]);
}

pub async fn newest_first_and_equal_times_by_descending_id<S: AuditStore>(store: S) {
    let records = [
        record("b", 5),
        record("ö", 5),
        record("B", 5),
        record("a", 6),
        record("z", 4),
        record("b ", 5),
    ];
    append(&store, &records).await;
    assert_eq!(ids(&store, &all()).await, ["a", "ö", "b ", "b", "B", "z"]);
}

pub async fn a_record_is_written_once_and_never_changed<S: AuditStore>(store: S) {
    append(&store, &[record("a", 0), record("b", 1)]).await;
    let other = AuditRecord {
        event: "planted".into(),
        ..record("a", 50)
    };
    append(&store, std::slice::from_ref(&other)).await;
    // Among others, known and new, and twice in one call.
    let again = [record("c", 2), other, record("b", 9), record("c", 3)];
    append(&store, &again).await;
    let found = store.audit(&all()).await.unwrap();
    assert_eq!(found, [record("c", 2), record("b", 1), record("a", 0)]);
}

pub async fn finds_by_who_what_and_where<S: AuditStore>(store: S) {
    let user = |id: &str| Some(UserId::new(id));
    let records = [
        AuditRecord {
            actor: user("bob"),
            ..record("a", 1)
        },
        AuditRecord {
            subject: user("bob"),
            ..record("b", 2)
        },
        AuditRecord {
            organization: Some("acme".into()),
            ..record("c", 3)
        },
        AuditRecord {
            event: "signed_out".into(),
            actor: None,
            ..record("d", 4)
        },
        AuditRecord {
            subject: None,
            ..record("e", 5)
        },
    ];
    append(&store, &records).await;
    let base = all();
    let with = |actor: Option<&str>, subject: Option<&str>, event: Option<&str>| AuditQuery {
        actor: actor.map(UserId::new),
        subject: subject.map(UserId::new),
        event: event.map(str::to_owned),
        ..base.clone()
    };
    let acme = |name: &str| AuditQuery {
        organization: Some(name.to_owned()),
        ..base.clone()
    };
    for (query, expected) in [
        (with(None, None, None), &["e", "d", "c", "b", "a"][..]),
        (with(Some("ada"), None, None), &["e", "c", "b"]),
        (with(Some("bob"), None, None), &["a"]),
        (with(None, Some("ada"), None), &["d", "c", "a"]),
        (with(None, Some("bob"), None), &["b"]),
        (with(Some("ada"), Some("ada"), None), &["c"]),
        (with(None, None, Some("signed_out")), &["d"]),
        (with(Some("ada"), None, Some("signed_out")), &[]),
        (with(None, Some("ada"), Some("signed_in")), &["c", "a"]),
        (with(Some("Ada"), None, None), &[]),
        (with(Some("ada "), None, None), &[]),
        (acme("acme"), &["c"]),
        (acme("ACME"), &[]),
    ] {
        assert_eq!(ids(&store, &query).await, expected, "{query:?}");
    }
}

pub async fn finds_by_time<S: AuditStore>(store: S) {
    let records: Vec<_> = (0..5)
        .map(|moment| record(&moment.to_string(), moment))
        .collect();
    append(&store, &records).await;
    for (since, until, expected) in [
        (Some(2), None, &["4", "3", "2"][..]),
        (None, Some(2), &["1", "0"]),
        (Some(1), Some(3), &["2", "1"]),
        (Some(2), Some(2), &[]),
        (Some(3), Some(1), &[]),
        (Some(5), None, &[]),
    ] {
        let query = AuditQuery {
            since: since.map(at),
            until: until.map(at),
            ..all()
        };
        assert_eq!(ids(&store, &query).await, expected, "{since:?} {until:?}");
    }
}

pub async fn pages_follow_without_gap_or_repetition<S: AuditStore>(store: S) {
    // Several at each moment, so that pages end in the midst of them.
    let records: Vec<_> = (0..30)
        .map(|number| {
            let name = format!("{number:02}");
            let actor = if number % 3 == 0 { "bob" } else { "ada" };
            AuditRecord {
                actor: Some(UserId::new(actor)),
                ..record(&name, number / 7)
            }
        })
        .collect();
    append(&store, &records).await;
    let bob = AuditQuery {
        actor: Some(UserId::new("bob")),
        ..all()
    };
    for query in [all(), bob] {
        let whole = ids(&store, &query).await;
        for limit in [1, 2, 3, 7, 29, 30, 31] {
            assert_eq!(pages(&store, &query, limit).await, whole, "{limit}");
        }
    }
    // A page that begins after a record that is not there, or no more.
    let query = AuditQuery {
        after: Some((at(2), AuditId::new("17x"))),
        limit: 3,
        ..all()
    };
    assert_eq!(ids(&store, &query).await, ["17", "16", "15"]);
}

pub async fn a_page_has_at_most_a_thousand<S: AuditStore>(store: S) {
    for some in 0..11_i64 {
        let records: Vec<_> = (0..100)
            .map(|number| record(&format!("{some}-{number}"), some))
            .collect();
        append(&store, &records).await;
    }
    for (limit, expected) in [(0, 0), (999, 999), (1000, 1000), (u32::MAX, 1000)] {
        let query = AuditQuery { limit, ..all() };
        assert_eq!(ids(&store, &query).await.len(), expected);
    }
    assert_eq!(pages(&store, &all(), 1000).await.len(), 1100);
}

pub async fn a_large_batch_is_written_whole<S: AuditStore>(store: S) {
    let records: Vec<_> = (0..1200)
        .map(|number| record(&format!("{number:04}"), number))
        .collect();
    append(&store, &records).await;
    assert_eq!(pages(&store, &all(), 1000).await.len(), 1200);
}

/// Nodes that do not know whether they were heard say it again, at once.
pub async fn many_write_the_same_once<S: AuditStore + 'static>(store: S) {
    let store = Arc::new(store);
    race(&store, |store, racer| async move {
        let mut records: Vec<_> = (0..10)
            .map(|number| record(&format!("same-{number}"), number))
            .collect();
        records.push(record(&format!("own-{racer:02}"), 50));
        if racer % 2 == 0 {
            records.reverse();
        }
        append(&*store, &records).await;
    })
    .await;
    let found = ids(&*store, &all()).await;
    assert_eq!(found.len(), RACERS + 10);
}

/// What comes while somebody reads neither hides nor repeats what was there.
pub async fn pages_hold_while_records_are_written<S: AuditStore + 'static>(store: S) {
    let store = Arc::new(store);
    let old: Vec<_> = (0..40)
        .map(|number| record(&format!("old-{number:02}"), number / 4))
        .collect();
    append(&*store, &old).await;
    let expected = ids(&*store, &all()).await;
    let answers = race(&store, |store, racer| async move {
        if racer % 2 == 0 {
            let moment = i64::try_from(racer).unwrap() / 8;
            append(&*store, &[record(&format!("new-{racer:02}"), moment)]).await;
            return Vec::new();
        }
        pages(&*store, &all(), 3).await
    })
    .await;
    for mut read in answers.into_iter().filter(|read| !read.is_empty()) {
        read.retain(|id| id.starts_with("old-"));
        assert_eq!(read, expected);
    }
    assert_eq!(ids(&*store, &all()).await.len(), 40 + RACERS / 2);
}

pub async fn what_cannot_be_is_not_found<S: AuditStore>(store: S) {
    append(&store, &[record("a", 0)]).await;
    for text in odd_texts() {
        let user = || Some(UserId::new(text.as_str()));
        for query in [
            AuditQuery {
                actor: user(),
                ..all()
            },
            AuditQuery {
                subject: user(),
                ..all()
            },
            AuditQuery {
                organization: Some(text.clone()),
                ..all()
            },
            AuditQuery {
                event: Some(text.clone()),
                ..all()
            },
        ] {
            assert_eq!(store.audit(&query).await.unwrap(), [], "{query:?}");
        }
    }
}
