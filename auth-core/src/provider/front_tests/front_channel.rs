//! Hybrid and implicit flows (OpenID Connect Core §3.2, §3.3): refused until an operator turns them on, then complete.

use std::sync::Arc;

use serde_json::{Value, json};

use super::browser::{Answer, Browser, request_params};
use super::house::{House, rp_metadata};
use crate::ground::jose::{Algorithm, Jws, left_half_hash};
use crate::provider::settings::{Pkce, Provider};

const TYPES: [&str; 5] = [
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
];

async fn house() -> Arc<House> {
    let settings = Provider::default()
        .dangerous_front_channel_tokens(true)
        .pkce(Pkce::PublicClients);
    let house = House::open_with(settings).await;
    let mut metadata = rp_metadata();
    metadata["grant_types"] = json!(["authorization_code", "implicit", "refresh_token"]);
    metadata["response_types"] = json!([
        "code",
        "id_token",
        "token id_token",
        "code id_token",
        "code token",
        "code id_token token"
    ]);
    house.add_client("all", metadata.clone(), true).await;
    house.add_client("third", metadata, false).await;
    house
}

/// A request of `all`, answered.
async fn ask(browser: &mut Browser, response_type: &str, changes: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", "all"), ("response_type", response_type)];
    all.extend_from_slice(changes);
    browser.authorize(&all).await
}

/// The claims of an ID token whose signature verifies.
async fn claims(house: &House, token: &str) -> Value {
    let keys = house.wing.verification_keys(house.now()).await;
    let jws = Jws::parse(token).expect("a JWS");
    let verified = jws.verify(&keys, &Algorithm::ALL).expect("our signature");
    verified.claims().expect("claims")
}

#[tokio::test]
async fn threat_38_nothing_passes_the_front_channel_unless_it_is_turned_on() {
    let mut browser = Browser::signed_in("u1").await;
    for response_type in TYPES {
        let answer = browser.authorize(&[("response_type", response_type)]).await;
        assert_eq!(answer.error().as_deref(), Some("unsupported_response_type"));
        // Where the answer would have been, had there been one.
        let location = answer.location().expect("redirect");
        assert!(location.contains("tenant=1#error="), "{location}");
        assert!(answer.param("state").is_some() && answer.param("iss").is_some());
    }
}

#[tokio::test]
async fn each_response_type_gives_what_it_names_and_nothing_else() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    for response_type in TYPES {
        let answer = ask(&mut browser, response_type, &[]).await;
        let location = answer.location().expect("redirect");
        assert!(
            location.starts_with("https://rp.example/cb?tenant=1#"),
            "{location}"
        );
        let names: Vec<_> = response_type.split(' ').collect();
        let code = answer.param("code");
        let token = answer.param("access_token");
        let id_token = answer.param("id_token");
        assert_eq!(code.is_some(), names.contains(&"code"), "{location}");
        assert_eq!(token.is_some(), names.contains(&"token"), "{location}");
        assert_eq!(
            id_token.is_some(),
            names.contains(&"id_token"),
            "{location}"
        );
        for about_token in ["token_type", "expires_in", "scope"] {
            assert_eq!(answer.param(about_token).is_some(), token.is_some());
        }
        assert!(answer.param("refresh_token").is_none());
        assert_eq!(answer.param("state").as_deref(), Some("st/ä te&=+"));
        assert_eq!(
            answer.param("iss").as_deref(),
            Some("https://op.example.com")
        );
        if let Some(id_token) = id_token {
            let claims = claims(&house, &id_token).await;
            assert_eq!(claims["nonce"], "n-1");
            assert_eq!(claims["aud"], "all");
            let half = |value: &Option<String>| match value {
                Some(value) => json!(left_half_hash(Algorithm::Rs256, value)),
                None => Value::Null,
            };
            assert_eq!(claims["c_hash"], half(&code), "{claims}");
            assert_eq!(claims["at_hash"], half(&token), "{claims}");
        }
        if let Some(token) = token {
            let authorization = format!("Bearer {token}");
            let headers = [("authorization", authorization.as_str())];
            let info = browser
                .send(http::Method::GET, "/oauth/userinfo", None, &headers)
                .await;
            assert_eq!(info.json()["sub"], "u1");
        }
        if let Some(code) = code {
            let tokens = browser.redeem("all", &code).await.json();
            let claims = claims(&house, tokens["id_token"].as_str().expect("one")).await;
            assert_eq!(
                (&claims["sub"], &claims["nonce"]),
                (&json!("u1"), &json!("n-1"))
            );
            assert!(claims.get("c_hash").is_none() && claims["at_hash"].is_string());
        }
    }
}

#[tokio::test]
async fn words_of_a_response_type_come_in_any_order() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let answer = ask(&mut browser, "token code id_token", &[]).await;
    assert!(answer.param("code").is_some() && answer.param("access_token").is_some());
}

#[tokio::test]
async fn the_answer_can_be_posted_and_never_stands_in_a_query() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    for response_type in TYPES {
        let posted = ask(
            &mut browser,
            response_type,
            &[("response_mode", "form_post")],
        )
        .await;
        assert_eq!((posted.status.as_u16(), posted.location()), (200, None));
        assert!(
            posted
                .param("id_token")
                .or(posted.param("access_token"))
                .is_some()
        );
        let refused = ask(&mut browser, response_type, &[("response_mode", "query")]).await;
        assert_eq!(refused.error().as_deref(), Some("invalid_request"));
        assert!(refused.param("id_token").is_none() && refused.param("access_token").is_none());
    }
    // A code alone may travel in a fragment, where scripts of the client's own page read it.
    let answer = ask(&mut browser, "code", &[("response_mode", "fragment")]).await;
    let location = answer.location().expect("redirect");
    assert!(location.contains("?tenant=1#code="), "{location}");
}

#[tokio::test]
async fn an_id_token_from_the_front_channel_needs_a_nonce() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    for response_type in TYPES {
        let answer = ask(&mut browser, response_type, &[("nonce", "")]).await;
        let refused = answer.error().as_deref() == Some("invalid_request");
        assert_eq!(
            refused,
            response_type.contains("id_token"),
            "{response_type}"
        );
    }
    let answer = ask(&mut browser, "code", &[("nonce", "")]).await;
    assert!(answer.param("code").is_some());
}

#[tokio::test]
async fn an_id_token_needs_the_scope_openid() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    for response_type in TYPES {
        let answer = ask(&mut browser, response_type, &[("scope", "profile")]).await;
        let refused = answer.error().as_deref() == Some("invalid_scope");
        assert_eq!(
            refused,
            response_type.contains("id_token"),
            "{response_type}"
        );
    }
}

#[tokio::test]
async fn an_id_token_that_comes_alone_has_the_claims_of_the_scopes() {
    let house = house().await;
    let account = json!({ "name": "Alice", "email": "alice@example.com", "sub": "mallory" });
    *house.accounts.claims.lock().expect("lock") = account.as_object().expect("object").clone();
    let mut browser = Browser::signed_in_at("u1", &house);
    for (response_type, has_name) in [("id_token", true), ("id_token token", false)] {
        let answer = ask(&mut browser, response_type, &[]).await;
        let claims = claims(&house, &answer.param("id_token").expect("one")).await;
        assert_eq!(claims["name"].is_string(), has_name, "{response_type}");
        assert_eq!(claims["sub"], "u1");
        assert!(claims.get("email").is_none(), "its scope was not asked for");
    }
}

#[tokio::test]
async fn a_client_gets_only_the_types_it_registered() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    for response_type in TYPES {
        let changes = [("client_id", "rp"), ("response_type", response_type)];
        let answer = browser.authorize(&changes).await;
        assert_eq!(answer.error().as_deref(), Some("unauthorized_client"));
    }
    house
        .change_client("all", |client| {
            client.metadata["grant_types"] = json!(["authorization_code"]);
        })
        .await;
    let answer = ask(&mut browser, "code id_token", &[]).await;
    assert_eq!(answer.error().as_deref(), Some("unauthorized_client"));
}

#[tokio::test]
async fn consent_is_asked_before_and_prompt_none_answers_in_the_fragment() {
    let house = house().await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let third = [("client_id", "third"), ("response_type", "id_token token")];
    let silent = [third[0], third[1], ("prompt", "none")];
    let answer = browser.authorize(&silent).await;
    assert_eq!(answer.error().as_deref(), Some("consent_required"));
    assert!(answer.location().expect("redirect").contains("#error="));
    let page = browser.authorize_and_follow(&third).await;
    assert!(page.is_consent());
    let answer = browser.press(&page, "allow").await;
    assert!(
        answer.param("access_token").is_some(),
        "{:?}",
        answer.location()
    );
    let answer = browser.authorize(&silent).await;
    assert!(answer.param("id_token").is_some());
}

#[tokio::test]
async fn without_pkce_a_confidential_client_alone_gets_a_code_and_a_stray_verifier_spoils_it() {
    let house = house().await;
    house
        .change_client("third", |client| {
            client.metadata["token_endpoint_auth_method"] = json!("client_secret_basic");
        })
        .await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    let answer = ask(&mut browser, "code", &bare).await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request"), "public");
    let answer = ask(&mut browser, "code id_token", &bare).await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request"), "public");
    // No code, nothing to redeem.
    let answer = ask(&mut browser, "id_token", &bare).await;
    assert!(answer.param("id_token").is_some());

    let mut request = request_params(&bare);
    request.retain(|(name, _)| *name != "client_id");
    request.push(("client_id", "third"));
    request.push(("code_challenge_method", "S256"));
    let answer = browser.post("/oauth/authorize", &request).await;
    let error = answer.error();
    assert_eq!(error.as_deref(), Some("invalid_request"), "half of PKCE");
}
