//! Revocation.

use http::StatusCode;
use serde_json::{Value, json};

use super::harness::{Answer, House, Proof, SECRET, house};
use crate::services::Event;

async fn revoke(house: &House, id: &str, token: &str) -> Answer {
    house
        .post(
            "/oauth/revoke",
            Proof::Basic(id, SECRET),
            &[("token", token)],
        )
        .await
}

#[tokio::test]
async fn a_revoked_access_token_ends_alone() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let answer = revoke(&house, "rp", tokens.text("access_token")).await.ok();
    assert_eq!(answer.json, Value::Null);
    assert!(!House::is_active(
        &house.introspect(&rp, tokens.text("access_token")).await
    ));
    assert_eq!(
        house.userinfo(tokens.text("access_token")).await.status,
        401
    );
    assert!(house.has_event(|event| matches!(event, Event::TokenRevoked { grant: Some(_), .. })));
    let next = house.refresh(&rp, tokens.text("refresh_token")).await.ok();
    house.userinfo(next.text("access_token")).await.ok();
    // Twice is as good as once.
    revoke(&house, "rp", tokens.text("access_token")).await.ok();
}

#[tokio::test]
async fn threat_12_an_empty_short_lived_store_has_no_revocation_forgotten() {
    let house = house().await.without_short_lived().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let access = tokens.text("access_token");
    house.userinfo(access).await.ok();
    revoke(&house, "rp", access).await.ok();
    let house = house.without_short_lived().await;
    assert_eq!(house.userinfo(access).await.status, 401);
    assert!(!House::is_active(&house.introspect(&rp, access).await));
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_everything() {
    let house = house().await;
    let rp = house.rp().await;
    let first = house.tokens(&rp, "openid").await;
    let second = house.refresh(&rp, first.text("refresh_token")).await.ok();
    revoke(&house, "rp", second.text("refresh_token"))
        .await
        .ok();
    for token in [&first, &second] {
        assert!(!House::is_active(
            &house.introspect(&rp, token.text("access_token")).await
        ));
        house
            .refresh(&rp, token.text("refresh_token"))
            .await
            .refused_as("invalid_grant");
    }
}

#[tokio::test]
async fn a_token_nobody_knows_is_as_good_as_revoked() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    for token in ["unknown", "a.b.c", tokens.text("id_token")] {
        revoke(&house, "rp", token).await.ok();
    }
    assert!(!house.has_event(|event| matches!(event, Event::TokenRevoked { .. })));
}

#[tokio::test]
async fn another_clients_token_stays() {
    let house = house().await;
    let rp = house.rp().await;
    house.client("other", json!({})).await;
    let tokens = house.tokens(&rp, "openid").await;
    for token in ["access_token", "refresh_token"] {
        let answer = revoke(&house, "other", tokens.text(token)).await;
        assert_eq!(
            answer.refused_as("unauthorized_client").status,
            StatusCode::BAD_REQUEST
        );
    }
    house.userinfo(tokens.text("access_token")).await.ok();
    house.refresh(&rp, tokens.text("refresh_token")).await.ok();
}

#[tokio::test]
async fn a_public_client_revokes_with_its_id() {
    let house = house().await;
    let public = json!({
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let spa = house.client("spa", public).await;
    let rp = house.rp().await;
    let code = house.code(&spa, "openid").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "spa"),
        ("code", &code),
        ("redirect_uri", super::harness::REDIRECT_URI),
        ("code_verifier", super::harness::VERIFIER),
    ];
    let tokens = house.post("/oauth/token", Proof::No, &form).await.ok();
    let form = [
        ("client_id", "spa"),
        ("token", tokens.text("refresh_token")),
    ];
    house.post("/oauth/revoke", Proof::No, &form).await.ok();
    assert_eq!(
        house.userinfo(tokens.text("access_token")).await.status,
        401
    );
    // Not in the name of a confidential one.
    let tokens = house.tokens(&rp, "openid").await;
    let form = [("client_id", "rp"), ("token", tokens.text("refresh_token"))];
    house
        .post("/oauth/revoke", Proof::No, &form)
        .await
        .refused_as("invalid_client");
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let house = house().await;
    house.rp().await;
    let proof = Proof::Basic("rp", SECRET);
    house
        .post("/oauth/revoke", proof, &[])
        .await
        .refused_as("invalid_request");
    let twice = [("token", "a"), ("token", "a")];
    house
        .post("/oauth/revoke", proof, &twice)
        .await
        .refused_as("invalid_request");
    let answer = house
        .post_raw("/oauth/revoke", proof, "application/json", "{}")
        .await;
    answer.refused_as("invalid_request");
}
