//! Identities at other providers.

use std::sync::Arc;

use super::{RACERS, assert_exists, at, count, odd_texts, race};
use crate::store::{
    IdentityId, IdentityStore, IdentityUse, LinkIdentity, LinkedIdentity, StoreResult, UserId,
};

const ISSUER: &str = "https://id.example.com";

fn ada() -> UserId {
    UserId::new("ada")
}

fn identity(name: &str) -> LinkedIdentity {
    LinkedIdentity {
        id: IdentityId::new(format!("id-{name}")),
        user_id: ada(),
        upstream: "example".to_owned(),
        issuer: ISSUER.to_owned(),
        subject: name.to_owned(),
        display: Some(format!("{name}@example.com 🪪")),
        tokens: Some((0..=255).collect()),
        tokens_version: 1,
        created_at: at(0),
        last_used_at: None,
    }
}

fn of_bob(name: &str) -> LinkedIdentity {
    LinkedIdentity {
        user_id: UserId::new("bob"),
        ..identity(name)
    }
}

async fn link(store: &impl IdentityStore, identity: &LinkedIdentity, most: u32) -> LinkIdentity {
    store.link_identity(identity, most).await.unwrap()
}

async fn linked(store: &impl IdentityStore, identity: &LinkedIdentity) {
    assert_eq!(link(store, identity, 100).await, LinkIdentity::Linked);
}

async fn found(store: &impl IdentityStore, subject: &str) -> Option<LinkedIdentity> {
    store.identity(ISSUER, subject).await.unwrap()
}

async fn listed(store: &impl IdentityStore, user: &str) -> Vec<String> {
    let identities = store.identities_of(&UserId::new(user)).await.unwrap();
    let ids = identities.iter().map(|one| one.id.as_str().to_owned());
    ids.collect()
}

pub async fn reads_back_what_was_linked<S: IdentityStore>(store: S) {
    let long = LinkedIdentity {
        upstream: "u".repeat(300),
        issuer: format!("{ISSUER}/{}", "i".repeat(2000)),
        subject: "ſ".repeat(1000),
        display: Some("d".repeat(1000)),
        tokens: Some(vec![0; 128 * 1024]),
        tokens_version: u64::from(u32::MAX) + 1,
        last_used_at: Some(at(5)),
        ..identity("b")
    };
    let bare = LinkedIdentity {
        display: None,
        tokens: None,
        tokens_version: 0,
        ..identity("c")
    };
    for identity in [identity("a"), long, bare] {
        let (issuer, subject) = (identity.issuer.as_str(), identity.subject.as_str());
        assert_eq!(store.identity(issuer, subject).await.unwrap(), None);
        linked(&store, &identity).await;
        let found = store.identity(issuer, subject).await.unwrap();
        assert_eq!(found.as_ref(), Some(&identity));
        let all = store.identities_of(&ada()).await.unwrap();
        assert!(all.contains(&identity));
    }
}

pub async fn lists_oldest_first<S: IdentityStore>(store: S) {
    for (name, created) in [("c", 3), ("a", 2), ("d", 1), ("b", 2)] {
        let identity = LinkedIdentity {
            created_at: at(created),
            ..identity(name)
        };
        linked(&store, &identity).await;
    }
    assert_eq!(
        listed(&store, "ada").await,
        ["id-d", "id-a", "id-b", "id-c"]
    );
    assert_eq!(listed(&store, "bob").await, [""; 0]);
}

pub async fn threat_08_an_identity_is_linked_once<S: IdentityStore>(store: S) {
    linked(&store, &identity("a")).await;
    let planted = LinkedIdentity {
        id: IdentityId::new("planted"),
        user_id: UserId::new("eve"),
        // By way of another configured upstream, it is the same identity.
        upstream: "other".to_owned(),
        display: None,
        tokens: None,
        ..identity("a")
    };
    for other in [&planted, &identity("a")] {
        assert_eq!(link(&store, other, 100).await, LinkIdentity::Exists);
        // Also where there is no room.
        assert_eq!(link(&store, other, 1).await, LinkIdentity::Exists);
        assert_eq!(link(&store, other, 0).await, LinkIdentity::Exists);
    }
    assert_eq!(found(&store, "a").await, Some(identity("a")));
    assert_eq!(listed(&store, "ada").await, ["id-a"]);
    assert_eq!(listed(&store, "eve").await, [""; 0]);
}

/// Nor does what one says on a page make an identity another's.
pub async fn threat_08_issuer_and_subject_compare_exactly<S: IdentityStore>(store: S) {
    let alike = [
        (ISSUER, "Ada"),
        (ISSUER, "ada"),
        (ISSUER, "ada "),
        (ISSUER, " ada"),
        (ISSUER, "ada\t"),
        (ISSUER, "àda"),
        (ISSUER, "a\u{300}da"),
        (ISSUER, "a%64a"),
        (ISSUER, ""),
        ("", "ada"),
        ("https://id.example.com/", "ada"),
        ("https://ID.example.com", "ada"),
        ("http://id.example.com", "ada"),
        ("https://id.example.com:443", "ada"),
        ("https://id.example.coma", "da"),
        ("https://id.example.co", "mada"),
        ("ada", ISSUER),
    ];
    let make = |number: usize| LinkedIdentity {
        user_id: UserId::new(number.to_string()),
        issuer: alike[number].0.to_owned(),
        subject: alike[number].1.to_owned(),
        display: Some("ada@example.com".to_owned()),
        ..identity(&number.to_string())
    };
    for (number, (issuer, subject)) in alike.into_iter().enumerate() {
        let found = store.identity(issuer, subject).await.unwrap();
        assert_eq!(found, None, "{issuer} {subject}");
        linked(&store, &make(number)).await;
    }
    for (number, (issuer, subject)) in alike.into_iter().enumerate() {
        let found = store.identity(issuer, subject).await.unwrap();
        assert_eq!(found, Some(make(number)), "{issuer} {subject}");
    }
}

pub async fn threat_25_linking_never_overwrites<S: IdentityStore>(store: S) {
    linked(&store, &identity("a")).await;
    let planted = LinkedIdentity {
        id: identity("a").id,
        user_id: UserId::new("eve"),
        ..identity("planted")
    };
    assert_exists(store.link_identity(&planted, 100).await);
    assert_eq!(found(&store, "a").await, Some(identity("a")));
    assert_eq!(found(&store, "planted").await, None);
    assert_eq!(listed(&store, "eve").await, [""; 0]);
}

pub async fn no_more_than_allowed<S: IdentityStore>(store: S) {
    assert_eq!(link(&store, &identity("a"), 0).await, LinkIdentity::TooMany);
    for name in ["a", "b", "c"] {
        let answer = link(&store, &identity(name), 3).await;
        assert_eq!(answer, LinkIdentity::Linked);
    }
    assert_eq!(link(&store, &identity("d"), 3).await, LinkIdentity::TooMany);
    // Fewer are allowed than there are.
    assert_eq!(link(&store, &identity("d"), 1).await, LinkIdentity::TooMany);
    assert_eq!(found(&store, "d").await, None);
    assert_eq!(link(&store, &of_bob("e"), 3).await, LinkIdentity::Linked);
    // There is room again for as many as went.
    for name in ["b", "a"] {
        let gone = store.unlink_identity(&ada(), &identity(name).id).await;
        assert!(gone.unwrap());
    }
    for (name, expected) in [
        ("d", LinkIdentity::Linked),
        ("a", LinkIdentity::Linked),
        ("f", LinkIdentity::TooMany),
    ] {
        assert_eq!(link(&store, &identity(name), 3).await, expected, "{name}");
    }
    assert_eq!(link(&store, &identity("f"), 4).await, LinkIdentity::Linked);
}

pub async fn threat_12_many_at_once_are_no_more_than_allowed<S>(store: S)
where
    S: IdentityStore + 'static,
{
    let store = Arc::new(store);
    let answers = race(&store, |store, racer| async move {
        link(&*store, &identity(&racer.to_string()), 5).await
    })
    .await;
    assert_eq!(count(&answers, |one| *one == LinkIdentity::Linked), 5);
    let refused = count(&answers, |one| *one == LinkIdentity::TooMany);
    assert_eq!(refused, answers.len() - 5);
    assert_eq!(listed(&*store, "ada").await.len(), 5);
}

pub async fn many_at_once_find_room<S: IdentityStore + 'static>(store: S) {
    let store = Arc::new(store);
    let most = u32::try_from(RACERS).unwrap();
    let answers = race(&store, move |store, racer| async move {
        link(&*store, &identity(&racer.to_string()), most).await
    })
    .await;
    assert_eq!(count(&answers, |one| *one == LinkIdentity::Linked), RACERS);
    assert_eq!(
        link(&*store, &identity("late"), most).await,
        LinkIdentity::TooMany
    );
}

pub async fn threat_12_one_of_many_links_an_identity<S: IdentityStore + 'static>(store: S) {
    let store = Arc::new(store);
    // Half of them for one user, the others for a user each.
    let make = |racer: usize| LinkedIdentity {
        id: IdentityId::new(format!("id-{racer}")),
        user_id: UserId::new((racer / 2 * (racer % 2)).to_string()),
        ..identity("same")
    };
    let answers = race(&store, |store, racer| async move {
        link(&*store, &make(racer), 5).await
    })
    .await;
    assert_eq!(count(&answers, |one| *one == LinkIdentity::Linked), 1);
    let exists = count(&answers, |one| *one == LinkIdentity::Exists);
    assert_eq!(exists, answers.len() - 1);
    let winner = answers.iter().position(|one| *one == LinkIdentity::Linked);
    let winner = winner.map(make).unwrap();
    let theirs = listed(&*store, winner.user_id.as_str()).await;
    assert_eq!(theirs, [winner.id.as_str()]);
    assert_eq!(found(&*store, "same").await, Some(winner));
}

pub async fn records_a_use<S: IdentityStore>(store: S) {
    linked(&store, &identity("a")).await;
    linked(&store, &identity("b")).await;
    let id = identity("a").id;
    let seen = |display: Option<&str>, tokens: Option<Vec<u8>>| IdentityUse {
        upstream: "other".to_owned(),
        display: display.map(str::to_owned),
        tokens,
    };
    let mut stands = LinkedIdentity {
        upstream: "other".to_owned(),
        ..identity("a")
    };
    for (seen, now) in [
        (seen(Some("new@example.com"), None), 1),
        (seen(None, Some(vec![0, 255])), 2),
        (seen(Some("x"), Some(Vec::new())), 3),
        (seen(None, None), 4),
    ] {
        assert!(store.use_identity(&id, &seen, at(now)).await.unwrap());
        stands.display = seen.display;
        stands.last_used_at = Some(at(now));
        if seen.tokens.is_some() {
            stands.tokens = seen.tokens;
            stands.tokens_version += 1;
        }
        assert_eq!(found(&store, "a").await.as_ref(), Some(&stands));
    }
    assert_eq!(found(&store, "b").await, Some(identity("b")));
    let absent = identity("absent").id;
    let used = store.use_identity(&absent, &seen(None, None), at(1)).await;
    assert!(!used.unwrap());
    assert_eq!(found(&store, "absent").await, None);
}

async fn replace(store: &impl IdentityStore, expected: u64, tokens: Option<&[u8]>) -> bool {
    let id = identity("a").id;
    let replaced = store.replace_identity_tokens(&id, expected, tokens).await;
    replaced.unwrap()
}

pub async fn replaces_the_tokens_by_version<S: IdentityStore>(store: S) {
    linked(&store, &identity("a")).await;
    linked(&store, &identity("b")).await;
    for expected in [0, 2, u64::from(u32::MAX), u64::MAX] {
        assert!(!replace(&store, expected, Some(b"x")).await, "{expected}");
    }
    assert_eq!(found(&store, "a").await, Some(identity("a")));
    for (expected, tokens) in [(1, Some(vec![7; 3])), (2, None), (3, Some(Vec::new()))] {
        assert!(replace(&store, expected, tokens.as_deref()).await);
        let stands = LinkedIdentity {
            tokens,
            tokens_version: expected + 1,
            ..identity("a")
        };
        assert_eq!(found(&store, "a").await, Some(stands));
        assert!(!replace(&store, expected, Some(b"late")).await);
    }
    // A use with new tokens came first.
    let seen = IdentityUse {
        upstream: String::new(),
        display: None,
        tokens: Some(b"of a sign-in".to_vec()),
    };
    let used = store.use_identity(&identity("a").id, &seen, at(1)).await;
    assert!(used.unwrap());
    assert!(!replace(&store, 4, Some(b"late")).await);
    assert_eq!(found(&store, "a").await.unwrap().tokens, seen.tokens);
    assert_eq!(found(&store, "b").await, Some(identity("b")));
    let absent = identity("absent").id;
    let replaced = store.replace_identity_tokens(&absent, 1, None).await;
    assert!(!replaced.unwrap());
}

pub async fn threat_12_one_of_many_replaces_the_tokens<S: IdentityStore + 'static>(store: S) {
    let store = Arc::new(store);
    linked(&*store, &identity("a")).await;
    let answers = race(&store, |store, racer| async move {
        replace(&*store, 1, Some(&[u8::try_from(racer).unwrap()])).await
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let stands = LinkedIdentity {
        tokens: Some(vec![u8::try_from(winner).unwrap()]),
        tokens_version: 2,
        ..identity("a")
    };
    assert_eq!(found(&*store, "a").await, Some(stands));
}

/// Every use with new tokens moves the version, however many there are at once.
pub async fn many_uses_at_once_lose_no_version<S: IdentityStore + 'static>(store: S) {
    let store = Arc::new(store);
    linked(&*store, &identity("a")).await;
    let answers = race(&store, |store, racer| async move {
        let seen = IdentityUse {
            upstream: "example".to_owned(),
            display: None,
            tokens: Some(vec![u8::try_from(racer).unwrap()]),
        };
        let id = identity("a").id;
        store.use_identity(&id, &seen, at(1)).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |used| *used), RACERS);
    let stands = found(&*store, "a").await.unwrap();
    assert_eq!(stands.tokens_version, 1 + RACERS as u64);
}

pub async fn only_the_owner_unlinks<S: IdentityStore>(store: S) {
    linked(&store, &identity("a")).await;
    let (id, eve) = (identity("a").id, UserId::new("eve"));
    assert!(!store.unlink_identity(&eve, &id).await.unwrap());
    assert_eq!(store.unlink_identities(&eve).await.unwrap(), 0);
    assert_eq!(found(&store, "a").await, Some(identity("a")));
    assert!(store.unlink_identity(&ada(), &id).await.unwrap());
    assert!(!store.unlink_identity(&ada(), &id).await.unwrap());
    assert_eq!(found(&store, "a").await, None);
    assert_eq!(listed(&store, "ada").await, [""; 0]);
    // The identity may be linked again, by another too.
    linked(&store, &of_bob("a")).await;
    assert_eq!(found(&store, "a").await, Some(of_bob("a")));
}

pub async fn unlinks_all_of_a_user<S: IdentityStore>(store: S) {
    for identity in [&identity("a"), &identity("b"), &of_bob("c")] {
        linked(&store, identity).await;
    }
    assert_eq!(store.unlink_identities(&ada()).await.unwrap(), 2);
    assert_eq!(store.unlink_identities(&ada()).await.unwrap(), 0);
    assert_eq!(listed(&store, "ada").await, [""; 0]);
    assert_eq!(found(&store, "a").await, None);
    assert_eq!(listed(&store, "bob").await, ["id-c"]);
    linked(&store, &identity("a")).await;
}

pub async fn threat_12_one_of_many_unlinks<S: IdentityStore + 'static>(store: S) {
    let store = Arc::new(store);
    linked(&*store, &identity("a")).await;
    let answers = race(&store, |store, racer| async move {
        if racer % 2 == 0 {
            return store.unlink_identities(&ada()).await.unwrap();
        }
        let gone = store.unlink_identity(&ada(), &identity("a").id).await;
        u64::from(gone.unwrap())
    });
    assert_eq!(answers.await.iter().sum::<u64>(), 1);
}

pub async fn what_cannot_be_is_absent<S: IdentityStore>(store: S) {
    linked(&store, &identity("a")).await;
    let seen = IdentityUse {
        upstream: "example".to_owned(),
        display: None,
        tokens: None,
    };
    for text in odd_texts() {
        let (user, id) = (UserId::new(text.as_str()), IdentityId::new(text.as_str()));
        for (issuer, subject) in [(ISSUER, text.as_str()), (&text, "a"), (&text, &text)] {
            assert_eq!(store.identity(issuer, subject).await.unwrap(), None);
        }
        assert_eq!(store.identities_of(&user).await.unwrap(), []);
        let answers: [StoreResult<bool>; 4] = [
            store.use_identity(&id, &seen, at(1)).await,
            store.replace_identity_tokens(&id, 1, Some(b"x")).await,
            store.unlink_identity(&ada(), &id).await,
            store.unlink_identity(&user, &identity("a").id).await,
        ];
        for answer in answers {
            assert!(!answer.unwrap(), "{text:?}");
        }
        assert_eq!(store.unlink_identities(&user).await.unwrap(), 0);
    }
    assert_eq!(found(&store, "a").await, Some(identity("a")));
}
