//! Sessions.

use std::sync::Arc;
use std::time::Duration;

use super::{assert_exists, at, count, digest, race};
use crate::store::{EndedSession, EndedSessions, Session, SessionId, SessionStore, UserId};

fn ada() -> UserId {
    UserId::new("ada")
}

pub(super) fn session(name: &str) -> Session {
    Session {
        id: SessionId::new(name),
        token_digest: digest(name),
        user_id: ada(),
        created_at: at(0),
        auth_time: at(-1),
        amr: vec!["pwd".into(), "otp".into()],
        acr: Some("urn:acr:2".into()),
        last_seen_at: at(0),
        idle_expires_at: at(1000),
        expires_at: at(9000),
        remember: true,
        user_agent: Some("Mozilla/5.0 \"quoted\" ünï".into()),
        address: Some("2001:db8::1".into()),
    }
}

async fn stands(store: &impl SessionStore, expected: &Session) {
    let found = store.session(&expected.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(expected));
}

async fn gone(store: &impl SessionStore, session: &Session) {
    assert_eq!(store.session(&session.id).await.unwrap(), None);
    let listed = store.sessions_of(&session.user_id).await.unwrap();
    assert!(listed.iter().all(|listed| listed.id != session.id));
}

pub async fn reads_back_what_was_inserted<S: SessionStore>(store: S) {
    let full = session("full");
    let bare = Session {
        amr: Vec::new(),
        acr: None,
        remember: false,
        user_agent: None,
        address: None,
        ..session("bare")
    };
    for session in [&full, &bare] {
        store.insert_session(session).await.unwrap();
        stands(&store, session).await;
    }
}

pub async fn absent_sessions_are_none<S: SessionStore>(store: S) {
    gone(&store, &session("absent")).await;
    let revoked = store
        .revoke_session(&ada(), &SessionId::new("absent"))
        .await;
    assert!(!revoked.unwrap());
    assert!(
        store
            .revoke_sessions_of(&ada(), None)
            .await
            .unwrap()
            .is_empty()
    );
}

/// A cookie or a form can carry anything.
pub async fn an_id_that_cannot_be_is_absent<S: SessionStore>(store: S) {
    for id in super::odd_texts() {
        let id = SessionId::new(id);
        assert_eq!(store.session(&id).await.unwrap(), None);
        assert!(!store.revoke_session(&ada(), &id).await.unwrap());
        let user = UserId::new(id.as_str());
        assert_eq!(store.sessions_of(&user).await.unwrap(), Vec::new());
        let ended = store.revoke_sessions_of(&user, Some(&id)).await.unwrap();
        assert!(ended.is_empty());
    }
}

pub async fn threat_25_insert_never_overwrites<S: SessionStore>(store: S) {
    let first = session("first");
    store.insert_session(&first).await.unwrap();
    let same_id = Session {
        id: first.id.clone(),
        user_id: UserId::new("eve"),
        ..session("other")
    };
    assert_exists(store.insert_session(&same_id).await);
    stands(&store, &first).await;
    // Nothing of the refused one is found.
    let of_eve = store.sessions_of(&UserId::new("eve")).await.unwrap();
    assert_eq!(of_eve, Vec::new());
}

pub async fn threat_25_one_of_many_inserts_wins<S: SessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    let make = |racer: usize| Session {
        user_id: UserId::new(racer.to_string()),
        ..session("same")
    };
    let answers = race(&store, |store, racer| async move {
        store.insert_session(&make(racer)).await.is_ok()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    stands(&*store, &make(winner)).await;
}

pub async fn touch_moves_forward_only<S: SessionStore>(store: S) {
    let before = session("a");
    store.insert_session(&before).await.unwrap();
    store
        .touch_session(&before.id, at(500), at(1500))
        .await
        .unwrap();
    let after = Session {
        last_seen_at: at(500),
        idle_expires_at: at(1500),
        ..before.clone()
    };
    stands(&store, &after).await;
    // A request that was slow arrives late.
    store
        .touch_session(&before.id, at(400), at(1400))
        .await
        .unwrap();
    stands(&store, &after).await;
    store
        .touch_session(&before.id, at(400), at(1600))
        .await
        .unwrap();
    let after = Session {
        idle_expires_at: at(1600),
        ..after
    };
    stands(&store, &after).await;
    store
        .touch_session(&before.id, at(600), at(1600))
        .await
        .unwrap();
    let after = Session {
        last_seen_at: at(600),
        ..after
    };
    stands(&store, &after).await;
}

pub async fn touch_of_an_absent_session_makes_none<S: SessionStore>(store: S) {
    let revoked = session("a");
    store
        .touch_session(&revoked.id, at(1), at(2))
        .await
        .unwrap();
    gone(&store, &revoked).await;
    store.insert_session(&revoked).await.unwrap();
    store.revoke_session(&ada(), &revoked.id).await.unwrap();
    store
        .touch_session(&revoked.id, at(1), at(2))
        .await
        .unwrap();
    gone(&store, &revoked).await;
}

pub async fn rotation_replaces_digest_and_facts<S: SessionStore>(store: S) {
    let before = session("a");
    store.insert_session(&before).await.unwrap();
    let after = Session {
        token_digest: digest("rotated"),
        auth_time: at(50),
        amr: vec!["hwk".into()],
        acr: None,
        last_seen_at: at(50),
        idle_expires_at: at(1050),
        expires_at: at(9050),
        remember: false,
        ..before.clone()
    };
    let rotated = store.rotate_session(&before.token_digest, &after).await;
    assert!(rotated.unwrap());
    stands(&store, &after).await;
    assert_eq!(
        store.sessions_of(&ada()).await.unwrap(),
        vec![after.clone()]
    );
    // And again, from the new one; the old one is spent.
    let third = Session {
        token_digest: digest("third"),
        ..after.clone()
    };
    assert!(
        !store
            .rotate_session(&before.token_digest, &third)
            .await
            .unwrap()
    );
    assert!(
        store
            .rotate_session(&after.token_digest, &third)
            .await
            .unwrap()
    );
    stands(&store, &third).await;
}

pub async fn rotation_of_an_absent_session_writes_nothing<S: SessionStore>(store: S) {
    let after = session("a");
    assert!(
        !store
            .rotate_session(&digest("absent"), &after)
            .await
            .unwrap()
    );
    gone(&store, &after).await;
}

pub async fn rotation_of_another_session_writes_nothing<S: SessionStore>(store: S) {
    let (one, other) = (session("one"), session("other"));
    store.insert_session(&one).await.unwrap();
    store.insert_session(&other).await.unwrap();
    let mixed = Session {
        token_digest: digest("mixed"),
        ..other.clone()
    };
    assert!(
        !store
            .rotate_session(&one.token_digest, &mixed)
            .await
            .unwrap()
    );
    stands(&store, &one).await;
    stands(&store, &other).await;
}

pub async fn threat_12_one_of_many_rotations_wins<S: SessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    let before = session("a");
    store.insert_session(&before).await.unwrap();
    let make = |racer: usize| Session {
        token_digest: digest(format!("rotated {racer}")),
        ..session("a")
    };
    let answers = race(&store, |store, racer| async move {
        store
            .rotate_session(&digest("a"), &make(racer))
            .await
            .unwrap()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    stands(&*store, &make(winner)).await;
}

pub async fn lists_newest_first<S: SessionStore>(store: S) {
    let make = |name: &str, created: i64| Session {
        created_at: at(created),
        ..session(name)
    };
    let (old, middle, new) = (make("x", 1), make("z", 2), make("y", 3));
    for session in [&middle, &new, &old] {
        store.insert_session(session).await.unwrap();
    }
    let of_other = Session {
        user_id: UserId::new("bob"),
        ..session("w")
    };
    store.insert_session(&of_other).await.unwrap();
    let listed = store.sessions_of(&ada()).await.unwrap();
    assert_eq!(listed, vec![new, middle, old]);
}

pub async fn lists_at_most_a_hundred<S: SessionStore>(store: S) {
    for number in 0..101 {
        let session = Session {
            created_at: at(number),
            ..session(&format!("s{number}"))
        };
        store.insert_session(&session).await.unwrap();
    }
    let listed = store.sessions_of(&ada()).await.unwrap();
    assert_eq!(listed.len(), 100);
    assert_eq!(listed[0].created_at, at(100));
    assert_eq!(listed[99].created_at, at(1));
    // All of them end, also those that were not listed.
    let ended = store.revoke_sessions_of(&ada(), None).await.unwrap();
    assert_eq!(ended.len(), 101);
}

pub async fn only_the_owner_revokes<S: SessionStore>(store: S) {
    let session = session("a");
    store.insert_session(&session).await.unwrap();
    let eve = UserId::new("eve");
    assert!(!store.revoke_session(&eve, &session.id).await.unwrap());
    assert!(
        store
            .revoke_sessions_of(&eve, None)
            .await
            .unwrap()
            .is_empty()
    );
    stands(&store, &session).await;
    assert!(store.revoke_session(&ada(), &session.id).await.unwrap());
    assert!(!store.revoke_session(&ada(), &session.id).await.unwrap());
}

pub async fn threat_34_a_revoked_session_is_gone_at_once<S: SessionStore>(store: S) {
    let revoked = session("a");
    store.insert_session(&revoked).await.unwrap();
    // It was read before, so a cache would have it.
    stands(&store, &revoked).await;
    assert!(store.revoke_session(&ada(), &revoked.id).await.unwrap());
    gone(&store, &revoked).await;
    let again = Session {
        token_digest: digest("rotated"),
        ..revoked.clone()
    };
    assert!(
        !store
            .rotate_session(&revoked.token_digest, &again)
            .await
            .unwrap()
    );
    gone(&store, &again).await;
}

pub async fn threat_34_rotation_never_outlives_a_revocation<S: SessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    store.insert_session(&session("a")).await.unwrap();
    let make = |racer: usize| Session {
        token_digest: digest(format!("rotated {racer}")),
        ..session("a")
    };
    let answers = race(&store, |store, racer| async move {
        if racer % 2 == 0 {
            store
                .rotate_session(&digest("a"), &make(racer))
                .await
                .unwrap();
            false
        } else {
            store
                .revoke_session(&ada(), &SessionId::new("a"))
                .await
                .unwrap()
        }
    })
    .await;
    assert_eq!(count(&answers, |revoked| *revoked), 1);
    gone(&*store, &session("a")).await;
}

pub async fn revokes_all_but_one<S: SessionStore>(store: S) {
    let sessions = ["a", "b", "c"].map(session);
    for session in &sessions {
        store.insert_session(session).await.unwrap();
    }
    let keep = sessions[1].id.clone();
    let mut ended = store.revoke_sessions_of(&ada(), Some(&keep)).await.unwrap();
    ended.sort();
    assert_eq!(ended, vec![SessionId::new("a"), SessionId::new("c")]);
    gone(&store, &sessions[0]).await;
    stands(&store, &sessions[1]).await;
    gone(&store, &sessions[2]).await;
    let ended = store.revoke_sessions_of(&ada(), None).await.unwrap();
    assert_eq!(ended, vec![keep]);
}

pub async fn threat_34_revoking_all_leaves_none<S: SessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    for racer in 0..super::RACERS {
        store
            .insert_session(&session(&format!("s{racer}")))
            .await
            .unwrap();
    }
    let answers = race(&store, |store, racer| async move {
        if racer % 4 == 0 {
            return store.revoke_sessions_of(&ada(), None).await.unwrap();
        }
        let name = format!("s{racer}");
        let rotated = Session {
            token_digest: digest(format!("rotated {racer}")),
            ..session(&name)
        };
        store
            .rotate_session(&digest(&name), &rotated)
            .await
            .unwrap();
        Vec::new()
    })
    .await;
    // Each ended once, however many asked.
    let mut ended: Vec<SessionId> = answers.into_iter().flatten().collect();
    assert_eq!(ended.len(), super::RACERS);
    ended.sort();
    ended.dedup();
    assert_eq!(ended.len(), super::RACERS);
    assert_eq!(store.sessions_of(&ada()).await.unwrap(), Vec::new());
}

/// Longest wait for news; only a fault reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a watch hears until it has heard of all of these, in order of name. Nodes of a cluster may speak in any order.
async fn heard(watch: &mut Box<dyn EndedSessions>, all: &[&str]) -> Vec<EndedSession> {
    let mut heard: Vec<EndedSession> = Vec::new();
    let hear = async {
        while !all.iter().all(|name| heard.contains(&ended(name))) {
            heard.extend(watch.next().await.unwrap());
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, hear).await;
    assert!(in_time.is_ok(), "expected {all:?}, heard {heard:?}");
    heard.sort_by(|a, b| a.id.cmp(&b.id));
    heard.dedup();
    heard
}

fn ended(name: &str) -> EndedSession {
    EndedSession {
        user_id: ada(),
        id: SessionId::new(name),
    }
}

pub async fn threat_34_every_watch_hears_of_every_end<S: SessionStore>(store: S) {
    for name in ["before", "one", "two", "three", "kept"] {
        store.insert_session(&session(name)).await.unwrap();
    }
    let id = |name: &str| SessionId::new(name);
    store.revoke_session(&ada(), &id("before")).await.unwrap();
    let mut watches = [
        store.watch_ended().await.unwrap(),
        store.watch_ended().await.unwrap(),
    ];
    store.revoke_session(&ada(), &id("one")).await.unwrap();
    store
        .revoke_sessions_of(&ada(), Some(&id("kept")))
        .await
        .unwrap();
    store.revoke_session(&ada(), &id("kept")).await.unwrap();
    for watch in &mut watches {
        let all = ["kept", "one", "three", "two"];
        assert_eq!(heard(watch, &all).await, all.map(ended));
    }
}

pub async fn a_watch_hears_of_ends_alone<S: SessionStore>(store: S) {
    let mut watch = store.watch_ended().await.unwrap();
    for name in ["stays", "ends"] {
        store.insert_session(&session(name)).await.unwrap();
    }
    let stays = session("stays");
    let rotated = Session {
        token_digest: digest("rotated"),
        ..stays.clone()
    };
    let done = store.rotate_session(&stays.token_digest, &rotated).await;
    assert!(done.unwrap());
    store
        .touch_session(&stays.id, at(10), at(1010))
        .await
        .unwrap();
    // Not Eve's, and so not ended.
    let eve = UserId::new("eve");
    assert!(!store.revoke_session(&eve, &stays.id).await.unwrap());
    let none = store.revoke_sessions_of(&eve, None).await.unwrap();
    assert!(none.is_empty());
    let absent = SessionId::new("absent");
    assert!(!store.revoke_session(&ada(), &absent).await.unwrap());
    let ends = SessionId::new("ends");
    assert!(store.revoke_session(&ada(), &ends).await.unwrap());
    assert_eq!(heard(&mut watch, &["ends"]).await, [ended("ends")]);
}

pub async fn threat_34_a_watch_misses_nothing_of_many_at_once<S: SessionStore + 'static>(store: S) {
    let store = Arc::new(store);
    let name = |racer: usize| format!("s{racer}");
    for racer in 0..super::RACERS {
        store.insert_session(&session(&name(racer))).await.unwrap();
    }
    let mut watch = store.watch_ended().await.unwrap();
    race(&store, |store, racer| async move {
        let id = SessionId::new(name(racer));
        store.revoke_session(&ada(), &id).await.unwrap()
    })
    .await;
    let names: Vec<String> = (0..super::RACERS).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(heard(&mut watch, &names).await.len(), super::RACERS);
}
