//! Request objects by value and by reference (OpenID Connect Core §6), signed by another library.

use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header};
use serde_json::{Value, json};

use super::browser::{Answer, Browser, CALLBACK};
use super::house::rp_metadata;
use crate::ground::jose::{Algorithm, GeneratedKey, SigningKey};
use crate::ground::{Digest32, base64url};

const URI: &str = "https://rp.example/request.jwt";

/// A browser, and a first-party client `signer` with a key and a `request_uris`.
async fn set_up(changes: Value) -> (Browser, GeneratedKey) {
    let browser = Browser::signed_in("u1").await;
    let key = SigningKey::generate(Algorithm::Es256).expect("a key");
    let mut metadata = rp_metadata();
    metadata["jwks"] = json!({ "keys": [key.key.public_jwk()] });
    metadata["request_uris"] = json!([URI]);
    for (name, value) in changes.as_object().expect("object") {
        metadata[name] = value.clone();
    }
    browser.house.add_client("signer", metadata, true).await;
    (browser, key)
}

fn signed(key: &GeneratedKey, claims: &Value) -> String {
    let header = Header {
        kid: Some(key.key.kid().to_owned()),
        ..Header::new(Alg::ES256)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(&key.pkcs8)).expect("signed")
}

fn unsigned(claims: &Value) -> String {
    let header = base64url(br#"{"alg":"none"}"#);
    format!("{header}.{}.", base64url(claims.to_string().as_bytes()))
}

async fn ask(browser: &mut Browser, object: &str, changes: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", "signer"), ("request", object)];
    all.extend_from_slice(changes);
    browser.authorize(&all).await
}

#[tokio::test]
async fn what_is_in_the_object_wins_and_the_rest_comes_from_beside_it() {
    let (mut browser, key) = set_up(json!({})).await;
    for object in [
        unsigned(&json!({ "state": "inside" })),
        signed(
            &key,
            &json!({ "state": "inside", "iss": "signer", "aud": "https://op.example.com" }),
        ),
    ] {
        let answer = ask(&mut browser, &object, &[]).await;
        assert!(answer.param("code").is_some(), "{:?}", answer.location());
        assert_eq!(answer.param("state").as_deref(), Some("inside"));
    }
    // All of it inside, save what OAuth itself asks for.
    let claims = json!({
        "client_id": "signer", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid",
        "state": "whole", "max_age": 10_000, "prompt": "none",
        "claims": { "id_token": { "sub": { "value": "u1" } } },
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
    });
    let outside = [
        ("redirect_uri", ""),
        ("state", ""),
        ("scope", "openid"),
        ("nonce", ""),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let answer = ask(&mut browser, &signed(&key, &claims), &outside).await;
    assert_eq!(answer.param("state").as_deref(), Some("whole"));
    assert!(answer.param("code").is_some());
    // And each parameter counts as it would outside.
    let stale = signed(&key, &json!({ "max_age": 1, "prompt": "none" }));
    let answer = ask(&mut browser, &stale, &[]).await;
    assert_eq!(answer.error().as_deref(), Some("login_required"));
}

#[tokio::test]
async fn threat_39_a_redirect_uri_inside_is_held_to_the_registered_ones() {
    let (mut browser, key) = set_up(json!({})).await;
    let evil = json!({ "redirect_uri": "https://evil.example/cb" });
    for object in [unsigned(&evil), signed(&key, &evil)] {
        let answer = ask(&mut browser, &object, &[]).await;
        assert!(answer.is_error_page(400), "{:?}", answer.location());
    }
}

#[tokio::test]
async fn threat_21_an_object_that_cannot_be_believed_is_refused_where_the_query_says() {
    let (mut browser, key) = set_up(json!({})).await;
    let other = SigningKey::generate(Algorithm::Es256).expect("a key");
    let now = browser.house.now().seconds();
    let good = json!({ "state": "inside" });
    let spoiled = {
        let token = signed(&key, &good);
        let (rest, _) = token.rsplit_once('.').expect("parts");
        format!("{rest}.{}", base64url(&[0; 64]))
    };
    let none_with_signature = format!("{}{}", unsigned(&good), base64url(b"x"));
    for object in [
        signed(&other, &good),
        spoiled,
        none_with_signature,
        "x".to_owned(),
        "a.b.c".to_owned(),
        unsigned(&json!([])),
        unsigned(&json!({ "client_id": "rp" })),
        unsigned(&json!({ "response_type": "id_token" })),
        unsigned(&json!({ "request": "x" })),
        unsigned(&json!({ "request_uri": URI })),
        unsigned(&json!({ "state": ["a"] })),
        unsigned(&json!({ "scope": { "openid": true } })),
        unsigned(&json!({ "state": null })),
        signed(&key, &json!({ "iss": "rp" })),
        signed(&key, &json!({ "aud": "https://other.example" })),
        signed(&key, &json!({ "exp": now - 100 })),
        signed(&key, &json!({ "nbf": now + 100 })),
        signed(&key, &json!({ "exp": "soon" })),
    ] {
        let answer = ask(&mut browser, &object, &[]).await;
        assert_eq!(
            answer.error().as_deref(),
            Some("invalid_request_object"),
            "{object}"
        );
        assert_eq!(answer.param("state").as_deref(), Some("st/ä te&=+"));
        // Without an address beside it there is nowhere to send it to.
        let answer = ask(&mut browser, &object, &[("redirect_uri", "")]).await;
        assert!(answer.is_error_page(400), "{object}");
    }
}

#[tokio::test]
async fn a_client_is_held_to_the_algorithm_it_registered() {
    let (mut browser, key) = set_up(json!({ "request_object_signing_alg": "ES256" })).await;
    let claims = json!({ "state": "inside" });
    let answer = ask(&mut browser, &unsigned(&claims), &[]).await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request_object"));
    let answer = ask(&mut browser, &signed(&key, &claims), &[]).await;
    assert!(answer.param("code").is_some());
    for (registered, takes_signed) in [("RS256", false), ("none", false)] {
        let registered = json!({ "request_object_signing_alg": registered });
        let (mut browser, key) = set_up(registered).await;
        let answer = ask(&mut browser, &signed(&key, &claims), &[]).await;
        assert_eq!(answer.param("code").is_some(), takes_signed);
    }
}

#[tokio::test]
async fn an_object_at_a_registered_address_is_fetched() {
    let (mut browser, key) = set_up(json!({})).await;
    let by_reference = [("client_id", "signer"), ("request_uri", URI)];
    let answer = browser.authorize(&by_reference).await;
    assert_eq!(
        answer.error().as_deref(),
        Some("invalid_request_uri"),
        "nothing there"
    );
    for object in [
        unsigned(&json!({ "state": "fetched" })),
        signed(&key, &json!({ "state": "fetched" })),
    ] {
        browser
            .house
            .documents
            .0
            .lock()
            .expect("lock")
            .insert(URI.to_owned(), object);
        let answer = browser.authorize(&by_reference).await;
        assert_eq!(answer.param("state").as_deref(), Some("fetched"));
        assert!(answer.param("code").is_some());
    }
    let both = [by_reference[0], by_reference[1], ("request", "x")];
    let answer = browser.authorize(&both).await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn threat_44_nothing_is_fetched_from_an_address_that_is_not_registered() {
    let (mut browser, _) = set_up(json!({})).await;
    let object = unsigned(&json!({ "state": "fetched" }));
    for uri in [
        "https://rp.example/other.jwt",
        "https://rp.example/request.jwt?x",
        "https://rp.example/request.jwt#x",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "urn:ietf:params:oauth:request_uri:x",
    ] {
        let documents = &browser.house.documents.0;
        documents
            .lock()
            .expect("lock")
            .insert(uri.to_owned(), object.clone());
        let changes = [("client_id", "signer"), ("request_uri", uri)];
        let answer = browser.authorize(&changes).await;
        assert_eq!(
            answer.error().as_deref(),
            Some("invalid_request_uri"),
            "{uri}"
        );
    }
}

// §6.2: a hash in the fragment tells caches that the content changed; it is registered before there is any content.
#[tokio::test]
async fn a_fragment_is_no_part_of_the_address_and_says_nothing_of_the_content() {
    let object = unsigned(&json!({ "state": "fetched" }));
    let uri = format!("{URI}#{}", base64url(Digest32::of("something").as_bytes()));
    let (mut browser, _) = set_up(json!({ "request_uris": [uri] })).await;
    let documents = &browser.house.documents.0;
    documents
        .lock()
        .expect("lock")
        .insert(URI.to_owned(), object);
    let changes = [("client_id", "signer"), ("request_uri", uri.as_str())];
    let answer = browser.authorize(&changes).await;
    assert_eq!(answer.param("state").as_deref(), Some("fetched"));
}

#[tokio::test]
async fn threat_45_an_object_is_bounded() {
    let (mut browser, _) = set_up(json!({})).await;
    let long = unsigned(&json!({ "x": "a".repeat(17_000) }));
    let answer = ask(&mut browser, &long, &[]).await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request_object"));
    let twice = format!(
        "{}.{}.",
        base64url(br#"{"alg":"none"}"#),
        base64url(br#"{"state":"a","state":"b"}"#)
    );
    let answer = ask(&mut browser, &twice, &[]).await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request_object"));
    for header in [
        r#"{"alg":"none","crit":["x"]}"#,
        r#"{"alg":"none","b64":false}"#,
    ] {
        let token = format!("{}.{}.", base64url(header.as_bytes()), base64url(b"{}"));
        let answer = ask(&mut browser, &token, &[]).await;
        assert_eq!(
            answer.error().as_deref(),
            Some("invalid_request_object"),
            "{header}"
        );
    }
}
