//! Proving again who one is, or by one more method.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::factors::*;
use super::harness::*;
use crate::login::{NewUser, SignInRequest};
use crate::services::Event;
use crate::store::UserId;

/// A browser in which the host has signed the user in with one factor.
pub(super) async fn weakly_signed_in<'h>(house: &'h House, user: &UserId) -> Browser<'h> {
    signed_in_by(house, user, &["pwd"]).await
}

/// A browser in which the host has signed the user in by these methods.
pub(super) async fn signed_in_by<'h>(house: &'h House, user: &UserId, amr: &[&str]) -> Browser<'h> {
    let headers = http::HeaderMap::new();
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let new = house
        .wing
        .sign_in(user, amr, request)
        .await
        .expect("signed in");
    let cookie = new.cookies()[0].to_str().expect("text").to_owned();
    let (name, value) = cookie
        .split(';')
        .next()
        .expect("pair")
        .split_once('=')
        .expect("pair");
    let mut browser = house.browser();
    browser.cookies.insert(name.to_owned(), value.to_owned());
    browser
}

async fn user_of(house: &House, email: &str) -> UserId {
    let id = crate::store::Identifier::Email(email.to_owned());
    let users = &house.core.stores.users;
    users
        .credentials(&id)
        .await
        .expect("store")
        .expect("user")
        .0
        .id
}

#[tokio::test]
async fn a_password_makes_the_sign_in_recent_and_its_secret_new() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let (id, cookie) = (
        browser.session_id().await,
        browser.session_cookie().map(str::to_owned),
    );
    house.clock.advance(Duration::from_mins(20));
    let page = browser.get("/auth/step-up?return_to=%2Fx").await;
    assert!(page.body.contains("id=\"password\"") && page.body.contains(ADA));
    let page = "/auth/step-up?return_to=%2Fx";
    let answer = browser.fill_in(page, &[("password", OTHER_PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("That is not your password."));
    assert_eq!(browser.session_cookie(), cookie.as_deref());
    let answer = browser.fill_in(page, &[("password", PASSWORD)]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/x")
    );
    assert_ne!(browser.session_cookie(), cookie.as_deref());
    assert_eq!(browser.session_id().await, id);
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd"]));
    assert_eq!(session["acr"], "1");
    assert_eq!(session["auth_time"], house.clock_text());
    // The secret from before opens nothing.
    let mut old = house.browser();
    old.cookies
        .insert(SESSION_COOKIE.to_owned(), cookie.expect("cookie"));
    assert!(!old.is_signed_in().await);
    assert!(
        house
            .events()
            .iter()
            .any(|e| matches!(e, Event::SteppedUp { .. }))
    );
}

impl House {
    fn clock_text(&self) -> String {
        use crate::ground::Clock as _;
        self.clock.now().rfc3339()
    }
}

#[tokio::test]
async fn a_code_or_a_backup_code_raises_the_session_to_several_factors() {
    let house = House::with(addresses_unlimited());
    let (app, codes) = house.enrolled(ADA).await;
    let user = user_of(&house, ADA).await;
    for body in [
        json!({ "code": app.code(&house) }),
        json!({ "backup_code": codes[0] }),
    ] {
        let mut browser = weakly_signed_in(&house, &user).await;
        let id = browser.session_id().await;
        assert_eq!(browser.session_facts().await["acr"], "1");
        let wrong = json!({ "code": app.wrong_code(&house) });
        let answer = browser.post_json("/auth/step-up", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let answer = browser.post_json("/auth/step-up", &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(browser.session_id().await, id);
        let session = browser.session_facts().await;
        assert_eq!(session["amr"], json!(["pwd", "otp", "mfa"]));
        assert_eq!(session["acr"], "2");
        // Spent, here as at a sign-in.
        let answer = browser.post_json("/auth/step-up", &body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let mails = house.mail_kinds().await;
    assert_eq!(mails, ["backup_code_used", "mfa_on"]);
}

#[tokio::test]
async fn the_password_alone_renews_nothing_that_several_factors_began() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    house.clock.advance(Duration::from_mins(11));
    let before = browser.session_facts().await;
    assert_eq!(before["amr"], json!(["pwd", "otp", "mfa"]));
    let (hashes, right) = (house.hashes(), json!({ "password": PASSWORD }));
    for path in ["/auth/step-up?factor=second", "/auth/step-up"] {
        let context = browser.context(path).await;
        assert_eq!(context["method"], "totp", "{path}");
        assert_eq!(context["password_url"], json!(null), "{path}");
        let answer = browser.post_json(path, &right).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.json()["context"]["method"], "totp", "{path}");
    }
    assert_eq!(house.hashes(), hashes, "it is not even looked at");
    let after = browser.session_facts().await;
    for fact in ["amr", "acr", "auth_time"] {
        assert_eq!(after[fact], before[fact], "{fact}");
    }
    let remove = format!("{PAGE}/remove");
    let answer = browser.post_json(&remove, &json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "step_up_required");
    let body = json!({ "code": app.code(&house) });
    let answer = browser.post_json("/auth/step-up", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = browser.post_json(&remove, &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn the_password_is_refused_wherever_a_second_factor_is_asked_for() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let user = user_of(&house, ADA).await;
    let mut browser = weakly_signed_in(&house, &user).await;
    let before = browser.session_facts().await["auth_time"].clone();
    house.clock.advance(STEP);
    let (path, right) = (
        "/auth/step-up?factor=second",
        json!({ "password": PASSWORD }),
    );
    let answer = browser.post_json(path, &right).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    let answer = browser.fill_in(path, &[("password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(
        answer
            .body
            .contains("Your password alone is not enough here.")
    );
    assert!(answer.body.contains("id=\"code\""), "{}", answer.body);
    assert_eq!(browser.session_facts().await["auth_time"], before);
    let code = json!({ "code": app.code(&house) });
    assert_eq!(browser.post_json(path, &code).await.status, StatusCode::OK);
    // Whoever has none is not asked for it.
    house.account(BOB).await;
    let mut bob = house.signed_in(BOB).await;
    assert_eq!(bob.post_json(path, &right).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_factor_says_nothing_anew_of_several() {
    let house = House::new();
    let ada = house.account(ADA).await;
    // The second factor is gone, and the session is from before.
    let mut browser = signed_in_by(&house, &ada.id, &["pwd", "otp", "mfa"]).await;
    assert_eq!(browser.session_facts().await["acr"], "2");
    let right = json!({ "password": PASSWORD });
    let answer = browser.post_json("/auth/step-up", &right).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = browser.session_facts().await;
    assert_eq!(
        (&session["amr"], &session["acr"]),
        (&json!(["pwd"]), &json!("1"))
    );
}

#[tokio::test]
async fn a_step_up_counts_with_the_sign_ins() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let user = user_of(&house, ADA).await;
    let mut browser = weakly_signed_in(&house, &user).await;
    for _ in 0..5 {
        let wrong = json!({ "code": app.wrong_code(&house) });
        browser.post_json("/auth/step-up", &wrong).await;
    }
    let mut half = house.half_signed_in(ADA).await;
    let answer = half.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    // The password has a counter of its own.
    for status in [StatusCode::UNAUTHORIZED; 5] {
        let wrong = json!({ "password": OTHER_PASSWORD });
        assert_eq!(
            browser.post_json("/auth/step-up", &wrong).await.status,
            status
        );
    }
    let right = json!({ "password": PASSWORD });
    let answer = browser.post_json("/auth/step-up", &right).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_page_offers_what_the_person_has() {
    let house = House::with(addresses_unlimited());
    let (_, _) = house.enrolled(ADA).await;
    let user = user_of(&house, ADA).await;
    let mut ada = weakly_signed_in(&house, &user).await;
    let context = ada.context("/auth/step-up").await;
    assert_eq!(context["method"], "password");
    assert_eq!(context["totp_url"], "/auth/step-up?use=totp");
    let context = ada
        .context("/auth/step-up?factor=second&return_to=%2Fx")
        .await;
    assert_eq!(context["method"], "totp");
    assert_eq!(context["password_url"], json!(null));
    let backup = "/auth/step-up?return_to=%2Fx&factor=second&use=backup_code";
    assert_eq!(context["backup_code_url"], backup);
    assert_eq!(ada.context(backup).await["method"], "backup_code");
    // Who has none is led to set one up.
    house.account(BOB).await;
    let mut bob = house.signed_in(BOB).await;
    let context = bob.context("/auth/step-up?factor=second").await;
    assert_eq!(context["set_up_url"], PAGE);
    // Without a password and without a second factor: as they signed in.
    let new = NewUser {
        email: Some("eve@example.com".to_owned()),
        ..NewUser::default()
    };
    let eve = house.wing.create_user(new).await.expect("account");
    let mut eve = weakly_signed_in(&house, &eve.id).await;
    let context = eve.context("/auth/step-up?return_to=%2Fx").await;
    assert_eq!(context["method"], json!(null));
    assert_eq!(
        context["sign_in_url"],
        "/auth/login?return_to=%2Fx&select=1"
    );
}

#[tokio::test]
async fn the_sign_in_page_leads_on_who_has_more_to_confirm_by() {
    let house = House::with(addresses_unlimited());
    house.account(BOB).await;
    let mut bob = house.signed_in(BOB).await;
    let page = bob.get("/auth/login?reauthenticate=1").await;
    assert_eq!(page.status, StatusCode::OK, "the password is all there is");
    house.enrolled(ADA).await;
    let user = user_of(&house, ADA).await;
    let mut ada = weakly_signed_in(&house, &user).await;
    let answer = ada.get("/auth/login?reauthenticate=1&return_to=%2Fx").await;
    assert_eq!(answer.location(), "/auth/step-up?return_to=%2Fx");
    // By the sign-in form it takes both.
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("reauthenticate", "1"),
    ];
    let answer = ada.fill_in("/auth/login", &fields).await;
    assert_eq!(answer.location(), "/auth/second-factor");
}

#[tokio::test]
async fn threat_36_another_site_confirms_nothing() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let answer = browser
        .post("/auth/step-up", &[("password", PASSWORD)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let page = browser.get("/auth/step-up").await;
    let token = form_token(&page.body);
    // A form of another session, kept from before.
    browser.fill_in("/auth/logout", &[]).await;
    browser.sign_in(ADA, PASSWORD).await;
    let fields = [("password", PASSWORD), ("form_token", &*token)];
    let answer = browser.post("/auth/step-up", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_step_ups_at_once_the_session_has_one_secret() {
    let house: &'static House = Box::leak(Box::new(House::with(addresses_unlimited())));
    let (app, _) = house.enrolled(ADA).await;
    let user = user_of(house, ADA).await;
    let cookie = weakly_signed_in(house, &user).await.cookies[SESSION_COOKIE].clone();
    let body = json!({ "code": app.code(house) });
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (cookie, body) = (cookie.clone(), body.clone());
            tokio::spawn(async move {
                let mut browser = house.browser();
                browser
                    .cookies
                    .insert(SESSION_COOKIE.to_owned(), cookie.clone());
                browser.post_json("/auth/step-up", &body).await;
                browser.session_cookie() != Some(&*cookie)
            })
        })
        .collect();
    let mut renewed = 0;
    for task in tasks {
        renewed += usize::from(task.await.expect("task"));
    }
    assert_eq!(renewed, 1);
}
