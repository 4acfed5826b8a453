//! Single-use values.

use std::sync::Arc;

use super::{assert_exists, at, count, digest, race};
use crate::store::{Consumed, OneTimeKind, OneTimeStore, OneTimeValue};

const CODE: OneTimeKind = OneTimeKind::AuthorizationCode;
const JTI: OneTimeKind = OneTimeKind::ClientAssertion;

pub(super) fn value(name: &str) -> OneTimeValue {
    OneTimeValue {
        kind: CODE,
        key: digest(name),
        payload: name.as_bytes().to_vec(),
        expires_at: at(100),
        keep_until: at(200),
    }
}

pub async fn first_then_again_then_absent<S: OneTimeStore>(store: S) {
    let value = value("a");
    store.put(&value).await.unwrap();
    let spent = store.consume(CODE, &value.key, at(99)).await.unwrap();
    assert_eq!(spent, Consumed::First(value.clone()));
    for moment in [99, 100, 199] {
        let spent = store.consume(CODE, &value.key, at(moment)).await.unwrap();
        assert_eq!(spent, Consumed::Again(value.clone()), "{moment}");
    }
    let spent = store.consume(CODE, &value.key, at(200)).await.unwrap();
    assert_eq!(spent, Consumed::Absent);
}

pub async fn expired_values_are_absent<S: OneTimeStore>(store: S) {
    let value = value("a");
    store.put(&value).await.unwrap();
    for moment in [100, 101, 300] {
        let spent = store.consume(CODE, &value.key, at(moment)).await.unwrap();
        assert_eq!(spent, Consumed::Absent, "{moment}");
    }
}

pub async fn peek_spends_nothing<S: OneTimeStore>(store: S) {
    let value = value("a");
    store.put(&value).await.unwrap();
    for _ in 0..2 {
        let seen = store.peek(CODE, &value.key, at(99)).await.unwrap();
        assert_eq!(seen, Some(value.clone()));
    }
    let spent = store.consume(CODE, &value.key, at(99)).await.unwrap();
    assert_eq!(spent, Consumed::First(value));
}

pub async fn peek_sees_neither_spent_nor_expired<S: OneTimeStore>(store: S) {
    let (spent, expired) = (value("spent"), value("expired"));
    store.put(&spent).await.unwrap();
    store.put(&expired).await.unwrap();
    store.consume(CODE, &spent.key, at(1)).await.unwrap();
    assert_eq!(store.peek(CODE, &spent.key, at(2)).await.unwrap(), None);
    assert_eq!(store.peek(CODE, &expired.key, at(100)).await.unwrap(), None);
    let absent = store.peek(CODE, &digest("absent"), at(0)).await.unwrap();
    assert_eq!(absent, None);
}

pub async fn kinds_do_not_meet<S: OneTimeStore>(store: S) {
    let code = value("a");
    let interaction = OneTimeValue {
        kind: OneTimeKind::Interaction,
        payload: b"other".to_vec(),
        ..code.clone()
    };
    store.put(&code).await.unwrap();
    let kind = OneTimeKind::Interaction;
    assert_eq!(store.peek(kind, &code.key, at(0)).await.unwrap(), None);
    let spent = store.consume(kind, &code.key, at(0)).await.unwrap();
    assert_eq!(spent, Consumed::Absent);
    store.put(&interaction).await.unwrap();
    let spent = store.consume(kind, &code.key, at(0)).await.unwrap();
    assert_eq!(spent, Consumed::First(interaction));
    let spent = store.consume(CODE, &code.key, at(0)).await.unwrap();
    assert_eq!(spent, Consumed::First(code));
}

pub async fn threat_17_only_the_key_itself_spends<S: OneTimeStore>(store: S) {
    let value = value("a");
    store.put(&value).await.unwrap();
    let mut near = *value.key.as_bytes();
    near[31] ^= 1;
    let near = crate::ground::Digest32::from_bytes(near);
    for other in [near, digest("b"), digest("")] {
        let spent = store.consume(CODE, &other, at(0)).await.unwrap();
        assert_eq!(spent, Consumed::Absent);
        assert_eq!(store.peek(CODE, &other, at(0)).await.unwrap(), None);
    }
    let spent = store.consume(CODE, &value.key, at(0)).await.unwrap();
    assert_eq!(spent, Consumed::First(value));
}

pub async fn threat_25_put_never_overwrites<S: OneTimeStore>(store: S) {
    let first = value("a");
    let other = OneTimeValue {
        payload: b"planted".to_vec(),
        ..first.clone()
    };
    store.put(&first).await.unwrap();
    assert_exists(store.put(&other).await);
    let spent = store.consume(CODE, &first.key, at(0)).await.unwrap();
    assert_eq!(spent, Consumed::First(first.clone()));
    // A spent value is not unspent by putting it again.
    assert_exists(store.put(&other).await);
    let spent = store.consume(CODE, &first.key, at(0)).await.unwrap();
    assert_eq!(spent, Consumed::Again(first));
}

pub async fn threat_25_one_of_many_puts_wins<S: OneTimeStore + 'static>(store: S) {
    let store = Arc::new(store);
    let make = |racer: usize| OneTimeValue {
        payload: vec![u8::try_from(racer).unwrap()],
        ..value("same")
    };
    let answers = race(&store, |store, racer| async move {
        store.put(&make(racer)).await.is_ok()
    })
    .await;
    assert_eq!(count(&answers, |won| *won), 1);
    let winner = answers.iter().position(|won| *won).unwrap();
    let seen = store.peek(CODE, &digest("same"), at(0)).await.unwrap();
    assert_eq!(seen, Some(make(winner)));
}

pub async fn payloads_are_bytes<S: OneTimeStore>(store: S) {
    let payloads = [
        Vec::new(),
        (0..=255).collect(),
        vec![0; 512 * 1024],
        b"'; DROP TABLE x; --".to_vec(),
    ];
    for (number, payload) in payloads.into_iter().enumerate() {
        let value = OneTimeValue {
            payload,
            ..value(&number.to_string())
        };
        store.put(&value).await.unwrap();
        let seen = store.peek(CODE, &value.key, at(0)).await.unwrap();
        assert_eq!(seen, Some(value.clone()));
        let spent = store.consume(CODE, &value.key, at(0)).await.unwrap();
        assert_eq!(spent, Consumed::First(value.clone()));
        let spent = store.consume(CODE, &value.key, at(0)).await.unwrap();
        assert_eq!(spent, Consumed::Again(value));
    }
}

pub async fn threat_12_one_of_many_spends<S: OneTimeStore + 'static>(store: S) {
    let store = Arc::new(store);
    let code = value("a");
    store.put(&code).await.unwrap();
    let answers = race(&store, |store, _| async move {
        store.consume(CODE, &digest("a"), at(50)).await.unwrap()
    })
    .await;
    let first = Consumed::First(code.clone());
    let again = Consumed::Again(code);
    assert_eq!(count(&answers, |answer| *answer == first), 1);
    assert_eq!(
        count(&answers, |answer| *answer == again),
        answers.len() - 1
    );
}

pub async fn threat_12_one_of_many_claims_wins<S: OneTimeStore + 'static>(store: S) {
    let store = Arc::new(store);
    for round in 0..3 {
        // The second and third round begin when the claim before has ended.
        let now = round * 100;
        let answers = race(&store, move |store, _| async move {
            store
                .claim_once(JTI, &digest("jti"), at(now), at(now + 100))
                .await
                .unwrap()
        })
        .await;
        assert_eq!(count(&answers, |won| *won), 1, "round {round}");
    }
}

pub async fn claims_last_until_their_end<S: OneTimeStore>(store: S) {
    let key = digest("jti");
    assert!(!store.is_claimed(JTI, &key, at(0)).await.unwrap());
    assert!(store.claim_once(JTI, &key, at(0), at(100)).await.unwrap());
    assert!(store.is_claimed(JTI, &key, at(0)).await.unwrap());
    // A later claim moves nothing.
    assert!(!store.claim_once(JTI, &key, at(99), at(500)).await.unwrap());
    assert!(store.is_claimed(JTI, &key, at(99)).await.unwrap());
    assert!(!store.is_claimed(JTI, &key, at(100)).await.unwrap());
    assert!(store.claim_once(JTI, &key, at(100), at(200)).await.unwrap());
    assert!(!store.claim_once(JTI, &key, at(101), at(300)).await.unwrap());
    assert!(store.is_claimed(JTI, &key, at(199)).await.unwrap());
    assert!(!store.is_claimed(JTI, &key, at(200)).await.unwrap());
}

pub async fn claims_of_kinds_do_not_meet<S: OneTimeStore>(store: S) {
    let (key, revoked) = (digest("jti"), OneTimeKind::RevokedAccessToken);
    assert!(store.claim_once(JTI, &key, at(0), at(100)).await.unwrap());
    assert!(!store.is_claimed(revoked, &key, at(0)).await.unwrap());
    assert!(
        store
            .claim_once(revoked, &key, at(0), at(100))
            .await
            .unwrap()
    );
    let other = digest("other");
    assert!(store.claim_once(JTI, &other, at(0), at(100)).await.unwrap());
}
