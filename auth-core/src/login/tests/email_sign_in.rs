//! Signing in by a link or a code.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::services::Event;
use crate::services::mail::MailKind;

#[tokio::test]
async fn the_link_signs_in_the_browser_that_asked() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut browser = house.browser();
    let fields = [
        ("email", " ADA@Example.com "),
        ("return_to", "/x?y=1"),
        ("remember", "true"),
    ];
    let answer = browser.follow("/auth/email", &fields).await;
    let waiting = answer.location().to_owned();
    assert!(waiting.starts_with("/auth/email/code?f="), "{waiting}");
    let mail = house.mail().await;
    assert_eq!(
        (mail.kind, mail.to.as_deref()),
        (MailKind::MagicLink, Some(ADA))
    );
    let page = browser.get(&mail.path).await;
    assert!(
        page.body.contains("Sign in as") && page.body.contains(ADA),
        "it says whose"
    );
    assert!(!page.body.contains("id=\"code\""));
    let answer = browser.submit(&page, &[]).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/x?y=1")
    );
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["session"]["amr"], json!(["email"]));
    assert_eq!(session["session"]["acr"], "1");
    assert_eq!(session["session"]["remember"], true);
    assert_eq!(session["user"]["id"], user.id.as_str());
    assert!(
        house.has_password(&user).await,
        "a verified address drops nothing"
    );
}

#[tokio::test]
async fn the_code_signs_in_where_it_was_asked_for_headless_too() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut browser = house.browser();
    let answer = browser
        .post_json("/auth/email", &json!({ "email": ADA }))
        .await;
    let next = answer.json()["next"].as_str().expect("next").to_owned();
    let mail = house.mail().await;
    let context = browser.context(&next).await;
    assert_eq!(
        (&context["ask_code"], &context["email"]),
        (&json!(true), &json!(ADA))
    );
    let flow = context["field"]["value"].as_str().expect("flow");
    assert_eq!(context["field"]["name"], "f");
    let wrong = json!({ "f": flow, "code": mail.wrong_code() });
    let answer = browser.post_json("/auth/email/code", &wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = json!({ "f": flow, "code": mail.code });
    let answer = browser.post_json("/auth/email/code", &right).await;
    assert_eq!(
        (answer.status, &answer.json()["next"]),
        (StatusCode::OK, &json!("/"))
    );
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn on_another_device_the_link_asks_for_the_code() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut laptop = house.browser();
    laptop.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let mut phone = house.browser();
    let page = phone.get(&mail.path).await;
    assert!(page.body.contains("id=\"code\"") && page.body.contains("not the browser"));
    for code in ["", mail.wrong_code()] {
        let answer = phone.submit(&page, &[("code", code)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!phone.is_signed_in().await);
    }
    let answer = phone.submit(&page, &[("code", &mail.code)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(phone.is_signed_in().await && !laptop.is_signed_in().await);
}

#[tokio::test]
async fn a_flow_without_the_links_secret_is_nothing_in_another_browser() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut asked = house.browser();
    let waiting = asked.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let flow = waiting.split_once("f=").expect("flow").1;
    let mut other = house.browser();
    other.get("/auth/login").await;
    assert_eq!(other.get(&waiting).await.status, StatusCode::GONE);
    let swapped = format!("{flow}.{}", "A".repeat(43));
    for body in [
        json!({ "f": flow, "code": mail.code }),
        json!({ "t": flow, "code": mail.code }),
        json!({ "t": swapped, "code": mail.code }),
        json!({ "t": format!("{flow}."), "code": mail.code }),
        json!({ "code": mail.code }),
        json!({ "t": ".", "code": mail.code }),
    ] {
        let answer = other.post_json("/auth/email/code", &body).await;
        assert_eq!(answer.status, StatusCode::GONE, "{body}");
    }
    assert_eq!(
        asked.follow(&mail.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn threat_35_a_scanner_signs_nobody_in_and_spends_nothing() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut browser = house.browser();
    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let mut scanner = house.browser();
        let answer = scanner.send(raw(method, &mail.path, "", b"")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(scanner.session_cookie().is_none());
    }
    // One that presses buttons has no code to type.
    let mut scanner = house.browser();
    let answer = scanner.follow(&mail.path, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    // One that keeps no cookies has no form.
    let token = format!("t={}", mail.token());
    let form = "application/x-www-form-urlencoded";
    let post = raw(Method::POST, "/auth/email/code", form, token.as_bytes());
    assert_eq!(
        house.browser().send(post).await.status,
        StatusCode::FORBIDDEN
    );
    let signed_in = |event: &Event| matches!(event, Event::SignedIn { .. });
    assert!(!house.events().iter().any(signed_in));
    assert_eq!(
        browser.follow(&mail.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn late_twice_and_the_back_button() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut browser = house.browser();
    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    house.clock.advance(Duration::from_mins(10));
    assert_eq!(browser.get(&mail.path).await.status, StatusCode::GONE);

    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let page = browser.get(&mail.path).await;
    assert_eq!(
        browser.submit(&page, &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let session = browser.session_id().await;
    let again = browser.submit(&page, &[]).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.body.contains("Ask for a new one."));
    assert_eq!(browser.session_id().await, session, "still signed in");
}

#[tokio::test]
async fn two_tabs_each_have_their_own() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    let mut browser = house.browser();
    let first = browser.ask_sign_in(ADA).await;
    let second = browser.ask_sign_in(ADA).await;
    let mails = house.mails().await;
    let (one, two) = (&mails[0], &mails[1]);
    let of = |page: &str| {
        if one.token().starts_with(page.split_once("f=").expect("f").1) {
            one
        } else {
            two
        }
    };
    let (early, late) = (of(&first).code.clone(), of(&second).code.clone());
    let tab = browser.get(&second).await;
    let answer = browser.submit(&tab, &[("code", &late)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let answer = browser.follow(&first, &[("code", &early)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_persons_link_does_not_take_a_browser_over() {
    let house = House::with(mail_settings());
    house.verified(ADA).await;
    house.verified(EVE).await;
    let mut ada = house.signed_in(ADA).await;
    house.mails().await;
    house.browser().ask_sign_in(EVE).await;
    let link = house.mail().await.path;
    let page = ada.get(&link).await;
    assert!(page.body.contains(EVE), "it says whose account it is");
    assert_eq!(
        ada.submit(&page, &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let session = ada.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
    // Nor is a form of one proof good for another.
    let mut eve = house.browser();
    eve.ask_sign_in(EVE).await;
    let eves = house.mail().await;
    ada.ask_sign_in(ADA).await;
    let adas = house.mail().await;
    let token = form_token(&ada.get(&adas.path).await.body);
    let fields = [
        ("form_token", token.as_str()),
        ("t", eves.token()),
        ("code", &eves.code),
    ];
    assert_eq!(
        ada.post("/auth/email/code", &fields).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_disabled_account_gets_no_mail_and_no_link_of_it_works() {
    let house = House::with(mail_settings());
    let user = house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    house.wing.disable_user(&user.id).await.expect("disabled");
    assert_eq!(
        browser
            .follow(&waiting, &[("code", &mail.code)])
            .await
            .status,
        StatusCode::GONE
    );
    browser.ask_sign_in(ADA).await;
    assert_eq!(house.mail().await.to, None);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn links_and_codes_are_switched_apart() {
    let house = House::with(mail_settings().magic_link(false));
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    assert_eq!(mail.kind, MailKind::SignInCode);
    assert_eq!(mail.path, "", "a link would be another way in");
    assert_eq!(
        browser
            .follow(&waiting, &[("code", &mail.code)])
            .await
            .status,
        StatusCode::SEE_OTHER
    );

    let house = House::with(mail_settings().email_codes(false));
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    assert!(!browser.get(&waiting).await.body.contains("id=\"code\""));
    let flow = waiting.split_once("f=").expect("flow").1;
    let body = json!({ "f": flow, "code": mail.code });
    assert_eq!(
        browser.post_json("/auth/email/code", &body).await.status,
        StatusCode::GONE
    );
    assert_eq!(
        browser.follow(&mail.path, &[]).await.status,
        StatusCode::SEE_OTHER
    );

    let house = House::with(mail_settings().magic_link(false).email_codes(false));
    let mut browser = house.browser();
    assert_eq!(
        browser.get("/auth/email").await.status,
        StatusCode::NOT_FOUND
    );
    assert!(browser.context("/auth/login").await["mail_links"]["email_url"].is_null());
}
