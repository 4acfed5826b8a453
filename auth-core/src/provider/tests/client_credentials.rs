//! A client's own tokens.

use serde_json::json;

use super::harness::{Answer, House, ISSUER, Proof, REDIRECT_URI, SECRET, VERIFIER, house};
use crate::ground::jose::{Algorithm, Jws};
use crate::services::Event;

async fn own_token(house: &House, id: &str, scope: Option<&str>) -> Answer {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(scope.map(|scope| ("scope", scope)));
    house
        .post("/oauth/token", Proof::Basic(id, SECRET), &form)
        .await
}

#[tokio::test]
async fn a_client_gets_a_token_of_its_own() {
    let house = house().await;
    let rp = house.rp().await;
    let answer = own_token(&house, "rp", Some("reports:read")).await.ok();
    assert_eq!(answer.text("scope"), "reports:read");
    assert!(answer.json.get("refresh_token").is_none() && answer.json.get("id_token").is_none());
    let seen = house.introspect(&rp, answer.text("access_token")).await;
    assert!(House::is_active(&seen));
    assert_eq!(seen.json["sub"], "rp");
    assert!(house.has_event(|event| matches!(
        event,
        Event::TokensIssued {
            grant_type: "client_credentials",
            subject: None,
            ..
        }
    )));
}

#[tokio::test]
async fn without_a_scope_it_gets_its_own_and_none_about_people() {
    let house = house().await;
    house.rp().await;
    house
        .client("plain", json!({ "scope": "openid profile" }))
        .await;
    let answer = own_token(&house, "rp", None).await.ok();
    assert_eq!(answer.text("scope"), "reports:read");
    let answer = own_token(&house, "plain", None).await.ok();
    assert!(answer.json.get("scope").is_none());
}

#[tokio::test]
async fn it_gets_no_scope_it_may_not_have() {
    let house = house().await;
    house.rp().await;
    house.client("without", json!({ "scope": null })).await;
    for scope in [
        "openid",
        "offline_access",
        "profile",
        "reports:write",
        "unknown",
        "reports:read openid",
    ] {
        own_token(&house, "rp", Some(scope))
            .await
            .refused_as("invalid_scope");
    }
    own_token(&house, "without", Some("reports:read"))
        .await
        .refused_as("invalid_scope");
    // Repeated names and spaces are harmless.
    let answer = own_token(&house, "rp", Some(" reports:read  reports:read "))
        .await
        .ok();
    assert_eq!(answer.text("scope"), "reports:read");
}

// RFC 8707 §2.2: a resource that the server cannot give a token for is invalid_target, for every grant.
#[tokio::test]
async fn a_token_for_another_resource_is_refused_whatever_the_grant() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    let tokens = house.tokens(&rp, "openid").await;
    let grants = [
        vec![("grant_type", "client_credentials")],
        vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ],
        vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.text("refresh_token")),
        ],
    ];
    for form in grants {
        let ask = async |resource: &[&str]| {
            let mut form = form.clone();
            form.extend(resource.iter().map(|uri| ("resource", *uri)));
            let proof = Proof::Basic("rp", SECRET);
            house.post("/oauth/token", proof, &form).await
        };
        for bad in [&["https://x.example"][..], &[ISSUER, "https://x.example"]] {
            ask(bad).await.refused_as("invalid_target");
        }
        // Nothing was spent by it.
        ask(&[ISSUER]).await.ok();
    }
}

#[tokio::test]
async fn the_grant_type_must_be_registered() {
    let house = house().await;
    house
        .client("plain", json!({ "grant_types": ["authorization_code"] }))
        .await;
    own_token(&house, "plain", None)
        .await
        .refused_as("unauthorized_client");
}

#[tokio::test]
async fn it_ends_when_the_client_is_disabled() {
    let house = house().await;
    let rp = house.rp().await;
    let api = house.client("api", json!({})).await;
    let update = crate::provider::ClientUpdate::default().first_party(true);
    house.wing.update_client(&api, update).await.unwrap();
    let answer = own_token(&house, "rp", None).await.ok();
    let token = answer.text("access_token");
    let keys = house.wing.verification_keys(house.now()).await;
    let claims = Jws::parse(token)
        .unwrap()
        .verify(&keys, &Algorithm::ALL)
        .unwrap();
    let claims = claims.claims_object().unwrap();
    assert!(House::is_active(&house.introspect(&api, token).await));
    assert!(house.wing.access_token_status(&claims).await.unwrap());
    house.wing.disable_client(&rp).await.unwrap();
    assert!(!House::is_active(&house.introspect(&api, token).await));
    assert!(!house.wing.access_token_status(&claims).await.unwrap());
}

#[tokio::test]
async fn it_says_nothing_about_anybody() {
    let house = house().await;
    house.rp().await;
    let answer = own_token(&house, "rp", None).await.ok();
    let answer = house.userinfo(answer.text("access_token")).await;
    answer.refused_as("insufficient_scope");
}
