//! Who must have a second factor.

use http::StatusCode;
use serde_json::json;

use super::factors::*;
use super::harness::*;
use crate::login::{HookError, LifecycleHooks, Mfa, MfaPolicy, MfaPolicyError};
use crate::store::User;

struct Staff;

#[async_trait::async_trait]
impl MfaPolicy for Staff {
    async fn requires(&self, user: &User) -> Result<bool, MfaPolicyError> {
        match user.email.as_deref() {
            Some(email) if email.starts_with("down") => Err("the directory is down".into()),
            email => Ok(email == Some(ADA)),
        }
    }
}

#[tokio::test]
async fn who_must_have_a_second_factor_sets_one_up_before_the_first_session() {
    let by_hook = House::with(settings().mfa_policy(Staff));
    let for_all = House::with(settings().mfa(Mfa::Required));
    let by_host = House::new();
    for (house, named) in [(&by_hook, false), (&for_all, false), (&by_host, true)] {
        let user = house.account(ADA).await;
        if named {
            house.wing.require_mfa(&user.id, true).await.expect("set");
        }
        let mut browser = house.browser();
        let fields = [
            ("email", ADA),
            ("password", PASSWORD),
            ("return_to", "/there"),
        ];
        let answer = browser.fill_in("/auth/login", &fields).await;
        assert_eq!(answer.location(), "/auth/second-factor/enrol");
        assert!(!browser.is_signed_in().await);
        let answer = browser.get("/auth/second-factor").await;
        assert_eq!(answer.location(), "/auth/second-factor/enrol");
        let page = browser.get("/auth/second-factor/enrol").await;
        assert_eq!(page.status, StatusCode::OK);
        let totp = house
            .core
            .stores
            .factors
            .totp(&user.id)
            .await
            .expect("store");
        assert!(totp.is_none(), "to look makes nothing");
        let page = browser
            .post_json("/auth/second-factor/enrol", &json!({}))
            .await;
        let (factor, app, _) = read_enrolment(&page.json()["context"]["enrolment"]);
        assert!(!browser.is_signed_in().await);
        let path = "/auth/second-factor/enrol/confirm";
        let wrong = json!({ "factor": factor, "code": app.wrong_code(house) });
        let answer = browser.post_json(path, &wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!browser.is_signed_in().await);
        let right = json!({ "factor": factor, "code": app.code(house) });
        let answer = browser.post_json(path, &right).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let answer = answer.json();
        assert_eq!(answer["next"], "/there");
        assert_eq!(answer["backup_codes"].as_array().expect("codes").len(), 10);
        assert_eq!(
            browser.session_facts().await["amr"],
            json!(["pwd", "otp", "mfa"])
        );
        assert!(!browser.cookies.contains_key(PENDING_COOKIE));
        // It cannot be taken off again.
        let context = browser.context(PAGE).await;
        assert_eq!(
            (&context["required"], &context["remove"]),
            (&json!(true), &json!(null))
        );
        let answer = browser
            .post_json(&format!("{PAGE}/remove"), &json!({}))
            .await;
        assert_eq!(answer.json()["code"], "mfa_required");
        house.half_signed_in(ADA).await;
    }
}

struct Shut;

#[async_trait::async_trait]
impl LifecycleHooks for Shut {
    async fn before_sign_in(&self, _: &User) -> Result<(), HookError> {
        Err(HookError::Refused("Not today.".to_owned()))
    }
}

#[tokio::test]
async fn who_is_refused_at_the_end_of_a_sign_in_leaves_no_second_factor() {
    let house = House::with(settings().mfa(Mfa::Required).lifecycle_hooks(Shut));
    let user = house.account(ADA).await;
    let mut browser = house.browser();
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.location(), "/auth/second-factor/enrol");
    let page = browser
        .post_json("/auth/second-factor/enrol", &json!({}))
        .await;
    let (factor, app, _) = read_enrolment(&page.json()["context"]["enrolment"]);
    let right = json!({ "factor": factor, "code": app.code(&house) });
    let answer = browser
        .post_json("/auth/second-factor/enrol/confirm", &right)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    let totp = house.core.stores.factors.totp(&user.id).await;
    assert!(totp.expect("store").is_none());
}

#[tokio::test]
async fn a_policy_asks_nothing_of_others_and_fails_closed() {
    let house = House::with(settings().mfa_policy(Staff));
    house.account(BOB).await;
    house.signed_in(BOB).await;
    let down = "down@example.com";
    house.account(down).await;
    let mut browser = house.browser();
    let answer = browser.sign_in(down, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn where_none_are_offered_those_there_are_still_asked_for() {
    let stores: crate::store::Stores = crate::store::MemoryStore::new().into();
    let before = House::build(settings(), stores.clone());
    let (app, _) = before.enrolled(ADA).await;
    let house = House::build(settings().mfa(Mfa::Off), stores);
    let mut browser = house.half_signed_in(ADA).await;
    house.clock.advance(STEP);
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    house.account(BOB).await;
    let mut bob = house.signed_in(BOB).await;
    assert_eq!(bob.context(PAGE).await["begin"], json!(null));
    let answer = bob.post_json(&format!("{PAGE}/begin"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}
