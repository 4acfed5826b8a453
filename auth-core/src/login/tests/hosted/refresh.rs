//! The refresh endpoint.

use http::StatusCode;
use serde_json::json;

use super::super::harness::{SESSION_COOKIE, form_token};
use super::Stage;
use super::fake::{Fault, LIFE};
use crate::services::Event;

const REFRESH: &str = "/auth/hosted/refresh";

#[tokio::test]
async fn threat_55_the_page_asks_and_does_nothing() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    let page = browser
        .get(&format!("{REFRESH}?organization_id=org_1&return_to=/team"))
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("value=\"org_1\""), "{}", page.body);
    assert_eq!(stage.fake.state().refreshes, 0);
    assert_eq!(stage.row(&came).await.unwrap().version, 0);
    // Nor does a form of another page, or of none.
    for fields in [vec![], vec![("form_token", "made up")]] {
        let answer = browser.post(REFRESH, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(stage.fake.state().refreshes, 0);
}

#[tokio::test]
async fn an_organization_is_switched_to_and_the_page_kept() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    let fields = [("organization_id", "org_1"), ("return_to", "/team?tab=2")];
    let answer = browser.fill_in(REFRESH, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(answer.location(), "/team?tab=2");
    let mut headers = http::HeaderMap::new();
    let cookie = format!("{SESSION_COOKIE}={}", browser.cookies[SESSION_COOKIE]);
    headers.insert(http::header::COOKIE, cookie.parse().unwrap());
    let seen = stage.house.wing.session(&headers).await.unwrap().unwrap();
    let scope = stage.house.wing.scope(&seen).await.unwrap();
    assert_eq!(scope.organization.as_deref(), Some("org_1"));
    assert_eq!(scope.role.as_deref(), Some("admin"));
}

#[tokio::test]
async fn threat_26_the_secret_changes_with_what_one_may_do() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    browser
        .fill_in(REFRESH, &[("organization_id", "org_1")])
        .await;
    assert_ne!(browser.cookies[SESSION_COOKIE], came.cookie);
    assert!(stage.seen(&came).await.is_none(), "the old one is nobody's");
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn an_organization_of_others_changes_nothing() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    let mut browser = stage.browser(&came);
    let answer = browser
        .fill_in(REFRESH, &[("organization_id", "org_other")])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    assert!(answer.body.contains("id=\"error\""), "{}", answer.body);
    let seen = stage.seen(&came).await.unwrap();
    let scope = stage.house.wing.scope(&seen).await.unwrap();
    assert_eq!(scope.organization.as_deref(), Some("org_1"));
}

#[tokio::test]
async fn what_an_organization_asks_first_is_said_and_the_session_stands() {
    for (theirs, ours) in [
        ("sso_required", "sso_required"),
        (
            "organization_authentication_methods_required",
            "sso_required",
        ),
        ("mfa_enrollment", "mfa_required"),
        ("mfa_challenge", "mfa_required"),
        ("organization_selection_required", "organization_required"),
        ("email_verification_required", "email_unverified"),
        ("whatever_else", "organization_refused"),
    ] {
        let stage = Stage::new().await;
        let user = stage.user().await;
        let came = stage.came(&user, None).await;
        let mut browser = stage.browser(&came);
        let page = browser.context(REFRESH).await;
        stage.fake.state().demand = Some(theirs);
        let mut body = json!({ "form_token": page["form_token"], "organization_id": "org_1" });
        let answer = browser.post_json(REFRESH, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
        assert_eq!(answer.json()["code"], ours);
        assert!(stage.seen(&came).await.is_some(), "{theirs}");
        // A person reads it, and finds the way that leads there.
        body["return_to"] = json!("/team");
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let fields = ["form_token", "organization_id", "return_to"].map(|name| (name, text(name)));
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let answer = browser.post(REFRESH, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
        assert!(answer.body.contains("id=\"error\""), "{}", answer.body);
        let way = "/auth/login/with/workos?organization_id=org_1&amp;return_to=%2Fteam";
        assert!(answer.body.contains(way), "{}", answer.body);
        assert!(!answer.body.contains("alert(1)"), "{}", answer.body);
        assert!(browser.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_sign_in_that_is_asked_for_anew_is_told_as_the_reason() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    stage.fake.state().demand = Some("mfa_enrollment");
    stage.advance(std::time::Duration::from_secs(LIFE.unsigned_abs() + 1));
    assert!(stage.seen(&came).await.is_none());
    let refused = Event::UpstreamRefused {
        upstream: "workos".to_owned(),
        reason: "mfa_required",
    };
    assert!(stage.house.events().contains(&refused));
}

#[tokio::test]
async fn a_session_that_ended_there_is_cleared_here() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    stage.fake.revoke_all();
    let answer = browser.fill_in(REFRESH, &[("return_to", "/team")]).await;
    assert_eq!(answer.location(), "/auth/login?return_to=%2Fteam");
    assert!(!browser.cookies.contains_key(SESSION_COOKIE));
    assert!(stage.row(&came).await.is_none());
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_so() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    stage.fake.state().fault = Some(Fault::Down);
    let answer = browser.fill_in(REFRESH, &[]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stage.seen(&came).await.is_some());
}

#[tokio::test]
async fn it_speaks_json() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    let context = browser.context(REFRESH).await;
    let body = json!({ "form_token": context["form_token"], "organization_id": "org_1" });
    let answer = browser.post_json(REFRESH, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["organization"], "org_1");
    assert_eq!(answer.json()["role"], "admin");
}

#[tokio::test]
async fn nobody_is_led_to_sign_in_and_others_find_nothing() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let mut nobody = stage.house.browser();
    let answer = nobody.get(&format!("{REFRESH}?return_to=/team")).await;
    assert_eq!(answer.location(), "/auth/login?return_to=%2Fteam");
    let email = user.email.as_deref().unwrap();
    let mut other = stage.house.signed_in(email).await;
    assert_eq!(other.get(REFRESH).await.status, StatusCode::NOT_FOUND);
    let came = stage.came(&user, None).await;
    let mut browser = stage.browser(&came);
    let bad = browser
        .get(&format!("{REFRESH}?organization_id=a%00b"))
        .await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn threat_03_the_way_back_stays_on_the_site() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for evil in ["https://evil.test", "//evil.test", "/\\evil.test"] {
        let came = stage.came(&user, None).await;
        let mut browser = stage.browser(&came);
        let page = browser.get(REFRESH).await;
        let token = form_token(&page.body);
        let fields = [("form_token", token.as_str()), ("return_to", evil)];
        let answer = browser.post(REFRESH, &fields).await;
        assert_eq!(answer.location(), "/", "{evil}");
    }
}
