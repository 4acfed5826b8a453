//! ID tokens and `UserInfo` answers encrypted to the client.

use std::time::Duration;

use serde_json::{Value, json};

use super::assertion::published_house;
use super::harness::{Answer, House, Proof, house, house_with};
use super::signed_responses::{jwt, verified};
use crate::ground::SystemRandom;
use crate::ground::jose::Algorithm;
use crate::ground::jose::jwe::{ContentEncryption, Decrypted, Jwe, KeyManagement, test_keys};
use crate::provider::Provider;
use crate::provider::code::CodeRequest;
use crate::store::ClientId;

/// Decrypts with the client's key, allowing what it registered.
fn open(token: &str, jwk: &Value, alg: &str, enc: &str) -> Decrypted {
    let alg = KeyManagement::parse(alg).unwrap();
    let enc = ContentEncryption::parse(enc).unwrap();
    let jwe = Jwe::parse(token).unwrap();
    assert_eq!(jwe.kid(), jwk["kid"].as_str());
    let keys = [test_keys::decryption_key(jwk)];
    jwe.decrypt(&keys, &[alg], &[enc], &SystemRandom).unwrap()
}

fn jwks(keys: &[Value]) -> Value {
    let keys: Vec<_> = keys.iter().cloned().map(test_keys::public).collect();
    json!({ "keys": keys })
}

/// A client with the P-256 key, that wants this.
async fn client(house: &House, changes: Value) -> ClientId {
    let mut metadata = json!({ "jwks": jwks(&[test_keys::p256()]) });
    let members = metadata.as_object_mut().unwrap();
    members.extend(super::harness::object(changes));
    house.client_of_host("rp", metadata).await
}

#[tokio::test]
async fn id_tokens_are_signed_then_encrypted_with_what_the_client_chose() {
    let house = house().await;
    for (n, key) in test_keys::all().into_iter().enumerate() {
        let algorithms = match key["kty"].as_str() {
            Some("RSA") => &["RSA-OAEP", "RSA-OAEP-256"][..],
            _ => &["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"],
        };
        for (alg, enc) in algorithms
            .iter()
            .flat_map(|alg| ContentEncryption::ALL.map(|enc| (alg, enc.name())))
        {
            let id = format!("rp-{n}-{alg}-{enc}");
            let chosen = json!({
                "jwks": jwks(std::slice::from_ref(&key)),
                "id_token_signed_response_alg": "ES256",
                "id_token_encrypted_response_alg": alg,
                "id_token_encrypted_response_enc": enc,
            });
            let rp = house.client_of_host(&id, chosen).await;
            let tokens = house.tokens(&rp, "openid").await;
            let inside = open(tokens.text("id_token"), &key, alg, enc);
            let token = inside.nested_jwt().unwrap();
            let claims = verified(&house, token, Algorithm::Es256, &id).await;
            assert_eq!(claims["sub"], "alice");
            // Nobody but the client can use the access token's form for anything else.
            assert_eq!(tokens.text("access_token").split('.').count(), 3);
        }
    }
}

#[tokio::test]
async fn the_default_content_encryption_and_the_refreshed_token() {
    let house = house().await;
    let rp = client(
        &house,
        json!({ "id_token_encrypted_response_alg": "ECDH-ES" }),
    )
    .await;
    let tokens = house.tokens(&rp, "openid").await;
    let again = house.refresh(&rp, tokens.text("refresh_token")).await.ok();
    for tokens in [tokens, again] {
        let token = tokens.text("id_token");
        let inside = open(token, &test_keys::p256(), "ECDH-ES", "A128CBC-HS256");
        let claims = verified(&house, inside.nested_jwt().unwrap(), Algorithm::Rs256, "rp").await;
        assert_eq!(claims["sub"], "alice");
    }
}

#[tokio::test]
async fn an_encrypted_id_token_is_no_hint_and_what_is_inside_is() {
    let house = house().await;
    let rp = client(
        &house,
        json!({ "id_token_encrypted_response_alg": "ECDH-ES" }),
    )
    .await;
    let tokens = house.tokens(&rp, "openid").await;
    let token = tokens.text("id_token");
    let hint = house.wing.read_id_token_hint(token, house.now()).await;
    assert_eq!(hint.unwrap_err().error, "invalid_request");
    let inside = open(token, &test_keys::p256(), "ECDH-ES", "A128CBC-HS256");
    let inside = inside.nested_jwt().unwrap();
    let hint = house.wing.read_id_token_hint(inside, house.now()).await;
    assert_eq!(hint.unwrap().subject, "alice");
}

#[tokio::test]
async fn userinfo_encrypted_with_and_without_a_signature() {
    let house = house().await;
    let rp = client(
        &house,
        json!({
            "userinfo_encrypted_response_alg": "ECDH-ES+A256KW",
            "userinfo_encrypted_response_enc": "A256GCM",
        }),
    )
    .await;
    let tokens = house.tokens(&rp, "openid email").await;
    let answer = house.userinfo(tokens.text("access_token")).await.ok();
    let inside = open(
        jwt(&answer),
        &test_keys::p256(),
        "ECDH-ES+A256KW",
        "A256GCM",
    );
    // OpenID Connect Core §5.3.2: claims, not a token.
    assert!(inside.nested_jwt().is_err());
    let claims: Value = serde_json::from_slice(inside.plaintext()).unwrap();
    let all = json!({ "sub": "alice", "email": "alice@example.com", "email_verified": true });
    assert_eq!(claims, all);

    let both = json!({
        "jwks": jwks(&[test_keys::rsa()]),
        "userinfo_signed_response_alg": "ES256",
        "userinfo_encrypted_response_alg": "RSA-OAEP-256",
    });
    let rp = house.client_of_host("both", both).await;
    let tokens = house.tokens(&rp, "openid").await;
    let answer = house.userinfo(tokens.text("access_token")).await.ok();
    let inside = open(
        jwt(&answer),
        &test_keys::rsa(),
        "RSA-OAEP-256",
        "A128CBC-HS256",
    );
    let claims = verified(
        &house,
        inside.nested_jwt().unwrap(),
        Algorithm::Es256,
        "both",
    )
    .await;
    assert_eq!(claims["sub"], "alice");
}

fn has_no_plain_text(answer: &Answer) {
    answer.refused_as("invalid_request");
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(!text.contains("eyJ") && !text.contains("alice"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_encrypted_is_not_sent() {
    let house = house().await;
    let mut signing = test_keys::p256();
    signing["use"] = json!("sig");
    let enc = "A128GCM";
    for (n, (keys, alg, enc)) in [
        (jwks(&[]), json!("ECDH-ES"), json!(enc)),
        (jwks(&[signing]), json!("ECDH-ES"), json!(enc)),
        (jwks(&[test_keys::rsa()]), json!("ECDH-ES"), json!(enc)),
        (Value::Null, json!("ECDH-ES"), json!(enc)),
        (json!("x"), json!("ECDH-ES"), json!(enc)),
        (
            json!({ "keys": [test_keys::p256()] }),
            json!("ECDH-ES"),
            json!(enc),
        ),
        (jwks(&[test_keys::p256()]), json!("dir"), json!(enc)),
        (jwks(&[test_keys::p256()]), json!(1), json!(enc)),
        (jwks(&[test_keys::p256()]), json!("ECDH-ES"), json!("none")),
        (jwks(&[test_keys::p256()]), json!("ECDH-ES"), json!(1)),
        (jwks(&[test_keys::p256()]), Value::Null, json!(enc)),
    ]
    .into_iter()
    .enumerate()
    {
        let id_token = json!({
            "jwks": keys, "id_token_encrypted_response_alg": alg, "id_token_encrypted_response_enc": enc,
        });
        let rp = house.client_of_host(&format!("id-{n}"), id_token).await;
        let code = house.code(&rp, "openid").await;
        has_no_plain_text(&house.redeem(&rp, &code).await);
        let userinfo = json!({
            "jwks": keys, "userinfo_encrypted_response_alg": alg, "userinfo_encrypted_response_enc": enc,
        });
        let rp = house.client_of_host(&format!("info-{n}"), userinfo).await;
        let tokens = house.tokens(&rp, "openid").await;
        has_no_plain_text(&house.userinfo(tokens.text("access_token")).await);
    }
}

/// Without `openid` there is no ID token, so nothing to encrypt.
#[tokio::test]
async fn a_client_without_a_key_gets_what_needs_none() {
    let house = house().await;
    let rp = client(
        &house,
        json!({ "jwks": jwks(&[]), "id_token_encrypted_response_alg": "ECDH-ES" }),
    )
    .await;
    assert!(
        house
            .tokens(&rp, "profile")
            .await
            .json
            .get("id_token")
            .is_none()
    );
}

#[tokio::test]
async fn the_key_at_a_jwks_uri_is_fetched_again_when_none_fits() {
    let (house, published) = published_house().await;
    let rp = client(
        &house,
        json!({
            "jwks": null,
            "jwks_uri": "https://rp.example/jwks",
            "id_token_encrypted_response_alg": "ECDH-ES",
        }),
    )
    .await;
    let ask = async || {
        let code = house
            .code_with(&rp, "openid", |_: &mut CodeRequest| {})
            .await;
        house.redeem(&rp, &code).await
    };
    has_no_plain_text(&ask().await);
    published.put(Some(jwks(&[test_keys::rsa()])));
    has_no_plain_text(&ask().await);
    assert_eq!(published.count(), 1);
    house.advance(Duration::from_secs(30));
    has_no_plain_text(&ask().await);
    assert_eq!(published.count(), 2);
    published.put(Some(jwks(&[test_keys::rsa(), test_keys::p256()])));
    house.advance(Duration::from_secs(30));
    for _ in 0..2 {
        let tokens = ask().await.ok();
        open(
            tokens.text("id_token"),
            &test_keys::p256(),
            "ECDH-ES",
            "A128CBC-HS256",
        );
        assert_eq!(published.count(), 3);
    }
}

#[tokio::test]
async fn discovery_names_what_works() {
    let house = house_with(Provider::default()).await;
    let document = house
        .get("/.well-known/openid-configuration", Proof::No)
        .await
        .ok();
    for what in ["id_token", "userinfo"] {
        let algorithms = &document.json[format!("{what}_encryption_alg_values_supported")];
        assert_eq!(
            *algorithms,
            json!(KeyManagement::ALL.map(KeyManagement::name))
        );
        let encryptions = &document.json[format!("{what}_encryption_enc_values_supported")];
        assert_eq!(
            *encryptions,
            json!(ContentEncryption::ALL.map(ContentEncryption::name))
        );
    }
}
