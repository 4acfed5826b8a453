//! Remembered consents.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::grant::{app, grant, is_live};
use super::{at, race};
use crate::store::{ClientId, Consent, Grant, GrantStore};

fn scopes(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

async fn remember(store: &impl GrantStore, client: &ClientId, names: &[&str], now: i64) {
    store
        .remember_consent("ada", client, &scopes(names), at(now))
        .await
        .unwrap();
}

pub async fn remembers_and_widens<S: GrantStore>(store: S) {
    assert_eq!(store.consent("ada", &app()).await.unwrap(), None);
    remember(&store, &app(), &["openid", "email"], 1).await;
    let first = Consent {
        subject: "ada".into(),
        client_id: app(),
        scopes: scopes(&["email", "openid"]),
        granted_at: at(1),
        updated_at: at(1),
    };
    let found = store.consent("ada", &app()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&first));
    remember(&store, &app(), &["openid", "profile"], 2).await;
    let wider = Consent {
        scopes: scopes(&["email", "openid", "profile"]),
        updated_at: at(2),
        ..first
    };
    let found = store.consent("ada", &app()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&wider));
    // Nothing new: it was not widened.
    remember(&store, &app(), &["email"], 3).await;
    remember(&store, &app(), &[], 3).await;
    assert_eq!(store.consent("ada", &app()).await.unwrap(), Some(wider));
    assert_eq!(store.consent("bob", &app()).await.unwrap(), None);
    let other = ClientId::new("other");
    assert_eq!(store.consent("ada", &other).await.unwrap(), None);
}

pub async fn threat_12_parallel_consents_lose_no_scope<S: GrantStore + 'static>(store: S) {
    let store = Arc::new(store);
    race(&store, |store, racer| async move {
        remember(&*store, &app(), &[&format!("scope {racer}")], 1).await;
    })
    .await;
    let found = store.consent("ada", &app()).await.unwrap().unwrap();
    assert_eq!(found.scopes.len(), super::RACERS);
}

pub async fn lists_oldest_first<S: GrantStore>(store: S) {
    for (client, now) in [("c", 1), ("a", 3), ("b", 2)] {
        remember(&store, &ClientId::new(client), &["openid"], now).await;
    }
    store
        .remember_consent("bob", &app(), &scopes(&["openid"]), at(0))
        .await
        .unwrap();
    let listed = store.consents_of("ada").await.unwrap();
    let clients: Vec<_> = listed
        .iter()
        .map(|consent| consent.client_id.as_str())
        .collect();
    assert_eq!(clients, ["c", "b", "a"]);
    assert_eq!(store.consents_of("eve").await.unwrap(), Vec::new());
}

pub async fn revoking_forgets_and_ends_the_grants<S: GrantStore>(store: S) {
    let other_client = Grant {
        client_id: ClientId::new("other"),
        ..grant("b")
    };
    let other_subject = Grant {
        subject: "bob".into(),
        ..grant("c")
    };
    let offline = Grant {
        offline: true,
        ..grant("d")
    };
    for grant in [&grant("a"), &other_client, &other_subject, &offline] {
        store.insert_grant(grant).await.unwrap();
    }
    remember(&store, &app(), &["openid"], 0).await;
    remember(&store, &other_client.client_id, &["openid"], 0).await;

    assert!(store.revoke_consent("ada", &app(), at(1)).await.unwrap());
    assert_eq!(store.consent("ada", &app()).await.unwrap(), None);
    assert!(!is_live(&store, &grant("a")).await);
    assert!(!is_live(&store, &offline).await);
    assert!(is_live(&store, &other_client).await);
    assert!(is_live(&store, &other_subject).await);
    let kept = store.consent("ada", &other_client.client_id).await;
    assert!(kept.unwrap().is_some());
    assert!(!store.revoke_consent("ada", &app(), at(2)).await.unwrap());
}

pub async fn revoking_nothing_still_ends_the_grants<S: GrantStore>(store: S) {
    store.insert_grant(&grant("a")).await.unwrap();
    assert!(!store.revoke_consent("ada", &app(), at(1)).await.unwrap());
    assert!(!is_live(&store, &grant("a")).await);
}
