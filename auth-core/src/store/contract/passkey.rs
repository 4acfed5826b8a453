//! Passkeys.

use std::sync::Arc;

use super::{RACERS, at, count, odd_texts, race};
use crate::store::{AddPasskey, Passkey, PasskeyId, PasskeyStore, UserId};

fn ada() -> UserId {
    UserId::new("ada")
}

fn passkey(name: &str) -> Passkey {
    Passkey {
        id: PasskeyId::new(format!("id-{name}")),
        user_id: ada(),
        name: format!("{name}'s 🔑"),
        credential: (0..=255).collect(),
        counter: 0,
        created_at: at(0),
        last_used_at: None,
    }
}

async fn add(store: &impl PasskeyStore, passkey: &Passkey, most: u32) -> AddPasskey {
    store.add_passkey(passkey, most).await.unwrap()
}

async fn added(store: &impl PasskeyStore, passkey: &Passkey) {
    assert_eq!(add(store, passkey, 100).await, AddPasskey::Added);
}

async fn found(store: &impl PasskeyStore, name: &str) -> Option<Passkey> {
    store.passkey(&passkey(name).id).await.unwrap()
}

async fn listed(store: &impl PasskeyStore, user: &str) -> Vec<String> {
    let passkeys = store.passkeys_of(&UserId::new(user)).await.unwrap();
    let ids = passkeys.iter().map(|one| one.id.as_str().to_owned());
    ids.collect()
}

pub async fn reads_back_what_was_added<S: PasskeyStore>(store: S) {
    let all = Passkey {
        credential: vec![0; 64 * 1024],
        counter: u32::MAX,
        last_used_at: Some(at(5)),
        name: String::new(),
        ..passkey("b")
    };
    for passkey in [passkey("a"), all] {
        assert_eq!(store.passkey(&passkey.id).await.unwrap(), None);
        added(&store, &passkey).await;
        let found = store.passkey(&passkey.id).await.unwrap();
        assert_eq!(found, Some(passkey));
    }
}

pub async fn lists_oldest_first<S: PasskeyStore>(store: S) {
    for (name, created) in [("c", 3), ("a", 2), ("d", 1), ("b", 2)] {
        let passkey = Passkey {
            created_at: at(created),
            ..passkey(name)
        };
        added(&store, &passkey).await;
    }
    assert_eq!(
        listed(&store, "ada").await,
        ["id-d", "id-a", "id-b", "id-c"]
    );
    assert_eq!(listed(&store, "bob").await, [""; 0]);
}

pub async fn a_credential_is_registered_once<S: PasskeyStore>(store: S) {
    added(&store, &passkey("a")).await;
    let planted = Passkey {
        user_id: UserId::new("eve"),
        credential: vec![6],
        ..passkey("a")
    };
    for other in [&planted, &passkey("a")] {
        assert_eq!(add(&store, other, 100).await, AddPasskey::Exists);
        // Also where there is no room.
        assert_eq!(add(&store, other, 1).await, AddPasskey::Exists);
    }
    assert_eq!(found(&store, "a").await, Some(passkey("a")));
    assert_eq!(listed(&store, "eve").await, [""; 0]);
}

pub async fn no_more_than_allowed<S: PasskeyStore>(store: S) {
    assert_eq!(add(&store, &passkey("a"), 0).await, AddPasskey::TooMany);
    for name in ["a", "b", "c"] {
        assert_eq!(add(&store, &passkey(name), 3).await, AddPasskey::Added);
    }
    assert_eq!(add(&store, &passkey("d"), 3).await, AddPasskey::TooMany);
    // Fewer are allowed than there are.
    assert_eq!(add(&store, &passkey("d"), 1).await, AddPasskey::TooMany);
    let others = Passkey {
        user_id: UserId::new("bob"),
        ..passkey("e")
    };
    assert_eq!(add(&store, &others, 3).await, AddPasskey::Added);
    // There is room again for as many as went.
    for name in ["b", "a"] {
        let removed = store.remove_passkey(&ada(), &passkey(name).id).await;
        assert!(removed.unwrap());
    }
    for (name, expected) in [
        ("d", AddPasskey::Added),
        ("a", AddPasskey::Added),
        ("f", AddPasskey::TooMany),
    ] {
        assert_eq!(add(&store, &passkey(name), 3).await, expected, "{name}");
    }
    assert_eq!(add(&store, &passkey("f"), 4).await, AddPasskey::Added);
}

pub async fn threat_12_many_at_once_are_no_more_than_allowed<S: PasskeyStore + 'static>(store: S) {
    let store = Arc::new(store);
    let answers = race(&store, |store, racer| async move {
        add(&*store, &passkey(&racer.to_string()), 5).await
    })
    .await;
    assert_eq!(count(&answers, |one| *one == AddPasskey::Added), 5);
    let refused = count(&answers, |one| *one == AddPasskey::TooMany);
    assert_eq!(refused, answers.len() - 5);
    assert_eq!(listed(&*store, "ada").await.len(), 5);
}

pub async fn many_at_once_find_room<S: PasskeyStore + 'static>(store: S) {
    let store = Arc::new(store);
    let most = u32::try_from(RACERS).unwrap();
    let answers = race(&store, move |store, racer| async move {
        add(&*store, &passkey(&racer.to_string()), most).await
    })
    .await;
    assert_eq!(count(&answers, |one| *one == AddPasskey::Added), RACERS);
    assert_eq!(
        add(&*store, &passkey("late"), most).await,
        AddPasskey::TooMany
    );
}

pub async fn one_of_many_registers_a_credential<S: PasskeyStore + 'static>(store: S) {
    let store = Arc::new(store);
    let make = |racer: usize| Passkey {
        user_id: UserId::new(racer.to_string()),
        ..passkey("same")
    };
    let answers = race(&store, |store, racer| async move {
        add(&*store, &make(racer), 5).await
    })
    .await;
    assert_eq!(count(&answers, |one| *one == AddPasskey::Added), 1);
    let exists = count(&answers, |one| *one == AddPasskey::Exists);
    assert_eq!(exists, answers.len() - 1);
    let winner = answers.iter().position(|one| *one == AddPasskey::Added);
    assert_eq!(found(&*store, "same").await, winner.map(make));
}

pub async fn records_a_use<S: PasskeyStore>(store: S) {
    added(&store, &passkey("a")).await;
    added(&store, &passkey("b")).await;
    let id = passkey("a").id;
    // Zero stays zero for an authenticator that does not count; a count may begin any time.
    for (expected, counter, credential, now) in [
        (0, 0, b"first".to_vec(), 1),
        (0, 5, vec![0, 255], 2),
        (5, u32::MAX, Vec::new(), 3),
    ] {
        let used = store.use_passkey(&id, expected, counter, &credential, at(now));
        assert!(used.await.unwrap(), "{counter}");
        let stands = Passkey {
            counter,
            credential,
            last_used_at: Some(at(now)),
            ..passkey("a")
        };
        assert_eq!(found(&store, "a").await, Some(stands));
    }
    assert_eq!(found(&store, "b").await, Some(passkey("b")));
}

pub async fn threat_54_a_counter_never_goes_back_unseen<S: PasskeyStore>(store: S) {
    let counted = Passkey {
        counter: 7,
        ..passkey("a")
    };
    added(&store, &counted).await;
    for expected in [0, 6, 8, u32::MAX] {
        let used = store.use_passkey(&counted.id, expected, 9, b"x", at(1));
        assert!(!used.await.unwrap(), "{expected}");
    }
    let absent = passkey("absent").id;
    let used = store.use_passkey(&absent, 0, 1, b"x", at(1)).await;
    assert!(!used.unwrap());
    assert_eq!(found(&store, "a").await, Some(counted));
}

pub async fn threat_54_one_of_many_uses_a_count<S: PasskeyStore + 'static>(store: S) {
    let store = Arc::new(store);
    let counted = Passkey {
        counter: 7,
        ..passkey("a")
    };
    added(&*store, &counted).await;
    let answers = race(&store, |store, racer| async move {
        let (id, next) = (passkey("a").id, 8 + u32::try_from(racer).unwrap());
        let used = store.use_passkey(&id, 7, next, &[1], at(1)).await;
        used.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let stands = found(&*store, "a").await.unwrap();
    assert_eq!(stands.counter as usize, 8 + winner);
}

pub async fn only_the_owner_renames_and_removes<S: PasskeyStore>(store: S) {
    added(&store, &passkey("a")).await;
    let (id, eve) = (passkey("a").id, UserId::new("eve"));
    assert!(!store.rename_passkey(&eve, &id, "mine").await.unwrap());
    assert!(!store.remove_passkey(&eve, &id).await.unwrap());
    assert_eq!(store.remove_passkeys(&eve).await.unwrap(), 0);
    assert_eq!(found(&store, "a").await, Some(passkey("a")));
    for name in ["Schlüssel 🗝", "", "'; --"] {
        assert!(store.rename_passkey(&ada(), &id, name).await.unwrap());
        assert_eq!(found(&store, "a").await.unwrap().name, name);
    }
    assert!(store.remove_passkey(&ada(), &id).await.unwrap());
    assert!(!store.remove_passkey(&ada(), &id).await.unwrap());
    assert!(!store.rename_passkey(&ada(), &id, "x").await.unwrap());
    assert_eq!(found(&store, "a").await, None);
    // The credential may be registered again.
    added(&store, &passkey("a")).await;
}

pub async fn removes_all_of_a_user<S: PasskeyStore>(store: S) {
    let others = Passkey {
        user_id: UserId::new("bob"),
        ..passkey("c")
    };
    for passkey in [&passkey("a"), &passkey("b"), &others] {
        added(&store, passkey).await;
    }
    assert_eq!(store.remove_passkeys(&ada()).await.unwrap(), 2);
    assert_eq!(store.remove_passkeys(&ada()).await.unwrap(), 0);
    assert_eq!(listed(&store, "ada").await, [""; 0]);
    assert_eq!(listed(&store, "bob").await, ["id-c"]);
}

pub async fn threat_12_one_of_many_removes<S: PasskeyStore + 'static>(store: S) {
    let store = Arc::new(store);
    added(&*store, &passkey("a")).await;
    let answers = race(&store, |store, _| async move {
        let removed = store.remove_passkey(&ada(), &passkey("a").id).await;
        removed.unwrap()
    });
    assert_eq!(count(&answers.await, |won| *won), 1);
}

pub async fn an_id_that_cannot_be_is_absent<S: PasskeyStore>(store: S) {
    added(&store, &passkey("a")).await;
    for text in odd_texts() {
        let (user, id) = (UserId::new(text.as_str()), PasskeyId::new(text.as_str()));
        assert_eq!(store.passkey(&id).await.unwrap(), None);
        assert_eq!(store.passkeys_of(&user).await.unwrap(), []);
        let used = store.use_passkey(&id, 0, 1, b"x", at(1)).await;
        assert!(!used.unwrap());
        assert!(!store.rename_passkey(&ada(), &id, "x").await.unwrap());
        assert!(!store.remove_passkey(&ada(), &id).await.unwrap());
        assert_eq!(store.remove_passkeys(&user).await.unwrap(), 0);
    }
    assert_eq!(found(&store, "a").await, Some(passkey("a")));
}
