//! `private_key_jwt`, with assertions made by another library.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header};
use serde_json::{Value, json};

use super::harness::{Answer, House, ISSUER, Proof, house, race};
use crate::ground::base64url;
use crate::ground::jose::{Algorithm, GeneratedKey, SigningKey};
use crate::provider::JwksFetcher;

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn key() -> GeneratedKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn set(keys: &[&GeneratedKey]) -> Value {
    let keys: Vec<_> = keys.iter().map(|key| key.key.public_jwk()).collect();
    json!({ "keys": keys })
}

fn sign(key: &GeneratedKey, claims: &Value) -> String {
    let header = Header {
        kid: Some(key.key.kid().to_owned()),
        ..Header::new(Alg::ES256)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&key.pkcs8)).unwrap()
}

fn claims(house: &House, changes: Value) -> Value {
    let now = house.now().seconds();
    let mut claims = json!({
        "iss": "keyed", "sub": "keyed", "aud": ISSUER, "jti": "one", "iat": now, "exp": now + 60,
    });
    for (name, value) in super::harness::object(changes) {
        if value == json!("absent") {
            claims.as_object_mut().unwrap().remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

async fn present(house: &House, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", KIND),
        ("client_assertion", assertion),
    ];
    house.post("/oauth/token", Proof::No, &form).await
}

async fn keyed_house(key: &GeneratedKey) -> House {
    let house = house().await;
    house
        .client(
            "keyed",
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": set(&[key]) }),
        )
        .await;
    house
}

#[tokio::test]
async fn an_assertion_authenticates_at_each_endpoint() {
    let key = key();
    let house = keyed_house(&key).await;
    let audiences = [
        json!(ISSUER),
        json!(format!("{ISSUER}/oauth/token")),
        json!([format!("{ISSUER}/oauth/token"), "https://other.example"]),
    ];
    for (count, aud) in audiences.into_iter().enumerate() {
        let assertion = sign(
            &key,
            &claims(&house, json!({ "aud": aud, "jti": count.to_string() })),
        );
        present(&house, &assertion).await.ok();
    }
    for (path, jti) in [("/oauth/introspect", "i"), ("/oauth/revoke", "r")] {
        let assertion = sign(&key, &claims(&house, json!({ "jti": jti })));
        let form = [
            ("token", "x"),
            ("client_id", "keyed"),
            ("client_assertion_type", KIND),
            ("client_assertion", &assertion),
        ];
        house.post(path, Proof::No, &form).await.ok();
    }
}

#[tokio::test]
async fn an_assertion_counts_once() {
    let key = key();
    let house = keyed_house(&key).await;
    let assertion = sign(&key, &claims(&house, json!({})));
    present(&house, &assertion).await.ok();
    present(&house, &assertion)
        .await
        .refused_as("invalid_client");
    assert_eq!(house.failures(), ["the assertion was used before"]);
    // Also at the very end of its life, leeway included.
    house.advance(Duration::from_secs(89));
    present(&house, &assertion)
        .await
        .refused_as("invalid_client");
    assert_eq!(house.failures()[1], "the assertion was used before");
    house.advance(Duration::from_secs(1));
    present(&house, &assertion)
        .await
        .refused_as("invalid_client");
    assert_eq!(house.failures()[2], "the assertion has expired");
}

#[tokio::test]
async fn threat_12_an_empty_short_lived_store_has_no_assertion_forgotten() {
    let key = key();
    let house = keyed_house(&key).await.without_short_lived().await;
    let assertion = sign(&key, &claims(&house, json!({})));
    present(&house, &assertion).await.ok();
    let house = house.without_short_lived().await;
    present(&house, &assertion)
        .await
        .refused_as("invalid_client");
    assert_eq!(house.failures(), ["the assertion was used before"]);
}

#[tokio::test]
async fn threat_12_of_many_uses_of_an_assertion_one_wins() {
    let key = key();
    let house = keyed_house(&key).await;
    let assertion = sign(&key, &claims(&house, json!({})));
    let answers = race(16, || {
        let (house, assertion) = (house.clone(), assertion.clone());
        async move { present(&house, &assertion).await }
    })
    .await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1
    );
}

#[tokio::test]
async fn a_jti_is_the_clients_own() {
    let key = key();
    let house = keyed_house(&key).await;
    let other = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": set(&[&key]) });
    house.client("other", other).await;
    present(&house, &sign(&key, &claims(&house, json!({}))))
        .await
        .ok();
    let other = claims(&house, json!({ "iss": "other", "sub": "other" }));
    present(&house, &sign(&key, &other)).await.ok();
}

#[tokio::test]
async fn threat_20_claims_are_required_and_typed() {
    let key = key();
    let house = keyed_house(&key).await;
    let now = house.now().seconds();
    let bad = [
        json!({ "exp": "absent" }),
        json!({ "exp": (now + 60).to_string() }),
        json!({ "exp": null }),
        json!({ "exp": now - 31 }),
        json!({ "exp": now + 3631 }),
        json!({ "nbf": "0" }),
        json!({ "nbf": now + 31 }),
        json!({ "iat": now + 31 }),
        json!({ "iat": "now" }),
        json!({ "iss": "absent" }),
        json!({ "iss": "other" }),
        json!({ "sub": "absent" }),
        json!({ "aud": "absent" }),
        json!({ "aud": "https://op.example/" }),
        json!({ "aud": ["https://other.example"] }),
        json!({ "aud": [ISSUER, 1] }),
        json!({ "jti": "absent" }),
        json!({ "jti": "" }),
        json!({ "jti": 7 }),
    ];
    for changes in bad {
        let assertion = sign(&key, &claims(&house, changes.clone()));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "keyed"),
            ("client_assertion_type", KIND),
            ("client_assertion", &assertion),
        ];
        let answer = house.post("/oauth/token", Proof::No, &form).await;
        assert_eq!(answer.json["error"], "invalid_client", "{changes}");
    }
    // None of them spent the jti.
    present(&house, &sign(&key, &claims(&house, json!({}))))
        .await
        .ok();
}

#[tokio::test]
async fn threat_21_only_the_clients_key_signs() {
    let (key, thief) = (key(), key());
    let house = keyed_house(&key).await;
    let body = claims(&house, json!({}));
    let good = sign(&key, &body);
    let payload = good.split('.').nth(1).unwrap();
    let unsigned =
        |header: Value| format!("{}.{payload}.", base64url(header.to_string().as_bytes()));
    // The public key as an HMAC secret.
    let public = serde_json::to_vec(key.key.public_jwk()).unwrap();
    let hmac =
        |alg| jsonwebtoken::encode(&Header::new(alg), &body, &EncodingKey::from_secret(&public));
    // A key the header brings along, under the good key's name.
    let embedded = Header {
        kid: Some(key.key.kid().to_owned()),
        jwk: serde_json::from_value(serde_json::to_value(thief.key.public_jwk()).unwrap()).unwrap(),
        ..Header::new(Alg::ES256)
    };
    let thiefs = EncodingKey::from_ec_der(&thief.pkcs8);
    let (head, _) = good.rsplit_once('.').unwrap();
    let bad = [
        unsigned(json!({ "alg": "none" })),
        unsigned(json!({ "alg": "None", "kid": key.key.kid() })),
        unsigned(json!({ "alg": "ES256", "kid": key.key.kid() })),
        hmac(Alg::HS256).unwrap(),
        hmac(Alg::HS512).unwrap(),
        sign(&thief, &body),
        jsonwebtoken::encode(&Header::new(Alg::ES256), &body, &thiefs).unwrap(),
        jsonwebtoken::encode(&embedded, &body, &thiefs).unwrap(),
        format!("{head}.{}", base64url(&[0; 64])),
        "not.a.jwt".to_owned(),
        "x".repeat(20_000),
    ];
    for assertion in &bad {
        present(&house, assertion)
            .await
            .refused_as("invalid_client");
    }
    present(&house, &good).await.ok();
    // Another client's name on one's own key.
    let other = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": set(&[&thief]) });
    house.client("thief", other).await;
    let stolen = sign(&thief, &claims(&house, json!({ "jti": "two" })));
    present(&house, &stolen).await.refused_as("invalid_client");
    let mixed = sign(
        &thief,
        &claims(&house, json!({ "sub": "thief", "jti": "three" })),
    );
    present(&house, &mixed).await.refused_as("invalid_client");
}

#[tokio::test]
async fn threat_46_an_unknown_client_gets_the_same_answer() {
    let key = key();
    let house = keyed_house(&key).await;
    house.rp().await;
    let answers = [
        present(
            &house,
            &sign(&key, &claims(&house, json!({ "iss": "x", "sub": "x" }))),
        )
        .await,
        present(
            &house,
            &sign(&key, &claims(&house, json!({ "iss": "rp", "sub": "rp" }))),
        )
        .await,
        present(
            &house,
            &sign(&super::assertion::key(), &claims(&house, json!({}))),
        )
        .await,
    ];
    for answer in &answers {
        answer.refused_as("invalid_client");
        assert_eq!(answer.json, answers[0].json);
    }
}

#[tokio::test]
async fn the_registered_algorithm_is_the_only_one() {
    let key = key();
    let house = house().await;
    house
        .client(
            "keyed",
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": "RS256",
                "jwks": set(&[&key]),
            }),
        )
        .await;
    present(&house, &sign(&key, &claims(&house, json!({}))))
        .await
        .refused_as("invalid_client");
    assert_eq!(
        house.failures(),
        ["the assertion's algorithm is not allowed"]
    );
}

/// What is at the client's `jwks_uri`, and how often it was asked for.
#[derive(Clone, Default)]
pub(super) struct Published {
    body: Arc<Mutex<Option<Value>>>,
    fetches: Arc<AtomicUsize>,
}

#[async_trait]
impl JwksFetcher for Published {
    async fn fetch_request_object(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        self.fetch(url).await
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        assert_eq!(url, "https://rp.example/jwks");
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let body = self.body.lock().unwrap().clone().ok_or("unreachable")?;
        Ok(serde_json::to_vec(&body)?.into())
    }
}

impl Published {
    pub(super) fn put(&self, body: Option<Value>) {
        *self.body.lock().unwrap() = body;
    }

    pub(super) fn count(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

pub(super) async fn published_house() -> (House, Published) {
    let mut house = house().await;
    let published = Published::default();
    let wing = Arc::into_inner(house.wing).unwrap();
    house.wing = Arc::new(wing.with_jwks_fetcher(Arc::new(published.clone())));
    house
        .client(
            "keyed",
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks_uri": "https://rp.example/jwks",
            }),
        )
        .await;
    (house, published)
}

#[tokio::test]
async fn keys_at_a_jwks_uri_are_fetched_kept_and_fetched_again_for_a_new_one() {
    let (first, second) = (key(), key());
    let (house, published) = published_house().await;
    published.put(Some(set(&[&first])));
    let assertion =
        |key: &GeneratedKey, jti: &str| sign(key, &claims(&house, json!({ "jti": jti })));
    present(&house, &assertion(&first, "1")).await.ok();
    present(&house, &assertion(&first, "2")).await.ok();
    assert_eq!(published.count(), 1);
    // The client rotates. Within the pause its set is not fetched again: a stranger could ask as well.
    published.put(Some(set(&[&second])));
    present(&house, &assertion(&second, "3"))
        .await
        .refused_as("invalid_client");
    assert_eq!(published.count(), 1);
    house.advance(Duration::from_secs(30));
    present(&house, &assertion(&second, "4")).await.ok();
    assert_eq!(published.count(), 2);
    house.advance(Duration::from_mins(5));
    present(&house, &assertion(&second, "5")).await.ok();
    assert_eq!(published.count(), 3);
}

#[tokio::test]
async fn a_jwks_uri_that_fails_is_not_hammered() {
    let key = key();
    let (house, published) = published_house().await;
    let assertion = |jti: &str| sign(&key, &claims(&house, json!({ "jti": jti })));
    for jti in ["1", "2", "3"] {
        present(&house, &assertion(jti))
            .await
            .refused_as("invalid_client");
    }
    assert_eq!(published.count(), 1);
    published.put(Some(json!("no set")));
    house.advance(Duration::from_secs(30));
    present(&house, &assertion("4"))
        .await
        .refused_as("invalid_client");
    published.put(Some(set(&[&key])));
    house.advance(Duration::from_secs(30));
    present(&house, &assertion("5")).await.ok();
}

#[tokio::test]
async fn without_a_fetcher_a_jwks_uri_proves_nothing() {
    let house = house().await;
    house
        .client(
            "keyed",
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks_uri": "https://rp.example/jwks",
            }),
        )
        .await;
    let assertion = sign(&key(), &claims(&house, json!({})));
    present(&house, &assertion)
        .await
        .refused_as("invalid_client");
}
