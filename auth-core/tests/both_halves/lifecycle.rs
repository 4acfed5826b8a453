//! What ends, ends everywhere.

use std::time::Duration;

use auth_core::login::EmailProof;
use auth_core::services::Event;
use http::StatusCode;

use crate::host::{EMAIL, PASSWORD, authorize_url, host};

#[tokio::test]
async fn threat_14_a_disabled_account_loses_sessions_and_tokens_at_once() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    let tokens = host.tokens(&mut browser, "openid offline_access").await;
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    host.auth
        .login()
        .unwrap()
        .disable_user(&host.alice.id)
        .await
        .unwrap();

    assert_eq!(
        browser.get("/auth/session").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(host.userinfo(access).await.status, StatusCode::UNAUTHORIZED);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let answer = host.client_post("/oauth/token", &fields).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
    let answer = host
        .client_post("/oauth/introspect", &[("token", access)])
        .await;
    assert_eq!(answer.text, r#"{"active":false}"#);
}

#[tokio::test]
async fn threat_29_what_apps_were_given_before_the_owner_came_goes_when_they_do() {
    let host = host().await;
    let mut mallory = host.signed_in().await;
    let tokens = host.tokens(&mut mallory, "openid offline_access").await;
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let login = host.auth.login().unwrap();
    let proof = EmailProof::MailboxOwner;
    let verified = login.verify_email(&host.alice.id, EMAIL, proof).await;
    assert!(verified.unwrap());
    assert_eq!(host.userinfo(access).await.status, StatusCode::UNAUTHORIZED);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let answer = host.client_post("/oauth/token", &fields).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn threat_34_signing_out_ends_what_was_given_for_the_session_and_only_that() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    let bound = host.tokens(&mut browser, "openid").await;
    let offline = host.tokens(&mut browser, "openid offline_access").await;
    let cookie = browser.cookie("__Host-auth_session").unwrap().to_owned();
    let page = browser.get("/auth/logout").await;
    let answer = browser.submit(&page, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);

    // The old cookie, kept by a thief, opens nothing.
    browser.set_cookie("__Host-auth_session", &cookie);
    assert_eq!(
        browser.get("/auth/session").await.status,
        StatusCode::UNAUTHORIZED
    );
    let refresh = async |tokens: &serde_json::Value| {
        let token = tokens["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        host.client_post("/oauth/token", &fields).await.status
    };
    assert_eq!(refresh(&bound).await, StatusCode::BAD_REQUEST);
    assert_eq!(refresh(&offline).await, StatusCode::OK);
    let token = bound["access_token"].as_str().unwrap();
    assert_eq!(host.userinfo(token).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn threat_33_a_lost_refresh_answer_is_given_again_until_its_token_is_used() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    let tokens = host.tokens(&mut browser, "openid offline_access").await;
    let refresh = async |token: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        host.client_post("/oauth/token", &fields).await
    };
    let text = |answer: &auth_core::testkit::Answer| {
        answer.json()["refresh_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let first = tokens["refresh_token"].as_str().unwrap();
    let lost = refresh(first).await;
    let again = refresh(first).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(
        text(&lost),
        text(&again),
        "one successor, however often asked"
    );
    let third = refresh(&text(&again)).await;
    assert_eq!(third.status, StatusCode::OK);

    // Now the first one can only be a thief's: the family ends.
    let stolen = refresh(first).await;
    assert_eq!(stolen.json()["error"], "invalid_grant");
    assert_eq!(
        refresh(&text(&third)).await.json()["error"],
        "invalid_grant"
    );
    assert!(
        host.events
            .all()
            .iter()
            .any(|event| matches!(event, Event::RefreshTokenReused { .. }))
    );
}

#[tokio::test]
async fn sessions_end_when_idle_and_in_any_case_after_a_day() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    for _ in 0..40 {
        host.clock.advance(Duration::from_mins(29));
        let answer = browser.get("/auth/session").await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    // 40 × 29 min = 19 h 20 min of activity; then a pause.
    host.clock.advance(Duration::from_mins(36));
    assert_eq!(
        browser.get("/auth/session").await.status,
        StatusCode::UNAUTHORIZED
    );

    let mut browser = host.signed_in().await;
    for _ in 0..48 {
        host.clock.advance(Duration::from_mins(29));
        browser.get("/auth/session").await;
    }
    host.clock.advance(Duration::from_mins(49));
    assert_eq!(
        browser.get("/auth/session").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn max_age_and_prompt_ask_again_and_the_new_sign_in_satisfies_them() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    host.tokens(&mut browser, "openid").await;
    host.clock.advance(Duration::from_mins(2));
    for extra in ["&max_age=60", "&prompt=login"] {
        let page = browser
            .visit(&format!("{}{extra}", authorize_url("openid")))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{extra} asks again");
        let fields = [("email", EMAIL), ("password", PASSWORD)];
        host.clock.advance(Duration::from_secs(1));
        let answer = browser.submit(&page, &fields).await;
        let answer = browser.visit(&answer.location().unwrap()).await;
        assert!(
            answer.location_param("code").is_some(),
            "{extra}: {}",
            answer.text
        );
        host.clock.advance(Duration::from_mins(2));
    }
    let relaxed = browser
        .visit(&format!("{}&max_age=10000", authorize_url("openid")))
        .await;
    assert!(relaxed.location_param("code").is_some());
}
