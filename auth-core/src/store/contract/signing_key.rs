//! The provider's signing keys.

use std::sync::Arc;

use super::{assert_exists, at, count, race};
use crate::store::{SigningKeyRecord, SigningKeyStore};

pub(super) fn key(algorithm: &str, generation: u32) -> SigningKeyRecord {
    SigningKeyRecord {
        kid: format!("{algorithm}-{generation}"),
        algorithm: algorithm.to_owned(),
        generation,
        sealed_private_key: vec![0, 255, u8::try_from(generation).unwrap()],
        created_at: at(0),
        active_from: at(10),
        retired_at: None,
    }
}

fn retired(key: SigningKeyRecord, end: i64) -> SigningKeyRecord {
    SigningKeyRecord {
        retired_at: Some(at(end)),
        ..key
    }
}

pub async fn reads_back_in_order<S: SigningKeyStore>(store: S) {
    assert_eq!(store.signing_keys().await.unwrap(), Vec::new());
    // Generation 10 comes after 9: a number, not text.
    let generations = [("RS256", 1), ("ES256", 9), ("ES256", 10), ("EdDSA", 2)];
    for (algorithm, generation) in generations {
        let added = store
            .add_signing_key(&key(algorithm, generation), at(99))
            .await;
        assert!(added.unwrap());
    }
    let expected = vec![
        retired(key("ES256", 9), 99),
        key("ES256", 10),
        key("EdDSA", 2),
        key("RS256", 1),
    ];
    assert_eq!(store.signing_keys().await.unwrap(), expected);
}

pub async fn adding_retires_the_previous_generation<S: SigningKeyStore>(store: S) {
    assert!(
        store
            .add_signing_key(&key("RS256", 1), at(99))
            .await
            .unwrap()
    );
    assert!(
        store
            .add_signing_key(&key("ES256", 1), at(99))
            .await
            .unwrap()
    );
    assert_eq!(
        store.signing_keys().await.unwrap(),
        vec![key("ES256", 1), key("RS256", 1)]
    );
    assert!(
        store
            .add_signing_key(&key("ES256", 2), at(100))
            .await
            .unwrap()
    );
    assert!(
        store
            .add_signing_key(&key("ES256", 3), at(200))
            .await
            .unwrap()
    );
    let expected = vec![
        retired(key("ES256", 1), 100),
        retired(key("ES256", 2), 200),
        key("ES256", 3),
        key("RS256", 1),
    ];
    assert_eq!(store.signing_keys().await.unwrap(), expected);
}

pub async fn a_generation_is_added_once<S: SigningKeyStore>(store: S) {
    for generation in [1, 2] {
        let added = store
            .add_signing_key(&key("ES256", generation), at(50))
            .await;
        assert!(added.unwrap());
    }
    let before = store.signing_keys().await.unwrap();
    for generation in [1, 2] {
        let late = SigningKeyRecord {
            kid: "late".into(),
            ..key("ES256", generation)
        };
        assert!(!store.add_signing_key(&late, at(70)).await.unwrap());
    }
    // Nothing was written: no end was moved either.
    assert_eq!(store.signing_keys().await.unwrap(), before);
}

pub async fn a_kid_in_use_is_an_error<S: SigningKeyStore>(store: S) {
    assert!(
        store
            .add_signing_key(&key("ES256", 1), at(50))
            .await
            .unwrap()
    );
    let same = SigningKeyRecord {
        kid: key("ES256", 1).kid,
        ..key("ES256", 2)
    };
    assert_exists(store.add_signing_key(&same, at(70)).await);
    assert_eq!(store.signing_keys().await.unwrap(), vec![key("ES256", 1)]);
}

pub async fn threat_12_one_of_many_additions_wins<S: SigningKeyStore + 'static>(store: S) {
    let store = Arc::new(store);
    for generation in [1, 2, 3] {
        let make = move |racer: usize| SigningKeyRecord {
            kid: format!("{generation}-{racer}"),
            ..key("ES256", generation)
        };
        let answers = race(&store, move |store, racer| async move {
            let end = at(i64::try_from(racer).unwrap());
            store.add_signing_key(&make(racer), end).await.unwrap()
        })
        .await;
        assert_eq!(count(&answers, |won| *won), 1);
        let winner = answers.iter().position(|won| *won).unwrap();
        let keys = store.signing_keys().await.unwrap();
        assert_eq!(keys.len(), generation as usize);
        assert_eq!(keys.last(), Some(&make(winner)));
        if let [.., previous, _] = keys.as_slice() {
            let end = at(i64::try_from(winner).unwrap());
            assert_eq!(previous.retired_at, Some(end));
        }
    }
}

pub async fn reseals_the_private_key_alone<S: SigningKeyStore>(store: S) {
    for algorithm in ["ES256", "RS256"] {
        let added = store.add_signing_key(&key(algorithm, 1), at(50)).await;
        assert!(added.unwrap());
    }
    store.reseal_signing_key("ES256-1", b"\0new").await.unwrap();
    store.reseal_signing_key("absent", b"x").await.unwrap();
    let resealed = SigningKeyRecord {
        sealed_private_key: b"\0new".to_vec(),
        ..key("ES256", 1)
    };
    let expected = vec![resealed, key("RS256", 1)];
    assert_eq!(store.signing_keys().await.unwrap(), expected);
}
