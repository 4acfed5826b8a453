//! Users and passwords.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{assert_exists, at, count, race};
use crate::store::{CreateUser, Identifier, PasswordHash, User, UserChange, UserId, UserStore};

pub(super) fn user(name: &str) -> User {
    let claims = json!({
        "name": format!("{name} Ångström 🦀"),
        "address": { "locality": "Zürich", "lines": ["a", null, 1.5] },
        "big": 9_007_199_254_740_993_i64,
    });
    let Value::Object(claims) = claims else {
        unreachable!("a JSON object");
    };
    User {
        id: UserId::new(format!("id-{name}")),
        email: Some(format!("{name}@example.com")),
        email_verified_at: None,
        username: Some(name.to_owned()),
        claims,
        created_at: at(0),
        updated_at: at(0),
        disabled_at: None,
        mfa_required: false,
        delete_at: None,
    }
}

pub(super) fn email(user: &User) -> Identifier {
    Identifier::Email(user.email.clone().unwrap())
}

fn username(user: &User) -> Identifier {
    Identifier::Username(user.username.clone().unwrap())
}

pub(super) fn hash(name: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=19456,t=2,p=1${name}"))
}

pub(super) async fn create(store: &impl UserStore, user: &User, password: Option<&PasswordHash>) {
    assert_eq!(
        store.create_user(user, password).await.unwrap(),
        CreateUser::Created
    );
}

pub async fn reads_back_what_was_created<S: UserStore>(store: S) {
    let ada = User {
        email_verified_at: Some(at(5)),
        disabled_at: Some(at(6)),
        ..user("ada")
    };
    create(&store, &ada, Some(&hash("a"))).await;
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(ada.clone()));
    let found = store.credentials(&email(&ada)).await.unwrap();
    assert_eq!(found, Some((ada.clone(), Some(hash("a")))));
    let found = store.credentials(&username(&ada)).await.unwrap();
    assert_eq!(found, Some((ada.clone(), Some(hash("a")))));
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("a")));

    let bob = user("bob");
    create(&store, &bob, None).await;
    assert_eq!(store.user(&bob.id).await.unwrap(), Some(bob.clone()));
    let found = store.credentials(&email(&bob)).await.unwrap();
    assert_eq!(found, Some((bob.clone(), None)));
    assert_eq!(store.password_hash(&bob.id).await.unwrap(), None);
}

pub async fn absent_users_are_none<S: UserStore>(store: S) {
    let ada = user("ada");
    assert_eq!(store.user(&ada.id).await.unwrap(), None);
    assert_eq!(store.credentials(&email(&ada)).await.unwrap(), None);
    assert_eq!(store.credentials(&username(&ada)).await.unwrap(), None);
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), None);
    let set = store.set_password(&ada.id, None, &hash("a"), at(1)).await;
    assert!(!set.unwrap());
    let change = UserChange::default();
    let updated = store.update_user(&ada.id, &change, at(1)).await.unwrap();
    assert_eq!(updated, None);
    let verified = store
        .verify_email(&ada.id, "ada@example.com", false, at(1))
        .await;
    assert!(!verified.unwrap());
}

/// A form can carry anything.
pub async fn an_identifier_that_cannot_be_is_absent<S: UserStore>(store: S) {
    for text in super::odd_texts() {
        let id = UserId::new(text.as_str());
        assert_eq!(store.user(&id).await.unwrap(), None);
        assert_eq!(store.password_hash(&id).await.unwrap(), None);
        for identifier in [
            Identifier::Email(text.clone()),
            Identifier::Username(text.clone()),
        ] {
            assert_eq!(store.credentials(&identifier).await.unwrap(), None);
        }
        let verified = store.verify_email(&id, &text, true, at(1)).await;
        assert!(!verified.unwrap());
    }
}

pub async fn identifiers_compare_exactly<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, None).await;
    for other in [
        Identifier::Email("ADA@example.com".into()),
        Identifier::Email("ada@example.com ".into()),
        Identifier::Email("ada".into()),
        Identifier::Username("Ada".into()),
        Identifier::Username("ada ".into()),
        Identifier::Username("ada@example.com".into()),
    ] {
        assert_eq!(store.credentials(&other).await.unwrap(), None, "{other:?}");
    }
    let id = UserId::new("ID-ada");
    assert_eq!(store.user(&id).await.unwrap(), None);
}

pub async fn a_taken_email_is_refused<S: UserStore>(store: S) {
    create(&store, &user("ada"), None).await;
    let other = User {
        email: user("ada").email,
        ..user("bob")
    };
    let answer = store.create_user(&other, None).await.unwrap();
    assert_eq!(answer, CreateUser::EmailTaken);
    assert_eq!(store.user(&other.id).await.unwrap(), None);
}

pub async fn a_taken_username_is_refused<S: UserStore>(store: S) {
    create(&store, &user("ada"), None).await;
    let other = User {
        username: user("ada").username,
        ..user("bob")
    };
    let answer = store.create_user(&other, None).await.unwrap();
    assert_eq!(answer, CreateUser::UsernameTaken);
    assert_eq!(store.user(&other.id).await.unwrap(), None);
}

pub async fn a_refused_user_leaves_nothing<S: UserStore>(store: S) {
    create(&store, &user("ada"), None).await;
    let other = User {
        username: user("ada").username,
        ..user("bob")
    };
    store.create_user(&other, Some(&hash("b"))).await.unwrap();
    assert_eq!(store.password_hash(&other.id).await.unwrap(), None);
    // Neither the address nor the id was taken by the refused call.
    create(&store, &user("bob"), None).await;
}

pub async fn an_id_in_use_is_an_error<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, Some(&hash("a"))).await;
    let other = User {
        id: ada.id.clone(),
        ..user("bob")
    };
    assert_exists(store.create_user(&other, Some(&hash("b"))).await);
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("a")));
    assert_eq!(store.credentials(&email(&other)).await.unwrap(), None);
}

pub async fn users_without_identifiers_do_not_collide<S: UserStore>(store: S) {
    for name in ["ada", "bob"] {
        let anonymous = User {
            email: None,
            username: None,
            claims: Map::new(),
            ..user(name)
        };
        create(&store, &anonymous, None).await;
        let found = store.user(&anonymous.id).await.unwrap();
        assert_eq!(found, Some(anonymous));
    }
}

async fn registrations<S: UserStore + 'static>(
    store: S,
    make: fn(usize) -> User,
    refused: CreateUser,
) {
    let store = Arc::new(store);
    let answers = race(&store, |store, racer| async move {
        let password = hash(&racer.to_string());
        store
            .create_user(&make(racer), Some(&password))
            .await
            .unwrap()
    })
    .await;
    assert_eq!(count(&answers, |answer| *answer == CreateUser::Created), 1);
    assert_eq!(
        count(&answers, |answer| *answer == refused),
        answers.len() - 1
    );
    for (racer, answer) in answers.iter().enumerate() {
        let stands = store.user(&make(racer).id).await.unwrap().is_some();
        assert_eq!(stands, *answer == CreateUser::Created);
    }
}

pub async fn threat_12_one_of_many_registrations_wins_the_email<S: UserStore + 'static>(store: S) {
    let make = |racer: usize| User {
        email: Some("same@example.com".into()),
        ..user(&racer.to_string())
    };
    registrations(store, make, CreateUser::EmailTaken).await;
}

pub async fn threat_12_one_of_many_registrations_wins_the_username<S: UserStore + 'static>(
    store: S,
) {
    let make = |racer: usize| User {
        username: Some("same".into()),
        ..user(&racer.to_string())
    };
    registrations(store, make, CreateUser::UsernameTaken).await;
}

pub async fn sets_the_password<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, None).await;
    let set = store.set_password(&ada.id, None, &hash("a"), at(1)).await;
    assert!(set.unwrap());
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("a")));
    let set = store
        .set_password(&ada.id, Some(&hash("a")), &hash("b"), at(2))
        .await;
    assert!(set.unwrap());
    let set = store.set_password(&ada.id, None, &hash("c"), at(3)).await;
    assert!(set.unwrap());
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("c")));
    // No claim shows a password.
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(ada));
}

pub async fn a_stale_password_change_writes_nothing<S: UserStore>(store: S) {
    let (ada, bob) = (user("ada"), user("bob"));
    create(&store, &ada, Some(&hash("new"))).await;
    let set = store
        .set_password(&ada.id, Some(&hash("old")), &hash("upgraded"), at(1))
        .await;
    assert!(!set.unwrap());
    let stands = store.password_hash(&ada.id).await.unwrap();
    assert_eq!(stands, Some(hash("new")));

    create(&store, &bob, None).await;
    let set = store
        .set_password(&bob.id, Some(&hash("old")), &hash("upgraded"), at(1))
        .await;
    assert!(!set.unwrap());
    assert_eq!(store.password_hash(&bob.id).await.unwrap(), None);
}

pub async fn threat_12_one_of_many_password_changes_wins<S: UserStore + 'static>(store: S) {
    let store = Arc::new(store);
    create(&*store, &user("ada"), Some(&hash("old"))).await;
    let answers = race(&store, |store, racer| async move {
        let new = hash(&racer.to_string());
        store
            .set_password(&user("ada").id, Some(&hash("old")), &new, at(1))
            .await
            .unwrap()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let stands = store.password_hash(&user("ada").id).await.unwrap();
    assert_eq!(stands, Some(hash(&winner.to_string())));
}

pub async fn updates_the_user<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, Some(&hash("a"))).await;
    let change = UserChange {
        claims: Some(user("eve").claims),
        disabled_at: Some(Some(at(7))),
        ..UserChange::default()
    };
    let expected = User {
        claims: user("eve").claims,
        disabled_at: Some(at(7)),
        updated_at: at(8),
        ..ada.clone()
    };
    let updated = store.update_user(&ada.id, &change, at(8)).await.unwrap();
    assert_eq!(updated, Some(expected.clone()));
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(expected.clone()));

    let change = UserChange {
        disabled_at: Some(None),
        ..UserChange::default()
    };
    // No claim shows that an account was disabled.
    let expected = User {
        disabled_at: None,
        ..expected
    };
    let updated = store.update_user(&ada.id, &change, at(9)).await.unwrap();
    assert_eq!(updated, Some(expected));
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("a")));

    // Only what was seen is replaced.
    let stale = UserChange {
        claims: Some(Map::new()),
        claims_were: Some(ada.claims.clone()),
        ..UserChange::default()
    };
    assert_ne!(ada.claims, user("eve").claims);
    let updated = store.update_user(&ada.id, &stale, at(10)).await.unwrap();
    assert_eq!(updated, None);
    let stands = store.user(&ada.id).await.unwrap().unwrap();
    assert_eq!(
        (stands.claims, stands.updated_at),
        (user("eve").claims, at(8))
    );
    let fresh = UserChange {
        claims_were: Some(user("eve").claims),
        ..stale
    };
    let updated = store.update_user(&ada.id, &fresh, at(11)).await.unwrap();
    assert_eq!(updated.unwrap().claims, Map::new());
}

pub async fn an_empty_update_changes_nothing<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, None).await;
    let change = UserChange::default();
    let updated = store.update_user(&ada.id, &change, at(8)).await.unwrap();
    assert_eq!(updated, Some(ada.clone()));
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(ada));
}

pub async fn verifies_the_email_once<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, Some(&hash("a"))).await;
    let address = "ada@example.com";
    assert!(
        store
            .verify_email(&ada.id, address, false, at(5))
            .await
            .unwrap()
    );
    assert!(
        !store
            .verify_email(&ada.id, address, true, at(6))
            .await
            .unwrap()
    );
    let expected = User {
        email_verified_at: Some(at(5)),
        updated_at: at(5),
        ..ada.clone()
    };
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(expected));
    // The second call was refused, so it dropped nothing.
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("a")));
}

pub async fn threat_15_a_confirmation_names_its_address<S: UserStore>(store: S) {
    let (ada, none) = (
        user("ada"),
        User {
            email: None,
            ..user("bob")
        },
    );
    create(&store, &ada, Some(&hash("a"))).await;
    create(&store, &none, None).await;
    for (id, address) in [
        (&ada.id, "old@example.com"),
        (&ada.id, "ADA@example.com"),
        (&ada.id, ""),
        (&none.id, "ada@example.com"),
        (&none.id, ""),
    ] {
        let verified = store.verify_email(id, address, true, at(5)).await.unwrap();
        assert!(!verified, "{address:?}");
    }
    assert_eq!(store.user(&ada.id).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.user(&none.id).await.unwrap(), Some(none));
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), Some(hash("a")));
}

pub async fn verifying_can_drop_the_password<S: UserStore>(store: S) {
    let ada = user("ada");
    create(&store, &ada, Some(&hash("planted"))).await;
    let verified = store
        .verify_email(&ada.id, "ada@example.com", true, at(5))
        .await;
    assert!(verified.unwrap());
    assert_eq!(store.password_hash(&ada.id).await.unwrap(), None);
    let (found, password) = store.credentials(&email(&ada)).await.unwrap().unwrap();
    assert_eq!((found.email_verified_at, password), (Some(at(5)), None));
}

pub async fn threat_12_one_of_many_confirmations_wins<S: UserStore + 'static>(store: S) {
    let store = Arc::new(store);
    create(&*store, &user("ada"), None).await;
    let answers = race(&store, |store, _| async move {
        store
            .verify_email(&user("ada").id, "ada@example.com", true, at(5))
            .await
            .unwrap()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
}
