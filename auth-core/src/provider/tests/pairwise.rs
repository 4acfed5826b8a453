//! Pairwise subjects (OpenID Connect Core §8), wherever one is shown.

use serde_json::{Value, json};

use super::harness::{Answer, House, OLD_KEY, Proof, SECRET, build, house, race};
use crate::ground::jose::{Algorithm, ClaimsCheck, Jws};
use crate::provider::{ClientUpdate, NewClient, Provider};
use crate::store::{Backend as _, ClientId, SigningKeyStore as _};

const NEW_KEY: [u8; 32] = [8; 32];

async fn pairwise(house: &House, id: &str) -> ClientId {
    house
        .client(id, json!({ "subject_type": "pairwise" }))
        .await
}

async fn claims(house: &House, token: &str) -> Value {
    let keys = house.wing.verification_keys(house.now()).await;
    let verified = Jws::parse(token)
        .unwrap()
        .verify(&keys, &Algorithm::ALL)
        .unwrap();
    let claims = verified.claims_object().unwrap();
    ClaimsCheck::own(house.now().seconds())
        .check(&claims)
        .unwrap();
    Value::Object(claims.into_object())
}

async fn sub(house: &House, tokens: &Answer) -> String {
    let claims = claims(house, tokens.text("id_token")).await;
    claims["sub"].as_str().unwrap().to_owned()
}

async fn has_salt(house: &House) -> bool {
    let keys = house.store.signing_keys().await.unwrap();
    keys.iter().any(|key| key.algorithm == "pairwise-subject")
}

/// §8.1: ID token, `UserInfo`, introspection and access token say the same, and not the account's own.
#[tokio::test]
async fn a_pairwise_subject_is_the_same_wherever_it_is_shown() {
    let house = house().await;
    let (rp, public) = (
        pairwise(&house, "rp").await,
        house.client("public", json!({})).await,
    );
    let tokens = house.tokens(&rp, "openid offline_access").await;
    let sub = sub(&house, &tokens).await;
    assert_eq!(sub.len(), 43);
    let access_token = tokens.text("access_token");
    assert_eq!(claims(&house, access_token).await["sub"], sub);
    assert_eq!(house.userinfo(access_token).await.ok().text("sub"), sub);
    assert_eq!(
        house.introspect(&rp, access_token).await.ok().text("sub"),
        sub
    );
    let refresh_token = tokens.text("refresh_token");
    assert_eq!(
        house.introspect(&rp, refresh_token).await.ok().text("sub"),
        sub
    );
    let refreshed = house.refresh(&rp, refresh_token).await.ok();
    assert_eq!(self::sub(&house, &refreshed).await, sub);
    let client = house.wing.registry.client(&rp).await.unwrap().unwrap();
    assert_eq!(house.wing.subject_for(&client, "alice").await.unwrap(), sub);
    // Nothing of the account's own subject is in what the client gets.
    for token in [tokens.text("id_token"), access_token] {
        assert!(!claims(&house, token).await.to_string().contains("alice"));
    }
    let tokens = house.tokens(&public, "openid").await;
    assert_eq!(self::sub(&house, &tokens).await, "alice");
    // A resource server of the operator's is told what the token says.
    let operators = NewClient::from_metadata(super::harness::object(json!({
        "client_id": "api", "client_secret": SECRET, "grant_types": ["client_credentials"],
    })));
    house
        .wing
        .register_client(operators.first_party(true))
        .await
        .unwrap();
    let api = ClientId::from("api");
    for token in [access_token, refreshed.text("refresh_token")] {
        assert_eq!(house.introspect(&api, token).await.ok().text("sub"), sub);
    }
}

/// §8.1: one sector, one subject; other sectors, others.
#[tokio::test]
async fn clients_of_one_sector_share_subjects_and_no_others_do() {
    let house = house().await;
    let of = async |id: &str, changes: Value| {
        let mut all = json!({ "subject_type": "pairwise" });
        all.as_object_mut()
            .unwrap()
            .extend(super::harness::object(changes));
        let id = house.client(id, all).await;
        let client = house.wing.registry.client(&id).await.unwrap().unwrap();
        let bob = house.wing.subject_for(&client, "bob").await.unwrap();
        let alice = house.wing.subject_for(&client, "alice").await.unwrap();
        assert_ne!(alice, bob);
        alice
    };
    let first = of("a", json!({})).await;
    let same = of(
        "b",
        json!({ "redirect_uris": ["https://rp.example/other", "https://rp.example:8443/"] }),
    )
    .await;
    let other = of(
        "c",
        json!({ "redirect_uris": ["https://other.example/cb"] }),
    )
    .await;
    assert_eq!(first, same);
    assert_ne!(first, other);
}

/// The secret of the host rotates; subjects stay, or every account at every client would be lost.
#[tokio::test]
async fn subjects_outlive_the_rotation_of_secrets() {
    let first = house().await;
    let rp = pairwise(&first, "rp").await;
    assert!(
        !has_salt(&first).await,
        "nothing is made before it is needed"
    );
    let before = sub(&first, &first.tokens(&rp, "openid").await).await;
    assert!(has_salt(&first).await);
    let over = async |ring: &[[u8; 32]]| {
        let settings = Provider::default();
        build(settings, first.store.clone(), first.clock.clone(), ring).await
    };
    let client = first.wing.registry.client(&rp).await.unwrap().unwrap();
    // Read with both secrets, it is sealed under the new one; then the old one may go.
    for ring in [&[NEW_KEY, OLD_KEY][..], &[NEW_KEY]] {
        let later = over(ring).await;
        assert_eq!(
            later.wing.subject_for(&client, "alice").await.unwrap(),
            before
        );
    }
    // The salt signs nothing, is published nowhere and never ends.
    let last = over(&[NEW_KEY]).await;
    let keys = last.get("/oauth/jwks", Proof::No).await.ok();
    assert!(!keys.json.to_string().contains("pairwise"));
    last.wing.rotate_signing_keys().await.unwrap();
    last.advance(std::time::Duration::from_hours(24 * 365));
    last.store.prune(last.now(), 1000).await.unwrap();
    assert!(has_salt(&last).await);
}

#[tokio::test]
async fn a_salt_that_does_not_open_is_never_replaced() {
    let first = house().await;
    let rp = pairwise(&first, "rp").await;
    let client = first.wing.registry.client(&rp).await.unwrap().unwrap();
    let salt = "pairwise-subject";
    first.wing.subject_for(&client, "alice").await.unwrap();
    let mut sealed = first.store.signing_keys().await.unwrap();
    sealed.retain(|key| key.algorithm == salt);
    *sealed[0].sealed_private_key.last_mut().unwrap() ^= 1;
    first
        .store
        .reseal_signing_key(salt, &sealed[0].sealed_private_key)
        .await
        .unwrap();
    let settings = Provider::default();
    let later = build(
        settings,
        first.store.clone(),
        first.clock.clone(),
        &[OLD_KEY],
    )
    .await;
    let error = later.wing.subject_for(&client, "alice").await.unwrap_err();
    assert_eq!(error.error, "server_error");
    let kept = later.store.signing_keys().await.unwrap();
    assert!(kept.contains(&sealed[0]));
}

#[tokio::test]
async fn threat_12_nodes_that_start_together_have_one_salt() {
    let first = house().await;
    let rp = pairwise(&first, "rp").await;
    let client = first.wing.registry.client(&rp).await.unwrap().unwrap();
    let subjects = race(16, || {
        let (store, clock, client) = (first.store.clone(), first.clock.clone(), client.clone());
        async move {
            let node = build(Provider::default(), store, clock, &[OLD_KEY]).await;
            node.wing.subject_for(&client, "alice").await.unwrap()
        }
    })
    .await;
    assert!(subjects.iter().all(|subject| *subject == subjects[0]));
}

#[tokio::test]
async fn a_token_for_another_subject_than_its_grants_is_none() {
    let house = house().await;
    let rp = pairwise(&house, "rp").await;
    let tokens = house.tokens(&rp, "openid").await;
    house.userinfo(tokens.text("access_token")).await.ok();
    // The client moves to another sector: what it was given under its old one ends.
    let client = house.wing.registry.client(&rp).await.unwrap().unwrap();
    let mut metadata = client.metadata;
    metadata.insert(
        "redirect_uris".to_owned(),
        json!(["https://moved.example/cb"]),
    );
    let update = ClientUpdate::default().metadata(metadata);
    house.wing.update_client(&rp, update).await.unwrap();
    house
        .userinfo(tokens.text("access_token"))
        .await
        .refused_as("invalid_token");
    assert!(!House::is_active(
        &house.introspect(&rp, tokens.text("access_token")).await
    ));
}
