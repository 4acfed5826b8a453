//! What is told, and how often: news go to addresses that were proven, so many in a while, and they are true.

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::factors::*;
use super::harness::*;
use crate::login::Confirmation;
use crate::services::Event;
use crate::services::mail::MailKind;

const NEW: &str = "lovelace@example.com";

fn house() -> House {
    House::with(unlimited(mail_settings()).confirmation(Confirmation::Optional))
}

/// Sets up an authenticator app and removes it.
async fn on_and_off(house: &House, browser: &mut Browser<'_>) {
    enrol(house, browser).await;
    let answer = browser
        .post_json(&format!("{PAGE}/remove"), &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn an_address_that_was_never_proven_is_told_nothing() {
    let house = house();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.mails().await;
    on_and_off(&house, &mut browser).await;
    assert!(house.mails().await.is_empty(), "it may be anybody's");
}

#[tokio::test]
async fn news_of_one_kind_are_few_however_often_it_happens() {
    let house = house();
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for _ in 0..14 {
        on_and_off(&house, &mut browser).await;
    }
    let mails = house.mails().await;
    let told = |kind| mails.iter().filter(|mail| mail.kind == kind).count();
    assert_eq!((told(MailKind::MfaOn), told(MailKind::MfaOff)), (10, 10));
    // Other news are not held back by them, and after a while they are news again.
    browser.change_password(PASSWORD, OTHER_PASSWORD).await;
    assert_eq!(house.mail().await.kind, MailKind::PasswordChanged);
    house.clock.advance(std::time::Duration::from_hours(2));
    let mut browser = house.browser();
    browser.sign_in(ADA, OTHER_PASSWORD).await;
    house.mails().await;
    on_and_off(&house, &mut browser).await;
    assert_eq!(house.mails().await.len(), 2);
}

#[tokio::test]
async fn an_app_that_was_never_confirmed_goes_without_a_word() {
    let house = house();
    let user = house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    begin(&mut browser).await;
    let answer = browser
        .post_json(&format!("{PAGE}/remove"), &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let factors = &house.core.stores.factors;
    assert!(factors.totp(&user.id).await.expect("store").is_none());
    assert!(house.mails().await.is_empty(), "it was never on");
    let removed = |event: &Event| matches!(event, Event::TotpRemoved { .. });
    assert!(!house.events().iter().any(removed));
}

#[tokio::test]
async fn the_old_address_is_not_flooded_by_changes_asked_for() {
    let house = house();
    house.verified(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.mails().await;
    let mut asked = Vec::new();
    for number in 0..8 {
        let new = format!("lovelace{number}@example.com");
        let answer = browser
            .follow("/auth/account/email", &[("email", &new)])
            .await;
        asked.push(answer.status);
    }
    let mails = house.mails().await;
    let to_old = mails.iter().filter(|m| m.to.as_deref() == Some(ADA));
    assert_eq!(to_old.count(), 3);
    assert_eq!(
        asked[2..4],
        [StatusCode::SEE_OTHER, StatusCode::TOO_MANY_REQUESTS]
    );
    // No change without a word to the old address.
    assert_eq!(mails.len(), 6);
    let body = json!({ "email": NEW });
    let answer = browser.post_json("/auth/account/email", &body).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}
