//! Another address, and the end of an account.

use std::sync::Arc;

use super::user::{create, email, hash, user};
use super::{at, count, odd_texts, race};
use crate::store::{
    AccountEnd, ChangeEmail, CreateUser, Identifier, User, UserChange, UserId, UserStore,
};

const EVERY_END: [AccountEnd; 3] = [AccountEnd::Soft, AccountEnd::Anonymize, AccountEnd::Hard];

/// An account that is to end at 100.
fn leaving(name: &str) -> User {
    User {
        delete_at: Some(at(100)),
        ..user(name)
    }
}

async fn change_delete_at(store: &impl UserStore, id: &UserId, to: Option<i64>) {
    let change = UserChange {
        delete_at: Some(to.map(at)),
        ..UserChange::default()
    };
    let changed = store.update_user(id, &change, at(1)).await.unwrap();
    assert_eq!(changed.unwrap().delete_at, to.map(at));
}

pub async fn keeps_what_is_demanded_and_when_it_ends<S: UserStore>(store: S) {
    let eve = User {
        mfa_required: true,
        ..leaving("eve")
    };
    create(&store, &eve, None).await;
    assert_eq!(store.user(&eve.id).await.unwrap(), Some(eve.clone()));
    let found = store.credentials(&email(&eve)).await.unwrap();
    assert_eq!(found, Some((eve.clone(), None)));
    for (mfa_required, delete_at) in [(false, None), (true, Some(at(7)))] {
        let change = UserChange {
            mfa_required: Some(mfa_required),
            delete_at: Some(delete_at),
            ..UserChange::default()
        };
        let updated = store.update_user(&eve.id, &change, at(8)).await.unwrap();
        // No claim shows either.
        let expected = User {
            mfa_required,
            delete_at,
            ..eve.clone()
        };
        assert_eq!(updated, Some(expected.clone()));
        assert_eq!(store.user(&eve.id).await.unwrap(), Some(expected));
    }
}

pub async fn replaces_the_address<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, Some(&hash("a"))).await;
    let new = "ada@new.example";
    let changed = store.change_email(&ada.id, Some("ada@example.com"), new, at(5));
    assert_eq!(changed.await.unwrap(), ChangeEmail::Changed);
    let expected = User {
        email: Some(new.to_owned()),
        email_verified_at: Some(at(5)),
        updated_at: at(5),
        ..ada.clone()
    };
    let found = store.credentials(&Identifier::Email(new.into())).await;
    assert_eq!(found.unwrap(), Some((expected, Some(hash("a")))));
    assert_eq!(store.credentials(&email(&ada)).await.unwrap(), None);
    // The old address is free again.
    let other = User {
        email: ada.email.clone(),
        ..user("bob")
    };
    create(&store, &other, None).await;
}

pub async fn gives_an_address_to_who_has_none<S: UserStore>(store: S) {
    let ada = User {
        email: None,
        ..user("ada")
    };
    create(&store, &ada, None).await;
    let stale = store.change_email(&ada.id, Some("x@example.com"), "a@example.com", at(5));
    assert_eq!(stale.await.unwrap(), ChangeEmail::Stale);
    let changed = store.change_email(&ada.id, None, "a@example.com", at(5));
    assert_eq!(changed.await.unwrap(), ChangeEmail::Changed);
    let found = store.user(&ada.id).await.unwrap().unwrap();
    assert_eq!(found.email.as_deref(), Some("a@example.com"));
    assert_eq!(found.email_verified_at, Some(at(5)));
    // It has one now.
    let stale = store.change_email(&ada.id, None, "b@example.com", at(6));
    assert_eq!(stale.await.unwrap(), ChangeEmail::Stale);
}

pub async fn an_address_can_be_written_otherwise<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, None).await;
    let mut from = "ada@example.com";
    for (to, now) in [
        ("Ada@example.com", 5),
        ("Ada@example.com", 6),
        ("ada@example.com", 7),
    ] {
        let changed = store.change_email(&ada.id, Some(from), to, at(now)).await;
        assert_eq!(changed.unwrap(), ChangeEmail::Changed, "{to}");
        from = to;
        let found = store.user(&ada.id).await.unwrap().unwrap();
        assert_eq!(found.email.as_deref(), Some(to));
        assert_eq!(found.email_verified_at, Some(at(now)));
        let found = store.credentials(&Identifier::Email(to.into())).await;
        assert!(found.unwrap().is_some(), "{to}");
    }
    let other = Identifier::Email("Ada@example.com".into());
    assert_eq!(store.credentials(&other).await.unwrap(), None);
}

pub async fn a_taken_address_is_refused<S: UserStore>(store: S) {
    let (ada, bob) = (user("ada"), user("bob"));
    create(&store, &ada, None).await;
    create(&store, &bob, None).await;
    let taken = store.change_email(&bob.id, Some("bob@example.com"), "ada@example.com", at(5));
    assert_eq!(taken.await.unwrap(), ChangeEmail::Taken);
    for user in [ada, bob] {
        assert_eq!(store.user(&user.id).await.unwrap(), Some(user.clone()));
        let found = store.credentials(&email(&user)).await.unwrap();
        assert_eq!(found, Some((user, None)));
    }
}

pub async fn threat_15_a_change_begins_at_the_address_it_began_from<S: UserStore>(store: S) {
    let (ada, bob) = (user("ada"), user("bob"));
    create(&store, &ada, None).await;
    create(&store, &bob, None).await;
    let none = UserId::new("none");
    for (id, from, to) in [
        (&ada.id, Some("old@example.com"), "new@example.com"),
        (&ada.id, Some("ADA@example.com"), "new@example.com"),
        (&ada.id, Some(""), "new@example.com"),
        (&ada.id, None, "new@example.com"),
        // Stale comes first: whether another has the address is not its business.
        (&ada.id, Some("old@example.com"), "bob@example.com"),
        (&none, Some("ada@example.com"), "new@example.com"),
        (&none, None, "new@example.com"),
    ] {
        let stale = store.change_email(id, from, to, at(5)).await.unwrap();
        assert_eq!(stale, ChangeEmail::Stale, "{id} {from:?} {to}");
    }
    for text in odd_texts() {
        let stale = store.change_email(&ada.id, Some(&text), "new@example.com", at(5));
        assert_eq!(stale.await.unwrap(), ChangeEmail::Stale);
        let id = UserId::new(text);
        let stale = store.change_email(&id, None, "new@example.com", at(5));
        assert_eq!(stale.await.unwrap(), ChangeEmail::Stale);
    }
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(ada));
}

pub async fn threat_12_one_of_many_gets_an_address<S: UserStore + 'static>(store: S) {
    let store = Arc::new(store);
    for racer in 0..super::RACERS {
        create(&*store, &user(&racer.to_string()), None).await;
    }
    let answers = race(&store, |store, racer| async move {
        let user = user(&racer.to_string());
        let from = user.email.as_deref();
        let changed = store.change_email(&user.id, from, "same@example.com", at(5));
        changed.await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |one| *one == ChangeEmail::Changed), 1);
    let taken = count(&answers, |one| *one == ChangeEmail::Taken);
    assert_eq!(taken, answers.len() - 1);
    let winner = answers.iter().position(|one| *one == ChangeEmail::Changed);
    let same = Identifier::Email("same@example.com".into());
    let (found, _) = store.credentials(&same).await.unwrap().unwrap();
    assert_eq!(found.id, user(&winner.unwrap().to_string()).id);
}

pub async fn threat_12_one_of_many_changes_of_an_address_stands<S: UserStore + 'static>(store: S) {
    let store = Arc::new(store);
    create(&*store, &user("ada"), None).await;
    let answers = race(&store, |store, racer| async move {
        let to = format!("{racer}@example.com");
        let id = user("ada").id;
        let changed = store.change_email(&id, Some("ada@example.com"), &to, at(5));
        changed.await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |one| *one == ChangeEmail::Changed), 1);
    let stale = count(&answers, |one| *one == ChangeEmail::Stale);
    assert_eq!(stale, answers.len() - 1);
    let winner = answers.iter().position(|one| *one == ChangeEmail::Changed);
    let found = store.user(&user("ada").id).await.unwrap().unwrap();
    let expected = format!("{}@example.com", winner.unwrap());
    assert_eq!(found.email, Some(expected));
}

pub async fn lists_whose_time_has_come<S: UserStore>(store: S) {
    for (name, delete_at) in [
        ("a", Some(at(30))),
        ("b", Some(at(10))),
        ("c", Some(at(10))),
        ("d", Some(at(31))),
        ("e", None),
    ] {
        let user = User {
            delete_at,
            ..user(name)
        };
        create(&store, &user, None).await;
    }
    let expected = |names: &[&str]| -> Vec<_> {
        let ids = names.iter().map(|name| user(name).id);
        ids.collect()
    };
    for (now, limit, names) in [
        (9, 10, &[][..]),
        (10, 10, &["b", "c"]),
        (30, 10, &["b", "c", "a"]),
        (30, 2, &["b", "c"]),
        (30, 0, &[]),
        (31, 10, &["b", "c", "a", "d"]),
    ] {
        let found = store.users_to_end(at(now), limit).await.unwrap();
        assert_eq!(found, expected(names), "{now} {limit}");
    }
    // Who changed their mind, who changed it back, and who is ended already.
    change_delete_at(&store, &user("c").id, None).await;
    change_delete_at(&store, &user("b").id, Some(31)).await;
    change_delete_at(&store, &user("e").id, Some(5)).await;
    let ended = store
        .end_user(&user("d").id, AccountEnd::Soft, at(31))
        .await;
    assert!(ended.unwrap());
    let found = store.users_to_end(at(31), 10).await.unwrap();
    assert_eq!(found, expected(&["e", "a", "b"]));
}

pub async fn no_account_ends_before_its_time<S: UserStore>(store: S) {
    let (ada, bob) = (leaving("ada"), user("bob"));
    create(&store, &ada, Some(&hash("a"))).await;
    create(&store, &bob, Some(&hash("b"))).await;
    let none = UserId::new("none");
    for how in EVERY_END {
        for (id, now) in [(&ada.id, 99), (&bob.id, 99_999), (&none, 99_999)] {
            let ended = store.end_user(id, how, at(now)).await.unwrap();
            assert!(!ended, "{id} {how:?}");
        }
        for text in odd_texts() {
            let ended = store.end_user(&UserId::new(text), how, at(99_999)).await;
            assert!(!ended.unwrap());
        }
    }
    for (user, password) in [(ada, "a"), (bob, "b")] {
        let found = store.credentials(&email(&user)).await.unwrap();
        assert_eq!(found, Some((user, Some(hash(password)))));
    }
}

pub async fn a_soft_end_disables<S: UserStore>(store: S) {
    let (ada, disabled) = (
        leaving("ada"),
        User {
            disabled_at: Some(at(7)),
            ..leaving("bob")
        },
    );
    for (user, disabled_at) in [(ada, at(100)), (disabled, at(7))] {
        create(&store, &user, Some(&hash("a"))).await;
        let ended = store.end_user(&user.id, AccountEnd::Soft, at(100)).await;
        assert!(ended.unwrap());
        let expected = User {
            disabled_at: Some(disabled_at),
            delete_at: None,
            ..user.clone()
        };
        let found = store.credentials(&email(&user)).await.unwrap();
        assert_eq!(found, Some((expected, Some(hash("a")))));
        let again = store.end_user(&user.id, AccountEnd::Hard, at(100)).await;
        assert!(!again.unwrap(), "it is ended");
    }
}

pub async fn an_anonymized_account_names_nobody<S: UserStore>(store: S) {
    let ada = User {
        email_verified_at: Some(at(1)),
        mfa_required: true,
        ..leaving("ada")
    };
    create(&store, &ada, Some(&hash("a"))).await;
    let ended = store.end_user(&ada.id, AccountEnd::Anonymize, at(101));
    assert!(ended.await.unwrap());
    let expected = User {
        email: None,
        email_verified_at: None,
        username: None,
        claims: serde_json::Map::new(),
        updated_at: at(101),
        disabled_at: Some(at(101)),
        delete_at: None,
        ..ada.clone()
    };
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(expected));
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), None);
    for identifier in [
        email(&ada),
        Identifier::Username(ada.username.clone().unwrap()),
    ] {
        assert_eq!(store.credentials(&identifier).await.unwrap(), None);
    }
    // The id stays taken, the rest is free.
    let again = User {
        id: UserId::new("another"),
        ..user("ada")
    };
    create(&store, &again, None).await;
}

pub async fn a_hard_end_leaves_nothing<S: UserStore>(store: S) {
    let ada = leaving("ada");
    create(&store, &ada, Some(&hash("a"))).await;
    let ended = store.end_user(&ada.id, AccountEnd::Hard, at(100)).await;
    assert!(ended.unwrap());
    assert_eq!(store.user(&ada.id).await.unwrap(), None);
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), None);
    assert_eq!(store.credentials(&email(&ada)).await.unwrap(), None);
    assert_eq!(store.users_to_end(at(999), 9).await.unwrap(), []);
    let answer = store.create_user(&user("ada"), None).await.unwrap();
    assert_eq!(answer, CreateUser::Created);
}

pub async fn threat_12_one_of_many_ends_an_account<S: UserStore + 'static>(store: S) {
    let store = Arc::new(store);
    for (name, how) in ["a", "b", "c"].into_iter().zip(EVERY_END) {
        create(&*store, &leaving(name), None).await;
        let answers = race(&store, move |store, _| async move {
            store.end_user(&user(name).id, how, at(100)).await.unwrap()
        })
        .await;
        assert_eq!(count(&answers, |ended| *ended), 1, "{how:?}");
    }
}

/// Half of them end the account, half of them keep it: whoever comes first has the last word.
pub async fn a_cancellation_that_came_first_wins<S: UserStore + 'static>(store: S) {
    let store = Arc::new(store);
    for round in 0..4 {
        let name = &round.to_string();
        let id = &leaving(name).id;
        create(&*store, &leaving(name), Some(&hash("a"))).await;
        let answers = race(&store, |store, racer| {
            let id = id.clone();
            async move {
                if racer % 2 == 0 {
                    let ended = store.end_user(&id, AccountEnd::Hard, at(100)).await;
                    return ended.unwrap();
                }
                change_if_there(&*store, &id).await;
                false
            }
        })
        .await;
        let ended = count(&answers, |ended| *ended);
        assert!(ended <= 1);
        let stands = store.user(id).await.unwrap();
        assert_eq!(stands.is_none(), ended == 1);
        if let Some(user) = stands {
            assert_eq!(user.delete_at, None);
            let left = store.end_user(id, AccountEnd::Hard, at(999)).await;
            assert!(!left.unwrap());
        }
    }
}

async fn change_if_there(store: &impl UserStore, id: &UserId) {
    let cancel = UserChange {
        delete_at: Some(None),
        ..UserChange::default()
    };
    store.update_user(id, &cancel, at(100)).await.unwrap();
}
