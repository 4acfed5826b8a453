//! Authenticator apps, backup codes and passkeys.

use std::time::Duration;

#[cfg(feature = "passkeys")]
use auth_core::services::Event;
use http::StatusCode;
use serde_json::json;

use super::*;

#[tokio::test]
async fn each_code_is_given_once_and_the_clock_moves_for_the_next() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).with_totp().register().await;
    kit.advance(Duration::from_secs(30));
    let before = kit.now();
    ada.signed_in().await;
    assert_eq!(kit.now(), before, "the present code was not given yet");
    kit.advance(Duration::from_millis(12_345));
    for _ in 0..3 {
        ada.signed_in().await;
    }
    assert_eq!(kit.now(), before + Duration::from_secs(90));
    let mut visitor = ada.mfa_pending().await;
    let code = ada.app().expect("app").wrong_code();
    let body = json!({ "code": code });
    let refused = visitor.post("/auth/second-factor", &body).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_backup_code_stands_in_for_the_app() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).with_totp().register().await;
    assert_eq!(ada.backup_codes().len(), 10);
    let mut visitor = ada.mfa_pending().await;
    let body = json!({ "backup_code": ada.backup_codes()[0] });
    let answer = visitor.post("/auth/second-factor", &body).await;
    assert_eq!(answer.json()["backup_codes_left"], 9, "{}", answer.text);
    assert_eq!(ask(&auth, &visitor, multi_factor()).await, Ok(()));
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn a_passkey_signs_in_by_itself() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).with_passkey().register().await;
    assert!(ada.passkey().has_passkey());
    let visitor = ada.signed_in().await;
    let session = visitor.session().await.expect("session");
    assert_eq!(session.session.amr, ["swk", "user", "mfa"]);
    let mut visitor = Visitor::anonymous(&kit, &auth);
    let answer = ada.give_passkey(&mut visitor).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let added = |event: &Event| matches!(event, Event::PasskeyAdded { .. });
    assert_eq!(kit.events().iter().filter(|event| added(event)).count(), 1);
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn the_hosts_own_page_can_run_a_ceremony() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = ada.signed_in().await;
    let device = kit.authenticator(&auth);
    let path = "/auth/account/passkeys";
    let begun = visitor.post(&format!("{path}/begin"), &json!({})).await;
    let body = device.answer(&begun.json()).await;
    let done = visitor.post(&format!("{path}/finish"), &body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);

    let mut visitor = Visitor::anonymous(&kit, &auth);
    let path = "/auth/login/passkey";
    let begun = visitor.post(&format!("{path}/begin"), &json!({})).await;
    let body = device.answer(&begun.json()).await;
    let done = visitor.post(&format!("{path}/finish"), &body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let session = visitor.session().await.expect("session");
    assert_eq!(&session.user.id, ada.id());
}

#[cfg(feature = "passkeys")]
#[tokio::test]
#[should_panic(expected = "the authenticator refused")]
async fn a_page_of_another_origin_gets_nothing() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).with_passkey().register().await;
    let mut visitor = Visitor::anonymous(&kit, &auth);
    let begun = visitor.post("/auth/login/passkey/begin", &json!({})).await;
    let elsewhere = ada.passkey().visiting("https://evil.example");
    elsewhere.answer(&begun.json()).await;
}

#[cfg(feature = "passkeys")]
#[tokio::test]
#[should_panic(expected = "the authenticator refused")]
async fn who_must_be_known_to_the_device_is_not_by_touch_alone() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).confirmed().register().await;
    let mut visitor = ada.signed_in().await;
    let begun = visitor
        .post("/auth/account/passkeys/begin", &json!({}))
        .await;
    kit.authenticator(&auth)
        .touch_only()
        .answer(&begun.json())
        .await;
}

#[tokio::test]
#[should_panic(expected = "register the person .with_totp()")]
async fn there_is_no_code_without_an_app() {
    let (kit, auth) = house(login()).await;
    let ada = kit.person(&auth, ADA).register().await;
    ada.totp_code();
}
