//! A passkey as the second factor of a sign-in.

use http::StatusCode;
use serde_json::{Value, json};

use super::factors::{App, DEVICE_COOKIE, PENDING_COOKIE, addresses_unlimited, enrol};
use super::harness::*;
use super::passkey_device::*;
use crate::login::UserVerification;
use crate::services::Event;
use crate::store::ThrottlePolicy;

impl House {
    /// An account with a passkey on the device, and an authenticator app.
    pub(super) async fn with_both(&self, email: &str, device: &mut Device) -> App {
        let mut browser = self.with_passkey(email, device).await;
        enrol(self, &mut browser).await.0
    }
}

impl Browser<'_> {
    /// Gives the passkey to the sign-in that waits.
    pub(super) async fn give_passkey(&mut self, device: &mut Device) -> Answer {
        let begun = self.begin(SECOND_FACTOR).await;
        let given = device.get(ORIGIN, &begun["publicKey"]).await;
        self.finish(SECOND_FACTOR, &begun, &given).await
    }
}

#[tokio::test]
async fn a_passkey_is_asked_for_after_a_password_and_signs_in() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.browser();
    let fields = [("email", ADA), ("password", PASSWORD)];
    let answer = browser
        .fill_in("/auth/login?return_to=%2Freports", &fields)
        .await;
    assert_eq!(answer.location(), "/auth/second-factor");
    let page = browser.get("/auth/second-factor").await;
    assert!(
        page.body
            .contains("<button class=\"button\" id=\"passkey\"")
    );
    assert!(page.body.contains("data-passkey=\"second-factor\""));
    assert!(page.body.contains("id=\"trust_device\"") && !page.body.contains("id=\"submit\""));
    let policy = page.headers["content-security-policy"].to_str();
    assert!(policy.expect("text").contains("connect-src 'self'"));
    let context = browser.context("/auth/second-factor").await;
    assert_eq!(context["method"], "passkey");
    assert!(!browser.is_signed_in().await);

    let begun = browser.begin(SECOND_FACTOR).await;
    let allowed = begun["publicKey"]["allowCredentials"].as_array();
    assert_eq!(allowed.map(Vec::len), Some(1), "the device is told which");
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let answer = browser.finish(SECOND_FACTOR, &begun, &given).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // Where the sign-in was going.
    assert_eq!(answer.json()["next"], "/reports");
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "swk", "user", "mfa"]));
    assert_eq!(session["acr"], "2");
    assert!(!browser.cookies.contains_key(PENDING_COOKIE));
    assert!(
        !browser.cookies.contains_key(DEVICE_COOKIE),
        "not asked for"
    );
    let signed_in = |event: &&Event| matches!(event, Event::SignedIn { .. });
    assert_eq!(house.events().iter().filter(signed_in).count(), 2);
}

#[tokio::test]
async fn the_script_sends_forms_with_their_token_and_what_the_form_says() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.half_signed_in(ADA).await;
    let facts = browser.context("/auth/second-factor").await["passkey"].take();
    let token = facts["form_token"].as_str().expect("token").to_owned();
    let begin = facts["begin"].as_str().expect("path").to_owned();
    let finish = facts["finish"].as_str().expect("path").to_owned();
    for bad in [
        "",
        &*form_token(&browser.get("/auth/second-factor").await.body),
    ] {
        let answer = browser.post(&begin, &[("form_token", bad)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "of another form");
    }
    let begun = browser.post(&begin, &[("form_token", &token)]).await.json();
    let given = device.get(ORIGIN, &begun["publicKey"]).await.to_string();
    let fields = [
        ("form_token", &*token),
        ("ceremony", begun["ceremony"].as_str().expect("id")),
        ("credential", &given),
        ("trust_device", "true"),
        ("return_to", "/tab-2"),
    ];
    browser.extra = vec![("accept", "application/json".to_owned())];
    let answer = browser.post(&finish, &fields).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["next"], "/tab-2");
    assert!(browser.cookies.contains_key(DEVICE_COOKIE));
    // The device is spared the next time, and says one factor.
    browser.fill_in("/auth/logout", &[]).await;
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.location(), "/");
    assert_eq!(browser.session_facts().await["acr"], "1");
    // Not where several factors are asked for by name.
    browser.fill_in("/auth/logout", &[]).await;
    let page = "/auth/login?factor=second&return_to=%2Fx";
    let fields = [("email", ADA), ("password", PASSWORD)];
    let answer = browser.fill_in(page, &fields).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    let answer = browser.give_passkey(&mut device).await;
    assert_eq!(answer.json()["next"], "/x");
    assert_eq!(browser.session_facts().await["acr"], "2");
}

#[tokio::test]
async fn with_an_app_too_each_is_offered_beside_the_other() {
    let house = House::with(addresses_unlimited());
    let mut device = Device::new();
    let app = house.with_both(ADA, &mut device).await;
    let mut browser = house.half_signed_in(ADA).await;
    let page = browser.get("/auth/second-factor").await;
    assert!(page.body.contains("id=\"code\"") && page.body.contains("id=\"submit\""));
    assert!(
        page.body
            .contains("<button class=\"button secondary\" id=\"passkey\"")
    );
    assert!(page.body.contains("id=\"use_passkey\""));
    let context = browser.context("/auth/second-factor?use=passkey").await;
    assert_eq!(context["method"], "passkey");
    assert_eq!(context["totp_url"], "/auth/second-factor?use=totp");
    let answer = browser.give_passkey(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[tokio::test]
async fn a_passkey_without_verification_is_a_second_factor_after_a_password_and_none_after_itself()
{
    let house =
        House::with(addresses_unlimited().passkey_user_verification(UserVerification::Preferred));
    let mut device = Device::touch_only();
    let app = house.with_both(ADA, &mut device).await;
    let mut browser = house.half_signed_in(ADA).await;
    browser.give_passkey(&mut device).await;
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "swk", "user", "mfa"]));
    // As the first factor it asks for the app, and is not taken twice.
    let mut browser = house.browser();
    let answer = browser.passkey_sign_in(&mut device).await;
    assert_eq!(answer.json()["next"], "/auth/second-factor");
    assert_eq!(
        answer.json()["second_factor"]["methods"],
        json!(["totp", "backup_code"])
    );
    let context = browser.context("/auth/second-factor").await;
    assert_eq!(
        (
            &context["method"],
            &context["passkey"],
            &context["passkey_url"]
        ),
        (&json!("totp"), &Value::Null, &Value::Null)
    );
    let answer = browser
        .post_json(&format!("{SECOND_FACTOR}/begin"), &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["code"], "no_passkey");
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["swk", "user", "otp", "mfa"]));
}

#[tokio::test]
async fn a_client_without_cookies_gives_a_passkey_for_its_token() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut client = house.browser();
    let body = json!({ "email": ADA, "password": PASSWORD, "session": "bearer" });
    let answer = client.post_json("/auth/login", &body).await.json();
    assert_eq!(answer["second_factor"]["methods"], json!(["passkey"]));
    let pending = answer["pending"].clone();
    client.cookies.clear();
    let body = json!({ "pending": pending });
    let begun = client
        .post_json(&format!("{SECOND_FACTOR}/begin"), &body)
        .await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    assert!(begun.set_cookies().is_empty());
    let begun = begun.json();
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut body = reply(&begun, &given);
    body["pending"] = pending;
    body["trust_device"] = true.into();
    let finish = format!("{SECOND_FACTOR}/finish");
    let answer = client.post_json(&finish, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    for secret in [SESSION_COOKIE, DEVICE_COOKIE] {
        let mut set = answer.set_cookies().into_iter();
        assert!(!set.any(|cookie| cookie.starts_with(secret)), "{secret}");
    }
    let token = answer.json()["token"].as_str().expect("token").to_owned();
    client.extra = vec![("authorization", format!("Bearer {token}"))];
    assert_eq!(client.session_facts().await["acr"], "2");
    let again = client.post_json(&finish, &body).await;
    assert_eq!(again.json()["code"], "sign_in_expired");
}

/// So many attempts that the counter is out of the way.
pub(super) fn patient() -> House {
    House::with(
        addresses_unlimited().second_factor_throttle(ThrottlePolicy {
            limit: 1_000,
            window: std::time::Duration::from_mins(15),
            lock: std::time::Duration::from_mins(15),
            max_lock: std::time::Duration::from_mins(15),
        }),
    )
}
