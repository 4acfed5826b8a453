//! A CAPTCHA before what robots do in bulk.

use std::error::Error;

use async_trait::async_trait;
use http::StatusCode;
use http::header::CONTENT_SECURITY_POLICY;
use serde_json::json;

use super::harness::*;
use crate::login::{Captcha, CaptchaAction, CaptchaAnswer, CaptchaWidget, Login};
use crate::services::{Event, SignInFailure};

struct Scripted;

#[async_trait]
impl Captcha for Scripted {
    fn widget(&self) -> CaptchaWidget {
        CaptchaWidget {
            script: "https://puzzles.example/v1/widget.js".to_owned(),
            class: "puzzle".to_owned(),
            site_key: "site-key-1".to_owned(),
            field: "puzzle-response".to_owned(),
        }
    }

    async fn verify(
        &self,
        answer: CaptchaAnswer<'_>,
    ) -> Result<bool, Box<dyn Error + Send + Sync>> {
        assert_eq!(answer.address, "192.0.2.7".parse().ok());
        match answer.response {
            "down" => Err("the service is down".into()),
            response => Ok(response == "solved"),
        }
    }
}

fn guarded(actions: &[CaptchaAction]) -> Login {
    settings().captcha(Scripted, actions.iter().copied())
}

async fn register(browser: &mut Browser<'_>, answer: Option<&str>) -> Answer {
    let mut fields = vec![("email", ADA), ("password", PASSWORD)];
    fields.extend(answer.map(|answer| ("puzzle-response", answer)));
    browser.fill_in("/auth/register", &fields).await
}

#[tokio::test]
async fn robots_make_no_account() {
    let house = House::with(guarded(&[CaptchaAction::Register]));
    let mut browser = house.browser();
    for answer in [None, Some(""), Some("guessed")] {
        let refused = register(&mut browser, answer).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(house.events().contains(&Event::SignInFailed {
            user: None,
            reason: SignInFailure::Captcha,
        }));
    }
    let down = register(&mut browser, Some("down")).await;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.hashes(), 0, "nothing was looked at");
    let body = json!({ "email": ADA, "password": PASSWORD });
    let refused = browser.post_json("/auth/register", &body).await;
    assert_eq!(refused.json()["code"], "captcha_required");

    let answer = register(&mut browser, Some("solved")).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    // It does not stand before what was not named.
    house.signed_in(ADA).await;
}

#[tokio::test]
async fn robots_guess_no_password() {
    let house = House::with(guarded(&[CaptchaAction::SignIn]));
    house.account(ADA).await;
    let mut browser = house.browser();
    let before = house.hashes();
    let refused = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.hashes(), before);
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("puzzle-response", "solved"),
    ];
    let answer = browser.fill_in("/auth/login", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_page_shows_it_and_opens_its_policy_for_that_alone() {
    let house = House::with(guarded(&[CaptchaAction::Register]));
    let mut browser = house.browser();
    let page = browser.get("/auth/register").await;
    assert!(page.body.contains("class=\"puzzle\""), "{}", page.body);
    assert!(page.body.contains("data-sitekey=\"site-key-1\""));
    let policy = page.headers[CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    assert!(
        policy.contains("frame-src https://puzzles.example"),
        "{policy}"
    );
    assert!(policy.contains("https://puzzles.example"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(policy.matches("script-src").count(), 1, "{policy}");
    let other = browser.get("/auth/login").await;
    let policy = other.headers[CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    assert!(!policy.contains("puzzles"), "{policy}");
}

/// A passkey alone makes an account only once the puzzle of the same page is solved.
#[cfg(feature = "passkeys")]
#[tokio::test]
async fn robots_make_no_account_with_a_passkey_either() {
    use super::passkey_device::{Device, ORIGIN};
    const SIGN_UP: &str = "/auth/register/passkey";

    let house = House::with(guarded(&[CaptchaAction::Register]).passkey_registration(true));
    let mut browser = house.browser();
    let page = browser.get("/auth/register").await;
    assert!(
        page.body.contains("data-passkey=\"sign-up\""),
        "{}",
        page.body
    );
    assert!(page.body.contains("data-captcha=\"puzzle-response\""));
    let begin = format!("{SIGN_UP}/begin");
    for answer in [None, Some(""), Some("guessed")] {
        let body = json!({ "email": ADA, "puzzle-response": answer });
        let refused = browser.post_json(&begin, &body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.json()["code"], "captcha_required");
    }
    let body = json!({ "email": ADA, "puzzle-response": "solved" });
    let begun = browser.post_json(&begin, &body).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let begun = begun.json();
    let mut device = Device::new();
    let made = device.create(ORIGIN, &begun["publicKey"]).await;
    let answer = browser.finish(SIGN_UP, &begun, &made).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = browser.passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}
