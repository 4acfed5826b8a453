//! Introspection: who may ask, and what the answer holds.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::harness::{House, ISSUER, Proof, SECRET, START, house};
use crate::provider::ClientUpdate;

#[tokio::test]
async fn an_active_access_token_is_described() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid profile").await;
    let seen = house.introspect(&rp, tokens.text("access_token")).await;
    assert!(House::is_active(&seen));
    let jti = seen.text("jti").to_owned();
    let now = START.seconds();
    let all = json!({
        "active": true, "scope": "openid profile", "client_id": "rp", "token_type": "Bearer",
        "exp": now + 900, "iat": now, "sub": "alice", "iss": ISSUER, "aud": ISSUER, "jti": jti,
        "auth_time": now, "acr": "1", "amr": ["pwd"], "sid": "session-1",
    });
    assert_eq!(seen.json, all);
}

#[tokio::test]
async fn an_active_refresh_token_is_described_until_it_is_used() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let refresh_token = tokens.text("refresh_token");
    let seen = house.introspect(&rp, refresh_token).await;
    assert!(House::is_active(&seen));
    assert_eq!(seen.text("sub"), "alice");
    assert_eq!(seen.json["exp"], START.seconds() + 14 * 86400);
    house.refresh(&rp, refresh_token).await.ok();
    assert!(!House::is_active(
        &house.introspect(&rp, refresh_token).await
    ));
}

#[tokio::test]
async fn a_wrong_hint_changes_nothing() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    for (token, hint) in [
        (tokens.text("access_token"), "refresh_token"),
        (tokens.text("refresh_token"), "access_token"),
        (tokens.text("refresh_token"), "something else"),
    ] {
        let form = [("token", token), ("token_type_hint", hint)];
        let answer = house
            .post("/oauth/introspect", Proof::Basic("rp", SECRET), &form)
            .await;
        assert!(House::is_active(&answer));
    }
}

#[tokio::test]
async fn whatever_does_not_count_is_inactive_and_no_more() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    let access_token = tokens.text("access_token");
    let (head, signature) = access_token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let altered = format!("{head}.{first}{}", &signature[1..]);
    // An ID token is signed by the same issuer for the same client, and is no access token.
    for token in ["x", "a.b.c", "..", &altered, tokens.text("id_token")] {
        assert!(
            !House::is_active(&house.introspect(&rp, token).await),
            "{token}"
        );
    }
    house.advance(Duration::from_mins(15));
    assert!(!House::is_active(
        &house.introspect(&rp, access_token).await
    ));
}

#[tokio::test]
async fn threat_14_tokens_of_a_disabled_account_are_inactive() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house
        .accounts
        .0
        .lock()
        .unwrap()
        .inactive
        .insert("alice".to_owned());
    for token in ["access_token", "refresh_token"] {
        assert!(!House::is_active(
            &house.introspect(&rp, tokens.text(token)).await
        ));
    }
}

#[tokio::test]
async fn other_clients_tokens_are_the_operators_own_apps_to_see() {
    let house = house().await;
    let rp = house.rp().await;
    let other = house.client("other", json!({ "first_party": true })).await;
    let tokens = house.tokens(&rp, "openid").await;
    for token in ["access_token", "refresh_token"] {
        // `first_party` in metadata is nobody's decision (threat 11).
        assert!(!House::is_active(
            &house.introspect(&other, tokens.text(token)).await
        ));
    }
    let update = ClientUpdate::default().first_party(true);
    house.wing.update_client(&other, update).await.unwrap();
    for token in ["access_token", "refresh_token"] {
        assert!(House::is_active(
            &house.introspect(&other, tokens.text(token)).await
        ));
    }
}

#[tokio::test]
async fn only_confidential_clients_may_ask() {
    let house = house().await;
    let public =
        json!({ "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"] });
    house.client("public", public).await;
    let form = [("client_id", "public"), ("token", "x")];
    for (proof, form) in [
        (Proof::No, &form[..]),
        (Proof::No, &form[1..]),
        (Proof::Basic("rp", "wrong"), &form[1..]),
    ] {
        let answer = house.post("/oauth/introspect", proof, form).await;
        assert_eq!(
            answer.refused_as("invalid_client").status,
            StatusCode::UNAUTHORIZED
        );
    }
    house.rp().await;
    let proof = Proof::Basic("rp", SECRET);
    house
        .post("/oauth/introspect", proof, &[])
        .await
        .refused_as("invalid_request");
    let twice = [("token", "a"), ("token", "b")];
    house
        .post("/oauth/introspect", proof, &twice)
        .await
        .refused_as("invalid_request");
}
