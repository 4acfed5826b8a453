//! A second factor is asked for whatever the first was.

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::factors::*;
use super::harness::*;

/// A house where mails are sent, with an account that has an authenticator app.
async fn house() -> (House, App) {
    let house = House::with(unlimited(mail_settings()));
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut browser).await;
    house.mails().await;
    (house, app)
}

/// The first factor was given: nobody is signed in until the second was.
async fn asked_for_more(house: &House, app: &App, browser: &mut Browser<'_>, next: &str) {
    assert_eq!(next, "/auth/second-factor");
    assert_eq!(browser.session_cookie(), None);
    assert!(!browser.is_signed_in().await);
    let account = browser.get("/auth/account").await;
    assert!(account.location().starts_with("/auth/login"));
    let answer = browser.give_code(&app.wrong_code(house)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.session_cookie(), None);
    let answer = browser.give_code(&app.code(house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(browser.session_facts().await["acr"], "2");
}

#[tokio::test]
async fn threat_01_a_second_factor_follows_a_password() {
    let (house, app) = house().await;
    let mut browser = house.browser();
    let answer = browser.sign_in(ADA, PASSWORD).await;
    asked_for_more(&house, &app, &mut browser, answer.location()).await;
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn threat_01_a_second_factor_follows_a_magic_link() {
    let (house, app) = house().await;
    let mut browser = house.browser();
    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let answer = browser.follow(&mail.path, &[]).await;
    asked_for_more(&house, &app, &mut browser, answer.location()).await;
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["email", "otp", "mfa"]));
}

#[tokio::test]
async fn threat_01_a_second_factor_follows_a_code_by_mail() {
    let (house, app) = house().await;
    let mut browser = house.browser();
    let page = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let answer = browser.follow(&page, &[("code", &mail.code)]).await;
    asked_for_more(&house, &app, &mut browser, answer.location()).await;
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["email", "otp", "mfa"]));
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn threat_01_a_second_factor_follows_a_passkey_that_verified_nobody() {
    use super::passkey_device::Device;
    use crate::login::UserVerification;

    let settings = addresses_unlimited().passkey_user_verification(UserVerification::Preferred);
    let house = House::with(settings);
    let mut device = Device::touch_only();
    let mut browser = house.with_passkey(ADA, &mut device).await;
    let (app, _) = enrol(&house, &mut browser).await;
    let mut browser = house.browser();
    let answer = browser.passkey_sign_in(&mut device).await.json();
    let next = answer["next"].as_str().expect("next");
    asked_for_more(&house, &app, &mut browser, next).await;
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["swk", "user", "otp", "mfa"]));
}
