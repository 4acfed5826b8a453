//! Attacks on a sign-in between its two factors.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::factors::*;
use super::harness::*;
use crate::services::Event;
use crate::store::Identifier;

#[tokio::test]
async fn threat_01_a_sign_in_that_waits_is_no_session_anywhere() {
    let house = House::new();
    house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    let pending = browser.cookies[PENDING_COOKIE].clone();
    let sessions = house.core.stores.sessions.clone();
    let id = Identifier::Email(ADA.to_owned());
    let user = house
        .core
        .stores
        .users
        .credentials(&id)
        .await
        .expect("store");
    let user = user.expect("user").0.id;
    assert_eq!(
        sessions.sessions_of(&user).await.expect("store").len(),
        1,
        "the one that enrolled"
    );
    for planted in [
        None,
        Some(pending.clone()),
        Some(format!("{user}.{pending}")),
    ] {
        if let Some(planted) = planted {
            browser.cookies.insert(SESSION_COOKIE.to_owned(), planted);
        }
        assert!(!browser.is_signed_in().await);
        for page in ["/auth/account", PAGE, "/auth/step-up"] {
            let answer = browser.get(page).await;
            assert!(answer.location().starts_with("/auth/login"), "{page}");
        }
        for path in OWN_FORMS[1..].iter().copied().chain(["/auth/step-up"]) {
            let answer = browser
                .post_json(path, &json!({ "password": PASSWORD }))
                .await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    for token in [
        pending.clone(),
        format!("ses_{pending}"),
        format!("ses_{user}.{pending}"),
    ] {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {token}").parse().expect("header");
        headers.insert("authorization", value);
        assert!(house.wing.session(&headers).await.expect("store").is_none());
    }
    // Nor is the cookie of one kind the token of the other.
    let mut stranger = house.browser();
    let body = json!({ "pending": format!("pnd_{pending}"), "code": "000000" });
    let answer = stranger.post_json("/auth/second-factor", &body).await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
}

#[tokio::test]
async fn a_sign_in_waits_ten_minutes_and_is_over_then() {
    let house = House::new();
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    let page = browser.get("/auth/second-factor").await;
    let token = form_token(&page.body);
    house.clock.advance(Duration::from_mins(10));
    let code = app.code(&house);
    let fields = [
        ("code", &*code),
        ("form_token", &*token),
        ("return_to", "/x"),
    ];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.location(), "/auth/login?return_to=%2Fx");
    assert!(!browser.is_signed_in().await);
    let mut late = house.half_signed_in(ADA).await;
    let answer = late.give_code(&code).await;
    assert_eq!(
        answer.status,
        StatusCode::SEE_OTHER,
        "the code was not spent"
    );
}

#[tokio::test]
async fn the_back_button_begins_no_second_session() {
    let house = House::new();
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    let pending = browser.cookies[PENDING_COOKIE].clone();
    let page = browser.get("/auth/second-factor").await;
    let token = form_token(&page.body);
    let code = app.code(&house);
    let fields = [("code", &*code), ("form_token", &*token)];
    assert_eq!(
        browser
            .post("/auth/second-factor", &fields)
            .await
            .location(),
        "/"
    );
    browser.cookies.remove(SESSION_COOKIE);
    browser.cookies.insert(PENDING_COOKIE.to_owned(), pending);
    let code = app.next_code(&house);
    let fields = [("code", &*code), ("form_token", &*token)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.location(), "/auth/login");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn two_tabs_each_go_where_they_were_going() {
    let house = House::new();
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.browser();
    let mut tabs = Vec::new();
    for to in ["/one", "/two"] {
        let fields = [("email", ADA), ("password", PASSWORD), ("return_to", to)];
        browser.fill_in("/auth/login", &fields).await;
        let page = browser.get("/auth/second-factor").await;
        tabs.push((form_token(&page.body), to));
    }
    let (token, to) = &tabs[0];
    let code = app.code(&house);
    let fields = [("code", &*code), ("form_token", token), ("return_to", to)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.location(), "/one", "{}", answer.body);
    let (token, to) = &tabs[1];
    let fields = [("code", &*code), ("form_token", token), ("return_to", to)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.location(), "/auth/login?return_to=%2Ftwo");
    assert!(browser.is_signed_in().await);
    let fields = [
        ("code", &*code),
        ("form_token", token),
        ("return_to", "//evil.example"),
    ];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.location(), "/auth/login");
}

#[tokio::test]
async fn cookies_swapped_between_users_sign_nobody_in_as_the_other() {
    let house = House::with(addresses_unlimited());
    let (ada_app, ada_codes) = house.enrolled(ADA).await;
    let (bob_app, _) = house.enrolled(BOB).await;
    let mut ada = house.half_signed_in(ADA).await;
    let page = ada.get("/auth/second-factor").await;
    let adas_form = form_token(&page.body);
    let bob = house.half_signed_in(BOB).await;
    // Bob's pending sign-in in Ada's browser: her form is not for it, and her codes are not his.
    let swapped = bob.cookies[PENDING_COOKIE].clone();
    ada.cookies.insert(PENDING_COOKIE.to_owned(), swapped);
    let code = ada_app.code(&house);
    let fields = [("code", &*code), ("form_token", &*adas_form)];
    let answer = ada.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = ada.give_code(&code).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = ada.give_backup_code(&ada_codes[0]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = ada.give_code(&bob_app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let session = ada.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], BOB);
}

#[tokio::test]
async fn threat_14_disabled_between_the_factors_is_out() {
    let house = House::new();
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    let page = browser.get("/auth/second-factor").await;
    let token = form_token(&page.body);
    let id = Identifier::Email(ADA.to_owned());
    let user = house
        .core
        .stores
        .users
        .credentials(&id)
        .await
        .expect("store");
    let user = user.expect("user").0.id;
    house.wing.disable_user(&user).await.expect("disabled");
    let code = app.code(&house);
    let fields = [("code", &*code), ("form_token", &*token)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.location(), "/auth/login");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn threat_28_a_password_changed_between_the_factors_ends_the_sign_in() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut thief = house.half_signed_in(ADA).await;
    let mut owner = house.half_signed_in(ADA).await;
    owner.give_code(&app.code(&house)).await;
    let answer = owner.change_password(PASSWORD, OTHER_PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let answer = thief.get("/auth/second-factor").await;
    assert_eq!(answer.location(), "/auth/login");
    let code = json!({ "code": app.next_code(&house) });
    let answer = thief.post_json("/auth/second-factor", &code).await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn threat_28_an_old_password_enrols_nothing() {
    let house = House::with(addresses_unlimited().mfa(crate::login::Mfa::Required));
    let user = house.account(ADA).await;
    let mut thief = house.browser();
    thief.sign_in(ADA, PASSWORD).await;
    let page = thief
        .post_json("/auth/second-factor/enrol", &json!({}))
        .await;
    let (factor, app, _) = read_enrolment(&page.json()["context"]["enrolment"]);
    let set = house
        .wing
        .set_password(&user.id, OTHER_PASSWORD.into(), true);
    set.await.expect("set");
    let body = json!({ "factor": factor, "code": app.code(&house) });
    let answer = thief
        .post_json("/auth/second-factor/enrol/confirm", &body)
        .await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
    let totp = house
        .core
        .stores
        .factors
        .totp(&user.id)
        .await
        .expect("store");
    assert!(totp.is_none_or(|totp| totp.confirmed_at.is_none()));
}

#[tokio::test]
async fn threat_36_another_site_gives_no_code() {
    let house = House::new();
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    let page = browser.get("/auth/second-factor").await;
    let token = form_token(&page.body);
    let code = app.code(&house);
    let answer = browser
        .post("/auth/second-factor", &[("code", &code)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    browser.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    let fields = [("code", &*code), ("form_token", &*token)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn one_counter_for_all_second_factors_addresses_and_sign_ins() {
    let house = House::with(addresses_unlimited());
    let (app, codes) = house.enrolled(ADA).await;
    house.orders().await;
    let wrong = app.wrong_code(&house);
    for attempt in 0..5_u8 {
        // Another address and another sign-in each time, codes and backup codes in turn; the password, right each time,
        // clears nothing (threat 13).
        let mut browser = house.half_signed_in(ADA).await;
        browser.address = format!("2001:db8:{attempt}::1").parse().expect("address");
        let answer = if attempt % 2 == 0 {
            browser.give_code(&wrong).await
        } else {
            browser.give_backup_code("00000-00000").await
        };
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{attempt}");
    }
    assert!(house.orders().await.is_empty());
    for _ in 0..2 {
        let mut browser = house.half_signed_in(ADA).await;
        let answer = browser.give_code(&app.code(&house)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers["retry-after"], "900");
        let answer = browser.give_backup_code(&codes[0]).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let mails = house.orders().await;
    assert_eq!(mails.len(), 1, "told once");
    assert_eq!(mails[0].kind, "locked_out");
    let locked = |event: &&Event| matches!(event, Event::LockedOut { .. });
    assert_eq!(house.events().iter().filter(locked).count(), 1);
    // Unlocking the password leaves the lock, and its time opens it.
    house.wing.unlock(ADA).await.expect("unlocked");
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    house.clock.advance(Duration::from_mins(15));
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_operator_opens_a_locked_second_factor_and_success_clears_its_count() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let id = Identifier::Email(ADA.to_owned());
    let user = house
        .core
        .stores
        .users
        .credentials(&id)
        .await
        .expect("store");
    let user = user.expect("user").0.id;
    for _ in 0..2 {
        let mut browser = house.half_signed_in(ADA).await;
        for _ in 0..4 {
            browser.give_code(&app.wrong_code(&house)).await;
        }
        let answer = browser.give_code(&app.next_code(&house)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    let mut browser = house.half_signed_in(ADA).await;
    for _ in 0..6 {
        browser.give_code(&app.wrong_code(&house)).await;
    }
    house.wing.unlock_second_factor(&user).await.expect("open");
    let answer = browser.give_code(&app.next_code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn threat_13_success_with_a_second_factor_clears_no_password_failures() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut half = house.half_signed_in(ADA).await;
    for _ in 0..5 {
        house.browser().sign_in(ADA, OTHER_PASSWORD).await;
    }
    let answer = half.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn an_address_guesses_at_codes_no_faster_than_at_passwords() {
    let house = House::with(settings().second_factor_throttle(generous()));
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = house.half_signed_in(ADA).await;
    for attempt in 0..11 {
        let answer = browser.give_code(&app.wrong_code(&house)).await;
        let expected = if attempt < 10 {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::TOO_MANY_REQUESTS
        };
        assert_eq!(answer.status, expected, "{attempt}");
    }
    browser.address = "198.51.100.7".parse().expect("address");
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

fn generous() -> crate::store::ThrottlePolicy {
    crate::store::ThrottlePolicy {
        limit: 1000,
        window: Duration::from_mins(15),
        lock: Duration::from_mins(15),
        max_lock: Duration::from_mins(15),
    }
}

/// Sends the same request from 32 tasks; returns how many came out signed in.
async fn race(
    house: &'static House,
    pending: Vec<String>,
    bodies: Vec<serde_json::Value>,
) -> usize {
    let barrier = Arc::new(tokio::sync::Barrier::new(32));
    let tasks: Vec<_> = (0..32)
        .map(|index| {
            let pending = pending[index % pending.len()].clone();
            let body = bodies[index % bodies.len()].clone();
            let barrier = barrier.clone();
            tokio::spawn(async move {
                let mut browser = house.browser();
                browser.cookies.insert(PENDING_COOKIE.to_owned(), pending);
                barrier.wait().await;
                browser.post_json("/auth/second-factor", &body).await;
                browser.is_signed_in().await
            })
        })
        .collect();
    let mut signed_in = 0;
    for task in tasks {
        signed_in += usize::from(task.await.expect("task"));
    }
    signed_in
}

fn patient() -> &'static House {
    Box::leak(Box::new(House::with(
        addresses_unlimited().second_factor_throttle(generous()),
    )))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_right_answers_at_once_one_signs_in() {
    let house = patient();
    let (app, codes) = house.enrolled(ADA).await;
    // One sign-in that waits, with everything that is right for it.
    let one = house.half_signed_in(ADA).await.cookies[PENDING_COOKIE].clone();
    let mut bodies = vec![json!({ "code": app.code(house) })];
    bodies.push(json!({ "code": app.code_off_by(house, 1) }));
    bodies.extend(codes[..4].iter().map(|code| json!({ "backup_code": code })));
    assert_eq!(race(house, vec![one], bodies).await, 1);
    // Many sign-ins that wait, with one code, then with one backup code.
    house.clock.advance(STEP * 3);
    for body in [
        json!({ "code": app.code(house) }),
        json!({ "backup_code": codes[9] }),
    ] {
        let mut waiting = Vec::new();
        for _ in 0..32 {
            waiting.push(house.half_signed_in(ADA).await.cookies[PENDING_COOKIE].clone());
        }
        assert_eq!(race(house, waiting, vec![body]).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_guesses_gain_nothing() {
    let house: &'static House = Box::leak(Box::new(House::with(addresses_unlimited())));
    let (app, _) = house.enrolled(ADA).await;
    let pending = house.half_signed_in(ADA).await.cookies[PENDING_COOKIE].clone();
    let wrong = json!({ "code": app.wrong_code(house) });
    assert_eq!(race(house, vec![pending], vec![wrong]).await, 0);
    let compared = |event: &&Event| {
        use crate::services::SignInFailure::WrongSecondFactor;
        matches!(
            event,
            Event::SignInFailed {
                reason: WrongSecondFactor,
                ..
            }
        )
    };
    assert_eq!(house.events().iter().filter(compared).count(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_confirmations_at_once_one_enrols_and_enters() {
    let house: &'static House = Box::leak(Box::new(House::with(
        addresses_unlimited().mfa(crate::login::Mfa::Required),
    )));
    house.account(ADA).await;
    let mut browser = house.browser();
    browser.sign_in(ADA, PASSWORD).await;
    let page = browser
        .post_json("/auth/second-factor/enrol", &json!({}))
        .await;
    let (factor, app, _) = read_enrolment(&page.json()["context"]["enrolment"]);
    let body = json!({ "factor": factor, "code": app.code(house) });
    let pending = browser.cookies[PENDING_COOKIE].clone();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (pending, body) = (pending.clone(), body.clone());
            tokio::spawn(async move {
                let mut browser = house.browser();
                browser.cookies.insert(PENDING_COOKIE.to_owned(), pending);
                let path = "/auth/second-factor/enrol/confirm";
                browser.post_json(path, &body).await;
                browser.is_signed_in().await
            })
        })
        .collect();
    let mut signed_in = 0;
    for task in tasks {
        signed_in += usize::from(task.await.expect("task"));
    }
    assert_eq!(signed_in, 1);
}
