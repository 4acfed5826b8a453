//! What a client registered for all its requests, and pairwise subjects that it says back.

use std::sync::Arc;

use serde_json::json;

use super::browser::{Answer, Browser, encode};
use super::house::{House, rp_metadata};

/// A first-party client `app2`, so that no consent is asked, with changes to the usual metadata.
async fn house_of(changes: serde_json::Value) -> Arc<House> {
    let house = House::open().await;
    let mut metadata = rp_metadata();
    for (name, value) in changes.as_object().expect("object") {
        metadata[name] = value.clone();
    }
    house.add_client("app2", metadata, true).await;
    house
}

async fn ask(browser: &mut Browser, changes: &[(&str, &str)]) -> Answer {
    let changes = [&[("client_id", "app2")], changes].concat();
    browser.authorize(&changes).await
}

fn is_code(answer: &Answer) -> bool {
    answer.param("code").is_some()
}

/// OpenID Connect Registration §2: "The `max_age` request parameter overrides this default value."
#[tokio::test]
async fn default_max_age_counts_where_the_request_says_nothing() {
    let house = house_of(json!({ "default_max_age": 30 })).await;
    // For a minute.
    let mut browser = Browser::signed_in_at("u1", &house);
    assert!(ask(&mut browser, &[]).await.is_sign_in());
    let silent = ask(&mut browser, &[("prompt", "none")]).await;
    assert_eq!(silent.error().as_deref(), Some("login_required"));
    assert!(is_code(&ask(&mut browser, &[("max_age", "3600")]).await));
    browser.sign_in("u1");
    assert!(is_code(&ask(&mut browser, &[]).await));
}

/// OpenID Connect Registration §2: `auth_time` is in every ID token, so also where it is required.
#[tokio::test]
async fn require_auth_time_is_met() {
    let house = house_of(json!({ "require_auth_time": true })).await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let token = browser.id_token("app2").await;
    let payload = token.split('.').nth(1).expect("payload");
    let payload = crate::ground::from_base64url(payload).expect("base64url");
    let claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(claims["auth_time"], house.now().seconds() - 60);
}

/// OpenID Connect Registration §2: defaults, which the request overrides; Core §5.5.1.1: a wish that is not met fails
/// nothing.
#[tokio::test]
async fn default_acr_values_are_tried_once() {
    let house = house_of(json!({ "default_acr_values": ["3", "2"] })).await;
    let mut browser = Browser::signed_in_at("u1", &house);
    assert!(is_code(&ask(&mut browser, &[("prompt", "none")]).await));
    assert!(is_code(&ask(&mut browser, &[("acr_values", "1")]).await));
    let voluntary = json!({ "id_token": { "acr": null } }).to_string();
    assert!(is_code(&ask(&mut browser, &[("claims", &voluntary)]).await));
    let answer = ask(&mut browser, &[]).await;
    assert!(answer.is_sign_in());
    assert_eq!(answer.param("reauthenticate").as_deref(), Some("true"));
    browser.house.advance(5);
    browser.sign_in("u1");
    let back = answer.param("return_to").expect("return_to");
    assert!(is_code(&browser.get(&back).await));
    // So it is for a request that says it itself.
    assert!(ask(&mut browser, &[("acr_values", "2")]).await.is_sign_in());
}

/// OpenID Connect Core §3.1.2.1 and §8: a client says back what it was told.
#[tokio::test]
async fn a_hint_with_a_pairwise_subject_means_its_account() {
    let house = house_of(json!({ "subject_type": "pairwise" })).await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let hint = browser.id_token("app2").await;
    let silent = ("prompt", "none");
    assert!(is_code(
        &ask(&mut browser, &[silent, ("id_token_hint", &hint)]).await
    ));
    browser.sign_in("u2");
    let other = ask(&mut browser, &[silent, ("id_token_hint", &hint)]).await;
    assert_eq!(other.error().as_deref(), Some("login_required"));
}

/// OpenID Connect Core §3.1.2.2 item 4, §5.5.1. A client that could ask by the account's own subject would learn which
/// of its pairwise ones belongs to it.
#[tokio::test]
async fn a_claimed_subject_is_the_clients_own_name_for_it() {
    let house = house_of(json!({ "subject_type": "pairwise" })).await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let client = house.stores.clients.client(&"app2".into()).await;
    let client = client.expect("store").expect("client");
    let sub = house
        .wing
        .subject_for(&client, "u1")
        .await
        .expect("subject");
    let of = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } }).to_string();
    let silent = ("prompt", "none");
    assert!(is_code(
        &ask(&mut browser, &[silent, ("claims", &of(&sub))]).await
    ));
    let own = ask(&mut browser, &[silent, ("claims", &of("u1"))]).await;
    assert_eq!(own.error().as_deref(), Some("login_required"));
    // It stays so while the request waits for its person.
    let answer = ask(&mut browser, &[("prompt", "login"), ("claims", &of(&sub))]).await;
    browser.house.advance(5);
    browser.sign_in("u1");
    let back = answer.param("return_to").expect("return_to");
    assert!(is_code(&browser.get(&back).await));
}

/// RP-Initiated Logout §2.
#[tokio::test]
async fn a_pairwise_hint_ends_the_session_it_is_about_and_no_other() {
    let house = house_of(json!({ "subject_type": "pairwise" })).await;
    let mut browser = Browser::signed_in_at("u1", &house);
    let hint = browser.id_token("app2").await;
    let url = format!("/oauth/logout?{}", encode(&[("id_token_hint", &*hint)]));
    browser.sign_in("u2");
    browser.get(&url).await;
    assert!(
        browser.is_signed_in(),
        "another account is asked, not signed out"
    );
    browser.sign_in("u1");
    browser.get(&url).await;
    assert!(!browser.is_signed_in());
}
