//! Codes become tokens, once, and for those they were issued to.

use std::time::Duration;

use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde_json::json;

use super::harness::{House, Proof, REDIRECT_URI, SECRET, VERIFIER, house, race};
use crate::services::Event;
use crate::store::{ClientId, GrantStore as _};

const TOKEN: &str = "/oauth/token";

async fn redeem_with(
    house: &House,
    client: &ClientId,
    code: &str,
    redirect_uri: Option<&str>,
    verifier: Option<&str>,
) -> super::harness::Answer {
    let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
    form.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
    form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    house
        .post(TOKEN, Proof::Basic(client.as_str(), SECRET), &form)
        .await
}

#[tokio::test]
async fn a_code_becomes_tokens() {
    let house = house().await;
    let rp = house.rp().await;
    let answer = house.tokens(&rp, "openid profile").await;
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers["pragma"], "no-cache");
    assert_eq!(answer.text("token_type"), "Bearer");
    assert_eq!(answer.json["expires_in"], 900);
    assert_eq!(answer.text("scope"), "openid profile");
    assert!(!answer.text("refresh_token").contains('.'));
    assert!(House::is_active(
        &house.introspect(&rp, answer.text("access_token")).await
    ));
    assert!(house.has_event(|event| matches!(
        event,
        Event::TokensIssued {
            grant_type: "authorization_code",
            ..
        }
    )));
}

#[tokio::test]
async fn what_was_not_granted_is_not_issued() {
    let house = house().await;
    let plain = house
        .client("plain", json!({ "grant_types": ["authorization_code"] }))
        .await;
    let answer = house.tokens(&plain, "reports:read").await;
    assert!(answer.json.get("refresh_token").is_none());
    assert!(answer.json.get("id_token").is_none());
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let proof = Proof::Basic("plain", SECRET);
    let answer = house.post(TOKEN, proof, &form).await;
    answer.refused_as("unauthorized_client");
}

#[tokio::test]
async fn a_public_client_redeems_with_its_id_alone() {
    let house = house().await;
    let spa = json!({
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let spa = house.client("spa", spa).await;
    let code = house.code(&spa, "openid").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "spa"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let answer = house.post(TOKEN, Proof::No, &form).await.ok();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "spa"),
        ("refresh_token", answer.text("refresh_token")),
    ];
    house.post(TOKEN, Proof::No, &form).await.ok();
}

#[tokio::test]
async fn threat_12_of_many_redemptions_one_wins_and_replays_revoke() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    let answers = race(16, || {
        let (house, rp, code) = (house.clone(), rp.clone(), code.clone());
        async move { house.redeem(&rp, &code).await }
    })
    .await;
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.json["error"].is_null())
        .collect();
    // The winner itself may find its grant revoked by a replay that came before its refresh token was written.
    assert!(won.len() <= 1);
    for lost in answers
        .iter()
        .filter(|answer| !answer.json["error"].is_null())
    {
        lost.refused_as("invalid_grant");
    }
    for winner in won {
        assert!(!House::is_active(
            &house.introspect(&rp, winner.text("access_token")).await
        ));
    }
    assert!(house.has_event(|event| matches!(event, Event::CodeReplayed { .. })));
}

#[tokio::test]
async fn a_replayed_code_revokes_what_it_issued_also_half_a_minute_later() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    let tokens = house.redeem(&rp, &code).await.ok();
    let access_token = tokens.text("access_token");
    house.userinfo(access_token).await.ok();
    house.advance(Duration::from_secs(30));
    house.redeem(&rp, &code).await.refused_as("invalid_grant");
    assert!(!House::is_active(
        &house.introspect(&rp, access_token).await
    ));
    assert!(!House::is_active(
        &house.introspect(&rp, tokens.text("refresh_token")).await
    ));
    assert_eq!(
        house.userinfo(access_token).await.status,
        StatusCode::UNAUTHORIZED
    );
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
}

#[tokio::test]
async fn a_late_replay_of_an_expired_code_still_revokes() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    let tokens = house.redeem(&rp, &code).await.ok();
    house.advance(Duration::from_hours(1));
    house.redeem(&rp, &code).await.refused_as("invalid_grant");
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
}

#[tokio::test]
async fn an_expired_code_is_refused() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    house.advance(Duration::from_mins(1));
    house.redeem(&rp, &code).await.refused_as("invalid_grant");
}

#[tokio::test]
async fn another_clients_code_is_refused_and_spent() {
    let house = house().await;
    let rp = house.rp().await;
    let other = house.client("other", json!({})).await;
    let code = house.code(&rp, "openid").await;
    house
        .redeem(&other, &code)
        .await
        .refused_as("invalid_grant");
    house.redeem(&rp, &code).await.refused_as("invalid_grant");
}

#[tokio::test]
async fn the_redirect_uri_must_be_that_of_the_request() {
    let house = house().await;
    let rp = house.rp().await;
    for uri in [
        None,
        Some("https://rp.example/other"),
        Some("https://rp.example/cb/"),
    ] {
        let code = house.code(&rp, "openid").await;
        let answer = redeem_with(&house, &rp, &code, uri, Some(VERIFIER)).await;
        answer.refused_as("invalid_grant");
    }
    // RFC 6749 §4.1.3: needed only where the authorization request named it.
    let unnamed = |request: &mut crate::provider::code::CodeRequest| {
        request.redirect_uri_given = false;
    };
    let code = house.code_with(&rp, "openid", unnamed).await;
    redeem_with(&house, &rp, &code, None, Some(VERIFIER))
        .await
        .ok();
}

#[tokio::test]
async fn threat_38_a_wrong_or_missing_verifier_costs_the_code() {
    let house = house().await;
    let rp = house.rp().await;
    let long = "a".repeat(64);
    for verifier in [None, Some("short"), Some(long.as_str())] {
        let code = house.code(&rp, "openid").await;
        let answer = redeem_with(&house, &rp, &code, Some(REDIRECT_URI), verifier).await;
        answer.refused_as("invalid_grant");
        house.redeem(&rp, &code).await.refused_as("invalid_grant");
    }
}

#[tokio::test]
async fn threat_14_a_disabled_account_gets_no_tokens() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    house
        .accounts
        .0
        .lock()
        .unwrap()
        .inactive
        .insert("alice".to_owned());
    house.redeem(&rp, &code).await.refused_as("invalid_grant");
    // The grant ended with it: nothing is left to revoke.
    assert_eq!(
        house
            .store
            .revoke_grants_of_subject("alice", house.now())
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn a_failing_account_resolver_is_the_protocols_error() {
    let house = house().await;
    let rp = house.rp().await;
    let code = house.code(&rp, "openid").await;
    house.accounts.0.lock().unwrap().unavailable = true;
    let answer = house.redeem(&rp, &code).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json["error"], "temporarily_unavailable");
}

#[tokio::test]
async fn malformed_requests_are_invalid_request() {
    let house = house().await;
    house.rp().await;
    let proof = Proof::Basic("rp", SECRET);
    let form = "application/x-www-form-urlencoded";
    let bodies: [(&str, &[u8]); 8] = [
        (form, b""),
        (form, b"code=x"),
        (form, b"grant_type=authorization_code"),
        (form, b"grant_type=authorization_code&code=a&code=a"),
        (
            form,
            b"grant_type=authorization_code&grant_type=authorization_code&code=a",
        ),
        (form, b"grant_type=authorization_code&code=%ff%fe"),
        (
            "application/json",
            br#"{"grant_type":"authorization_code","code":"a"}"#,
        ),
        ("text/plain", b"grant_type=authorization_code&code=a"),
    ];
    for (media_type, body) in bodies {
        let answer = house
            .post_raw(TOKEN, proof, media_type, body.to_vec())
            .await;
        assert_eq!(
            answer.refused_as("invalid_request").status,
            StatusCode::BAD_REQUEST
        );
    }
    let answer = house
        .post(TOKEN, proof, &[("grant_type", "password")])
        .await;
    answer.refused_as("unsupported_grant_type");
    let form = [("grant_type", "authorization_code"), ("code", "unknown")];
    house
        .post(TOKEN, proof, &form)
        .await
        .refused_as("invalid_grant");
}
