//! Signing keys: four states, many nodes, a store that is away, a ring that rotates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::harness::{
    Answer, House, OLD_KEY, Proof, START, build, build_over, house, house_with, race,
};
use crate::ground::jose::Algorithm;
use crate::ground::{ManualClock, Timestamp};
use crate::provider::{KeyRotation, Provider};
use crate::services::Event;
use crate::store::{
    Backend, MemoryStore, Reach, SigningKeyRecord, SigningKeyStore, StoreError, StoreResult, Stores,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn published(house: &House) -> Vec<String> {
    let set = house.get("/oauth/jwks", Proof::No).await.ok();
    let keys = set.json["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn signing_kid(house: &House, algorithm: Algorithm) -> String {
    let key = house
        .wing
        .keys
        .active(algorithm, house.now())
        .await
        .unwrap();
    key.kid().to_owned()
}

async fn own_token(house: &House) -> Answer {
    let form = [("grant_type", "client_credentials")];
    let proof = Proof::Basic("rp", super::harness::SECRET);
    house.post("/oauth/token", proof, &form).await.ok()
}

#[tokio::test]
async fn the_first_keys_sign_at_once() {
    let house = house().await;
    let kids = published(&house).await;
    assert_eq!(kids.len(), 2);
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        assert!(kids.contains(&signing_kid(&house, algorithm).await));
    }
    let set = house.get("/oauth/jwks", Proof::No).await;
    for key in set.json["keys"].as_array().unwrap() {
        let private = ["d", "p", "q", "dp", "dq", "qi", "k"];
        assert!(private.iter().all(|member| key.get(member).is_none()));
        assert_eq!(key["use"], "sig");
    }
}

/// Threat 49: over a whole rotation, every token verifies with the published set for as long as it lives; a key is
/// published well before it signs and signs no more once it is retired.
#[tokio::test]
async fn threat_49_a_rotation_leaves_no_token_without_its_key() {
    let rotation = KeyRotation {
        active_for: DAY * 3,
        published_before: DAY,
    };
    let settings = Provider::default()
        .key_rotation(rotation)
        .id_token_life(HOUR);
    let house = house_with(settings).await;
    house.rp().await;
    let mut issued: Vec<(Timestamp, String)> = vec![];
    let mut seen_since = std::collections::HashMap::new();
    let mut signers: Vec<String> = vec![];
    let step = Duration::from_mins(10);
    for _ in 0..(6 * 24 * 8) {
        let now = house.now();
        let kids = published(&house).await;
        for kid in &kids {
            seen_since.entry(kid.clone()).or_insert(now);
        }
        let signer = kid(own_token(&house).await.text("access_token"));
        if signers.last() != Some(&signer) {
            assert!(!signers.contains(&signer), "a retired key signs again");
            // A client that cached the set for a day has it, save for the very first.
            assert!(signers.is_empty() || now.since(seen_since[&signer]) + step >= DAY);
            signers.push(signer.clone());
        }
        issued.push((now, signer));
        // The longest-lived token, an ID token, lives an hour.
        issued.retain(|(at, _)| now.since(*at) <= HOUR);
        for (_, kid) in &issued {
            assert!(kids.contains(kid), "a key vanished while its tokens live");
        }
        house.advance(step);
    }
    assert_eq!(signers.len(), 3);
    // What is retired is gone: of the eight days' keys only the present one, and perhaps the next, are left.
    let kids = published(&house).await;
    assert!(!kids.contains(&signers[0]) && !kids.contains(&signers[1]));
    assert!(house.has_event(|event| matches!(event, Event::SigningKeyCreated { .. })));
}

#[tokio::test]
async fn threat_49_a_retired_key_verifies_nothing() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.wing.rotate_signing_keys().await.unwrap();
    let read = async || {
        house
            .wing
            .read_id_token_hint(tokens.text("id_token"), house.now())
            .await
    };
    house.advance(Duration::from_mins(10));
    assert!(read().await.is_ok());
    // Ten minutes, the life of an ID token, and the margin.
    house.advance(HOUR + Duration::from_mins(5).saturating_sub(Duration::from_millis(1)));
    assert!(read().await.is_ok());
    house.advance(Duration::from_millis(1));
    assert!(read().await.is_err());
}

#[tokio::test]
async fn keys_rotated_by_hand_are_published_at_once_and_sign_when_every_node_knows_them() {
    let house = house().await;
    let settings = Provider::default().scope("reports:read", "Read");
    let other = build(
        settings,
        house.store.clone(),
        house.clock.clone(),
        &[OLD_KEY],
    )
    .await;
    let before = signing_kid(&house, Algorithm::Es256).await;
    house.wing.rotate_signing_keys().await.unwrap();
    assert_eq!(published(&house).await.len(), 4);
    assert_eq!(signing_kid(&house, Algorithm::Es256).await, before);
    house.advance(Duration::from_mins(1));
    assert_eq!(published(&other).await.len(), 4);
    house.advance(Duration::from_mins(8));
    // A node whose clock is five minutes behind has read them too before they sign.
    assert_eq!(signing_kid(&house, Algorithm::Es256).await, before);
    house.advance(Duration::from_mins(1));
    let after = signing_kid(&house, Algorithm::Es256).await;
    assert_ne!(after, before);
    assert_eq!(signing_kid(&other, Algorithm::Es256).await, after);
}

#[tokio::test]
async fn nodes_that_start_together_agree_on_one_key() {
    let store = MemoryStore::new();
    let clock = Arc::new(ManualClock::at(START));
    let houses = race(4, || {
        let (store, clock) = (store.clone(), clock.clone());
        async move { build(Provider::default(), store, clock, &[OLD_KEY]).await }
    })
    .await;
    let records = store.signing_keys().await.unwrap();
    assert_eq!(records.len(), 2);
    let first = published(&houses[0]).await;
    for house in &houses {
        assert_eq!(published(house).await, first);
        assert_eq!(
            signing_kid(house, Algorithm::Es256).await,
            signing_kid(&houses[0], Algorithm::Es256).await
        );
    }
}

#[tokio::test]
async fn nodes_whose_key_is_due_agree_on_one_successor() {
    let house = house().await;
    let settings = Provider::default().scope("reports:read", "Read");
    let other = build(
        settings,
        house.store.clone(),
        house.clock.clone(),
        &[OLD_KEY],
    )
    .await;
    house.advance(DAY * 89);
    let (left, right) = tokio::join!(published(&house), published(&other));
    assert_eq!(left.len(), 4);
    assert_eq!(left, right);
    assert_eq!(house.store.signing_keys().await.unwrap().len(), 4);
}

/// A key store that can be away, and counts how often it is read.
struct Flaky {
    store: MemoryStore,
    away: AtomicBool,
    reads: AtomicUsize,
}

impl Flaky {
    fn check(&self) -> StoreResult<()> {
        if self.away.load(Ordering::SeqCst) {
            Err(StoreError::unavailable("scripted"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Backend for Flaky {
    fn reach(&self) -> Reach {
        Reach::Shared
    }

    async fn prune(&self, _: Timestamp, _: u32) -> StoreResult<u64> {
        Ok(0)
    }
}

#[async_trait]
impl SigningKeyStore for Flaky {
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKeyRecord>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.store.signing_keys().await
    }

    async fn add_signing_key(&self, key: &SigningKeyRecord, end: Timestamp) -> StoreResult<bool> {
        self.check()?;
        self.store.add_signing_key(key, end).await
    }

    async fn reseal_signing_key(&self, kid: &str, sealed: &[u8]) -> StoreResult<()> {
        self.check()?;
        self.store.reseal_signing_key(kid, sealed).await
    }
}

#[tokio::test]
async fn keys_in_memory_serve_while_the_store_is_away() {
    let first = house().await;
    let flaky = Arc::new(Flaky {
        store: first.store.clone(),
        away: AtomicBool::new(false),
        reads: AtomicUsize::new(0),
    });
    let stores = Stores {
        signing_keys: flaky.clone(),
        ..Stores::from(first.store.clone())
    };
    let settings = Provider::default().scope("reports:read", "Read");
    let (store, clock) = (first.store.clone(), first.clock.clone());
    let house = build_over(settings, store, stores, clock, &[OLD_KEY]).await;
    house.rp().await;
    let reads = || flaky.reads.load(Ordering::SeqCst);
    assert_eq!(reads(), 1);
    let kids = published(&house).await;
    own_token(&house).await;
    assert_eq!(reads(), 1);
    flaky.away.store(true, Ordering::SeqCst);
    house.advance(DAY * 100);
    for _ in 0..5 {
        assert_eq!(published(&house).await, kids);
        own_token(&house).await;
    }
    // Asked once in that minute, not at every request.
    assert_eq!(reads(), 2);
    flaky.away.store(false, Ordering::SeqCst);
    house.advance(Duration::from_mins(1));
    assert_eq!(published(&house).await.len(), 4);
}

#[tokio::test]
async fn keys_are_sealed_anew_when_the_ring_has_rotated() {
    let house = house().await;
    house.rp().await;
    let token = own_token(&house).await;
    let sealed = async || {
        let records = house.store.signing_keys().await.unwrap();
        records
            .into_iter()
            .map(|record| record.sealed_private_key)
            .collect::<Vec<_>>()
    };
    let before = sealed().await;
    let rebuild = async |ring: &[[u8; 32]]| {
        let settings = Provider::default().scope("reports:read", "Read");
        build(settings, house.store.clone(), house.clock.clone(), ring).await
    };
    rebuild(&[[8; 32], OLD_KEY]).await;
    assert_ne!(sealed().await, before);
    let next = rebuild(&[[8; 32]]).await;
    let kids = published(&next).await;
    assert!(kids.contains(&kid(token.text("access_token"))));
}

#[tokio::test]
async fn a_key_that_does_not_open_stops_the_start_and_is_named() {
    let house = house().await;
    let records = house.store.signing_keys().await.unwrap();
    let stores = Stores::from(house.store.clone());
    let base = crate::web::BaseUrl::parse(super::harness::ISSUER).unwrap();
    let keys = crate::ground::KeyRing::new([[9; 32]]).unwrap();
    let core = crate::services::Core {
        forms: crate::web::FormTokens::new(keys.clone(), &base),
        throttles: crate::services::Throttles::new(stores.throttles.clone(), keys.clone()),
        #[cfg(feature = "login")]
        mails: crate::services::mail::Mails::new(stores.outbox.clone(), keys.clone()),
        pages: crate::services::pages::Pages::builder().build().unwrap(),
        base,
        clock: Arc::new(ManualClock::at(START)),
        random: Arc::new(crate::ground::SystemRandom),
        keys,
        stores,
        sinks: vec![],
        proxies: crate::web::TrustedProxies::default(),
    };
    let error = crate::provider::keys::Keys::open(Arc::new(core), &Provider::default()).await;
    let text = error.err().unwrap().to_string();
    assert!(
        records.iter().any(|record| text.contains(&record.kid)),
        "{text}"
    );
    assert!(text.contains("add that secret"), "{text}");
}

#[tokio::test]
async fn other_algorithms_have_keys_of_their_own() {
    let store = MemoryStore::new();
    let clock = Arc::new(ManualClock::at(START));
    let settings = Provider::default()
        .access_token_algorithm(Algorithm::EdDsa)
        .scope("reports:read", "Read");
    let house = build(settings, store, clock, &[OLD_KEY]).await;
    assert_eq!(published(&house).await.len(), 3);
    let rp = house
        .client("rp", json!({ "id_token_signed_response_alg": "EdDSA" }))
        .await;
    let tokens = house.tokens(&rp, "openid").await;
    for token in ["access_token", "id_token"] {
        let header = jsonwebtoken::decode_header(tokens.text(token)).unwrap();
        assert_eq!(header.alg, jsonwebtoken::Algorithm::EdDSA);
    }
    house.userinfo(tokens.text("access_token")).await.ok();
}
