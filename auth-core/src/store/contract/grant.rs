//! Grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{assert_exists, at, count, race};
use crate::store::{ClientId, Grant, GrantId, GrantStore, SessionClient, SessionId};

pub(super) fn app() -> ClientId {
    ClientId::new("app")
}

/// A living grant of ada to `app`.
pub(super) fn grant(id: &str) -> Grant {
    let details = json!({
        "nonce": "n-0S6_WzA2Mj",
        "claims": { "userinfo": { "given_name": { "essential": true }, "email": null } },
        "auth_time": 4_102_444_800_i64,
    });
    let Value::Object(details) = details else {
        unreachable!("a JSON object");
    };
    Grant {
        id: GrantId::new(id),
        client_id: app(),
        subject: "ada".into(),
        session_id: Some(SessionId::new("session")),
        scopes: ["openid", "profile"].map(String::from).into(),
        details,
        offline: false,
        created_at: at(0),
        expires_at: at(1000),
        revoked_at: None,
    }
}

pub(super) async fn is_live(store: &impl GrantStore, grant: &Grant) -> bool {
    let found = store.grant(&grant.id).await.unwrap().unwrap();
    found.is_live(at(1))
}

pub async fn reads_back_what_was_inserted<S: GrantStore>(store: S) {
    let full = Grant {
        revoked_at: Some(at(3)),
        ..grant("full")
    };
    let bare = Grant {
        session_id: None,
        scopes: BTreeSet::new(),
        details: serde_json::Map::new(),
        offline: true,
        ..grant("bare")
    };
    for grant in [full, bare] {
        store.insert_grant(&grant).await.unwrap();
        assert_eq!(store.grant(&grant.id).await.unwrap(), Some(grant));
    }
}

/// A token can name anything.
pub async fn an_id_that_cannot_be_is_absent<S: GrantStore>(store: S) {
    for text in super::odd_texts() {
        let id = GrantId::new(text.as_str());
        assert_eq!(store.grant(&id).await.unwrap(), None);
        assert!(!store.revoke_grant(&id, at(1)).await.unwrap());
        let (client, session) = (ClientId::new(text.as_str()), SessionId::new(text.as_str()));
        assert_eq!(store.consent(&text, &client).await.unwrap(), None);
        let ended = store.revoke_grants_of_session(&session, at(1)).await;
        assert_eq!(ended.unwrap(), 0);
        assert!(!store.revoke_consent(&text, &client, at(1)).await.unwrap());
    }
}

pub async fn absent_grants_are_none<S: GrantStore>(store: S) {
    let absent = GrantId::new("absent");
    assert_eq!(store.grant(&absent).await.unwrap(), None);
    assert!(!store.revoke_grant(&absent, at(1)).await.unwrap());
    assert_eq!(
        store.revoke_grants_of_client(&app(), at(1)).await.unwrap(),
        0
    );
    assert_eq!(
        store.revoke_grants_of_subject("ada", at(1)).await.unwrap(),
        0
    );
    let session = SessionId::new("session");
    let ended = store.revoke_grants_of_session(&session, at(1)).await;
    assert_eq!(ended.unwrap(), 0);
}

pub async fn threat_25_insert_never_overwrites<S: GrantStore>(store: S) {
    let first = grant("a");
    store.insert_grant(&first).await.unwrap();
    let other = Grant {
        subject: "eve".into(),
        ..first.clone()
    };
    assert_exists(store.insert_grant(&other).await);
    store.revoke_grant(&first.id, at(1)).await.unwrap();
    // A revoked grant does not come back by being written again.
    assert_exists(store.insert_grant(&first).await);
    let expected = Grant {
        revoked_at: Some(at(1)),
        ..first
    };
    assert_eq!(store.grant(&expected.id).await.unwrap(), Some(expected));
}

pub async fn revokes_once<S: GrantStore>(store: S) {
    let (revoked, other) = (grant("a"), grant("b"));
    store.insert_grant(&revoked).await.unwrap();
    store.insert_grant(&other).await.unwrap();
    assert!(store.revoke_grant(&revoked.id, at(1)).await.unwrap());
    assert!(!store.revoke_grant(&revoked.id, at(2)).await.unwrap());
    let expected = Grant {
        revoked_at: Some(at(1)),
        ..revoked
    };
    assert_eq!(store.grant(&expected.id).await.unwrap(), Some(expected));
    assert_eq!(store.grant(&other.id).await.unwrap(), Some(other));
}

pub async fn an_expired_grant_did_not_live<S: GrantStore>(store: S) {
    let (ended, lives) = (grant("a"), grant("b"));
    store.insert_grant(&ended).await.unwrap();
    store.insert_grant(&lives).await.unwrap();
    assert!(!store.revoke_grant(&ended.id, at(1000)).await.unwrap());
    assert!(store.revoke_grant(&lives.id, at(999)).await.unwrap());
}

pub async fn threat_12_one_of_many_revocations_wins<S: GrantStore + 'static>(store: S) {
    let store = Arc::new(store);
    store.insert_grant(&grant("a")).await.unwrap();
    let answers = race(&store, |store, _| async move {
        store.revoke_grant(&grant("a").id, at(1)).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |revoked| *revoked), 1);
}

pub async fn revokes_all_of_a_client<S: GrantStore>(store: S) {
    let grants = [grant("a"), grant("b"), grant("c")];
    let other = Grant {
        client_id: ClientId::new("other"),
        ..grant("d")
    };
    for grant in grants.iter().chain([&other]) {
        store.insert_grant(grant).await.unwrap();
    }
    store.revoke_grant(&grants[0].id, at(1)).await.unwrap();
    assert_eq!(
        store.revoke_grants_of_client(&app(), at(2)).await.unwrap(),
        2
    );
    assert_eq!(
        store.revoke_grants_of_client(&app(), at(3)).await.unwrap(),
        0
    );
    let found = store.grant(&grants[1].id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(at(2)));
    assert!(is_live(&store, &other).await);
}

pub async fn revokes_all_of_a_subject<S: GrantStore>(store: S) {
    let other_client = Grant {
        client_id: ClientId::new("other"),
        ..grant("b")
    };
    let other_subject = Grant {
        subject: "bob".into(),
        ..grant("c")
    };
    for grant in [&grant("a"), &other_client, &other_subject] {
        store.insert_grant(grant).await.unwrap();
    }
    assert_eq!(
        store.revoke_grants_of_subject("ada", at(1)).await.unwrap(),
        2
    );
    assert!(!is_live(&store, &grant("a")).await);
    assert!(!is_live(&store, &other_client).await);
    assert!(is_live(&store, &other_subject).await);
}

pub async fn revokes_those_that_end_with_the_session<S: GrantStore>(store: S) {
    let offline = Grant {
        offline: true,
        ..grant("b")
    };
    let other = Grant {
        session_id: Some(SessionId::new("other")),
        ..grant("c")
    };
    let none = Grant {
        session_id: None,
        ..grant("d")
    };
    for grant in [&grant("a"), &offline, &other, &none] {
        store.insert_grant(grant).await.unwrap();
    }
    let session = SessionId::new("session");
    let ended = store.revoke_grants_of_session(&session, at(1)).await;
    assert_eq!(ended.unwrap(), 1);
    assert!(!is_live(&store, &grant("a")).await);
    for lives in [&offline, &other, &none] {
        assert!(is_live(&store, lives).await);
    }
}

pub async fn names_the_clients_of_a_session<S: GrantStore>(store: S) {
    let session = SessionId::new("session");
    let clients = store.clients_of_session(&session).await.unwrap();
    assert_eq!(clients, []);
    let narrow = Grant {
        client_id: ClientId::new("narrow"),
        scopes: BTreeSet::from(["openid".to_owned()]),
        offline: true,
        ..grant("c")
    };
    let other = Grant {
        client_id: ClientId::new("other"),
        session_id: Some(SessionId::new("other")),
        ..grant("e")
    };
    let none = Grant {
        session_id: None,
        ..grant("f")
    };
    let wide = Grant {
        id: GrantId::new("d"),
        scopes: BTreeSet::from(["email".to_owned(), "openid".to_owned()]),
        ..narrow.clone()
    };
    // The same twice is one.
    for grant in [&grant("a"), &grant("b"), &narrow, &wide, &other, &none] {
        store.insert_grant(grant).await.unwrap();
    }
    store.revoke_grant(&narrow.id, at(1)).await.unwrap();
    let ended = store.revoke_grants_of_session(&session, at(1)).await;
    assert_eq!(ended.unwrap(), 2);
    let expected: BTreeSet<_> = [&grant("a"), &narrow, &wide]
        .map(|grant| SessionClient {
            client_id: grant.client_id.clone(),
            subject: grant.subject.clone(),
            scopes: grant.scopes.clone(),
        })
        .into();
    let clients = store.clients_of_session(&session).await.unwrap();
    assert_eq!(clients.len(), 3);
    assert_eq!(clients.iter().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(clients.is_sorted_by_key(|client| client.client_id.clone()));
}
