//! OAuth clients.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{assert_exists, at, count, odd_texts, race};
use crate::store::{Client, ClientChange, ClientId, ClientSecret, ClientStore};

fn client(id: &str) -> Client {
    let metadata = json!({
        "redirect_uris": ["https://app.example/cb?x=ü"],
        "client_name#ja": "クライアント",
        "unknown_member": { "kept": [1, null, true, 0.5] },
    });
    let Value::Object(metadata) = metadata else {
        unreachable!("a JSON object");
    };
    let secret = |mac: &str, expires_at| ClientSecret {
        mac: mac.to_owned(),
        created_at: at(0),
        expires_at,
    };
    Client {
        client_id: ClientId::new(id),
        metadata,
        secrets: vec![secret("new", None), secret("old", Some(at(10)))],
        first_party: true,
        disabled_at: Some(at(5)),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

pub async fn reads_back_what_was_inserted<S: ClientStore>(store: S) {
    let full = client("https://rp.example/client?id=1");
    let bare = Client {
        metadata: Map::new(),
        secrets: Vec::new(),
        first_party: false,
        disabled_at: None,
        version: 0,
        ..client("bare")
    };
    for client in [full, bare] {
        store.insert_client(&client).await.unwrap();
        let found = store.client(&client.client_id).await.unwrap();
        assert_eq!(found, Some(client));
    }
}

/// A request can carry anything.
pub async fn an_id_that_cannot_be_is_absent<S: ClientStore>(store: S) {
    store.insert_client(&client("a")).await.unwrap();
    for text in odd_texts() {
        let id = ClientId::new(text);
        assert_eq!(store.client(&id).await.unwrap(), None);
        assert!(!store.delete_client(&id).await.unwrap());
    }
}

/// As much as one request can bring.
pub async fn large_records_come_back_whole<S: ClientStore>(store: S) {
    let mut large = client(&format!("https://client.example/{}", "x".repeat(480)));
    let text = "ü\u{1f511}".repeat(40_000);
    large.metadata.insert("large".to_owned(), json!(text));
    store.insert_client(&large).await.unwrap();
    let found = store.client(&large.client_id).await.unwrap();
    assert_eq!(found, Some(large));
}

pub async fn absent_clients_are_none<S: ClientStore>(store: S) {
    store.insert_client(&client("a")).await.unwrap();
    for id in ["A", "a ", "b", ""] {
        let id = ClientId::new(id);
        assert_eq!(store.client(&id).await.unwrap(), None, "{id:?}");
        assert!(!store.delete_client(&id).await.unwrap());
    }
    let absent = Client {
        version: 2,
        ..client("b")
    };
    let change = store.update_client(&absent).await.unwrap();
    assert_eq!(change, ClientChange::Stale);
    assert_eq!(store.client(&absent.client_id).await.unwrap(), None);
}

pub async fn threat_25_insert_never_overwrites<S: ClientStore + 'static>(store: S) {
    let store = Arc::new(store);
    let make = |racer: usize| Client {
        version: u32::try_from(racer).unwrap(),
        ..client("same")
    };
    let answers = race(&store, |store, racer| async move {
        let inserted = store.insert_client(&make(racer)).await;
        let won = inserted.is_ok();
        if !won {
            assert_exists(inserted);
        }
        won
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let found = store.client(&ClientId::new("same")).await.unwrap();
    assert_eq!(found, Some(make(winner)));
}

pub async fn updates_by_version<S: ClientStore>(store: S) {
    let before = client("a");
    store.insert_client(&before).await.unwrap();
    let after = Client {
        metadata: Map::new(),
        secrets: Vec::new(),
        first_party: false,
        disabled_at: None,
        updated_at: at(9),
        version: 2,
        ..before.clone()
    };
    for version in [0, 1, 3, u32::MAX] {
        let stale = Client {
            version,
            ..after.clone()
        };
        let change = store.update_client(&stale).await.unwrap();
        assert_eq!(change, ClientChange::Stale, "{version}");
    }
    let found = store.client(&before.client_id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&before));
    let change = store.update_client(&after).await.unwrap();
    assert_eq!(change, ClientChange::Updated);
    let found = store.client(&before.client_id).await.unwrap();
    assert_eq!(found, Some(after));
}

pub async fn threat_12_one_of_many_updates_wins<S: ClientStore + 'static>(store: S) {
    let store = Arc::new(store);
    store.insert_client(&client("a")).await.unwrap();
    let make = |racer: usize| Client {
        updated_at: at(i64::try_from(racer).unwrap()),
        version: 2,
        ..client("a")
    };
    let answers = race(&store, |store, racer| async move {
        store.update_client(&make(racer)).await.unwrap()
    })
    .await;
    let updated = |change: &ClientChange| *change == ClientChange::Updated;
    assert_eq!(count(&answers, updated), 1);
    let winner = answers.iter().position(updated).unwrap();
    let found = store.client(&ClientId::new("a")).await.unwrap();
    assert_eq!(found, Some(make(winner)));
}

pub async fn deletes_once<S: ClientStore + 'static>(store: S) {
    let store = Arc::new(store);
    store.insert_client(&client("a")).await.unwrap();
    store.insert_client(&client("b")).await.unwrap();
    let answers = race(&store, |store, _| async move {
        store.delete_client(&ClientId::new("a")).await.unwrap()
    })
    .await;
    assert_eq!(count(&answers, |deleted| *deleted), 1);
    assert_eq!(store.client(&ClientId::new("a")).await.unwrap(), None);
    assert!(store.client(&ClientId::new("b")).await.unwrap().is_some());
}

pub async fn pages_in_order_of_id<S: ClientStore>(store: S) {
    for id in ["d", "b", "a", "c", "B"] {
        store.insert_client(&client(id)).await.unwrap();
    }
    let page = async |after: Option<&str>, limit| {
        let after = after.map(ClientId::new);
        let page = store.clients(after.as_ref(), limit).await.unwrap();
        let ids = page.into_iter().map(|client| client.client_id.to_string());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, ["B", "a", "b", "c", "d"]);
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["b", "c"]);
    assert_eq!(page(Some("bb"), 2).await, ["c", "d"]);
    assert_eq!(page(Some("d"), 2).await, [""; 0]);
    assert_eq!(page(None, 0).await, [""; 0]);
}
