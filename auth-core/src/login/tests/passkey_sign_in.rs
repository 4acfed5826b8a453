//! Signing in with a passkey from an empty form.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::harness::*;
use super::passkey_device::*;
use crate::login::{CounterPolicy, Login, UserVerification};
use crate::services::{Event, SignInFailure};
use crate::store::ThrottlePolicy;

/// BE and BS (WebAuthn §6.1.3).
const BACKUP_FLAGS: u8 = 0b0001_1000;

const SIGN_IN: &str = "/auth/login/passkey";

fn preferred() -> Login {
    settings().passkey_user_verification(UserVerification::Preferred)
}

fn failures(house: &House) -> Vec<SignInFailure> {
    let events = house.events().into_iter();
    let reasons = events.filter_map(|event| match event {
        Event::SignInFailed { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

fn went_back(house: &House) -> usize {
    let is = |event: &Event| matches!(event, Event::PasskeyCounterWentBack { .. });
    house.events().iter().filter(|event| is(event)).count()
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == StatusCode::UNAUTHORIZED
        && answer.json()["code"] == "invalid_passkey"
        && answer.set_cookies().is_empty()
}

#[tokio::test]
async fn a_passkey_signs_in_from_an_empty_form_as_two_factors() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let options = &begun["publicKey"];
    assert_eq!(options["rpId"], "app.example.com");
    assert_eq!(options["userVerification"], "required");
    assert_eq!(options["allowCredentials"], json!([]), "nobody is named");
    let given = device.get(ORIGIN, options).await;
    let mut body = reply(&begun, &given);
    body["return_to"] = "/reports".into();
    body["remember"] = true.into();
    let answer = browser.post_json("/auth/login/passkey/finish", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["next"], "/reports");
    assert!(
        answer
            .set_cookies()
            .iter()
            .any(|cookie| cookie.contains("Max-Age=5184000"))
    );
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["session"]["amr"], json!(["swk", "user", "mfa"]));
    assert_eq!(session["session"]["acr"], "2");
}

#[tokio::test]
async fn the_script_of_the_page_sends_forms_with_its_token() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.browser();
    let page = browser.get("/auth/login").await;
    assert!(page.body.contains("autocomplete=\"username webauthn\""));
    assert!(page.body.contains("data-passkey=\"sign-in\""));
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"));
    let facts = browser.context("/auth/login").await["passkey"].take();
    let text = |name: &str| facts[name].as_str().expect("text").to_owned();
    let (begin, finish, token) = (text("begin"), text("finish"), text("form_token"));
    // Without the token, and with that of another form, nothing begins.
    let other = form_token(&page.body);
    for fields in [&[][..], &[("form_token", other.as_str())]] {
        assert_eq!(
            browser.post(&begin, fields).await.status,
            StatusCode::FORBIDDEN
        );
    }
    let begun = browser.post(&begin, &[("form_token", &token)]).await.json();
    let given = device.get(ORIGIN, &begun["publicKey"]).await.to_string();
    let fields = [
        ("ceremony", begun["ceremony"].as_str().expect("ceremony")),
        ("credential", given.as_str()),
        ("form_token", token.as_str()),
    ];
    browser.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    assert_eq!(
        browser.post(&finish, &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(browser.post(&finish, &fields).await.location(), "/");
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn without_user_verification_a_passkey_is_one_factor() {
    let house = House::with(preferred());
    let mut device = Device::touch_only();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.browser();
    let answer = browser.passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["session"]["amr"], json!(["swk", "user"]));
    assert_eq!(session["session"]["acr"], "1");
}

#[tokio::test]
async fn user_verification_is_not_for_the_client_to_drop() {
    // Required: whatever the client asks of its device.
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    // Preferred: once it was given at registration, it is asked for ever after.
    let lenient = House::with(preferred());
    let mut other = Device::new();
    lenient.with_passkey(ADA, &mut other).await;
    for (house, device) in [(&house, &mut device), (&lenient, &mut other)] {
        device.verifies = false;
        let mut browser = house.browser();
        let mut begun = browser.begin(SIGN_IN).await;
        begun["publicKey"]["userVerification"] = "discouraged".into();
        let given = device.get(ORIGIN, &begun["publicKey"]).await;
        let answer = browser.finish(SIGN_IN, &begun, &given).await;
        assert!(is_refused(&answer), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_passkey_that_stays_in_its_device_is_told_from_a_synced_one() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let mut device = Device::new();
    let begun = browser.begin(PASSKEYS).await;
    let mut made = device.create(ORIGIN, &begun["publicKey"]).await;
    let device_bound = |data: &mut Vec<u8>| data[32] &= !BACKUP_FLAGS;
    // Nothing signs a registration without attestation: the flags lie where the RP ID's hash ends.
    let mut object = bytes_of(&made["response"]["attestationObject"]);
    let hash = crate::ground::Digest32::of("app.example.com");
    let at = object
        .windows(32)
        .position(|bytes| bytes == hash.as_bytes());
    let at = at.expect("authenticator data");
    assert_eq!(object[at + 32] & BACKUP_FLAGS, BACKUP_FLAGS);
    object[at + 32] &= !BACKUP_FLAGS;
    made["response"]["attestationObject"] = crate::ground::base64url(&object).into();
    let answer = browser.finish(PASSKEYS, &begun, &made).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        browser.context(PASSKEYS).await["passkeys"][0]["synced"],
        false
    );

    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let mut given = device.get(ORIGIN, &begun["publicKey"]).await;
    device.sign_again(&mut given, device_bound);
    let answer = browser.finish(SIGN_IN, &begun, &given).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(browser.amr().await, json!(["hwk", "user", "mfa"]));
}

#[tokio::test]
async fn threat_46_unknown_disabled_and_removed_get_one_answer() {
    let house = House::new();
    let (mut unknown, mut disabled, mut removed) = (Device::new(), Device::new(), Device::new());
    house.with_passkey("eve@example.com", &mut unknown).await;
    house.with_passkey(ADA, &mut disabled).await;
    let mut bob = house.with_passkey(BOB, &mut removed).await;
    let key = unknown.key.as_mut().expect("passkey");
    key.credential_id = vec![9; 16].into();
    let ada = house.user_id(ADA).await;
    house.wing.disable_user(&ada).await.expect("disabled");
    let listed = bob.context(PASSKEYS).await;
    let fields = [
        (
            "passkey_id",
            listed["passkeys"][0]["id"].as_str().expect("id"),
        ),
        (
            "form_token",
            listed["passkeys"][0]["remove_token"]
                .as_str()
                .expect("token"),
        ),
    ];
    let answer = bob.post("/auth/account/passkeys/remove", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let mut bodies = Vec::new();
    for device in [&mut unknown, &mut disabled, &mut removed] {
        let answer = house.browser().passkey_sign_in(device).await;
        assert!(is_refused(&answer), "{}", answer.body);
        bodies.push(answer.body);
    }
    assert!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "{bodies:?}"
    );
    let reasons = [
        SignInFailure::WrongPasskey,
        SignInFailure::Disabled,
        SignInFailure::WrongPasskey,
    ];
    assert_eq!(failures(&house), reasons);
}

#[tokio::test]
async fn failures_are_counted_by_address_and_successes_are_not() {
    let once = ThrottlePolicy {
        limit: 2,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let house = House::with(settings().address_throttle(once));
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    for _ in 0..5 {
        let answer = house.browser().passkey_sign_in(&mut device).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let mut foreign = device.clone();
    foreign.key.as_mut().expect("passkey").credential_id = vec![9; 16].into();
    for _ in 0..2 {
        assert!(is_refused(
            &house.browser().passkey_sign_in(&mut foreign).await
        ));
    }
    let answer = house.browser().passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after"));
}

/// A copy of the device that lags behind, and the house it comes to.
async fn cloned(policy: CounterPolicy) -> (House, Device, Device) {
    let house = House::with(settings().passkey_counter(policy));
    let mut device = Device::counting();
    house.with_passkey(ADA, &mut device).await;
    device.set_counter(20);
    let copy = device.clone();
    for _ in 0..3 {
        let answer = house.browser().passkey_sign_in(&mut device).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    assert_eq!(went_back(&house), 0);
    (house, device, copy)
}

#[tokio::test]
async fn threat_54_a_counter_that_goes_back_is_told_of_each_time() {
    let (house, mut device, mut copy) = cloned(CounterPolicy::Warn).await;
    // 21, 22 and 23, where 23 was seen: the same count again is as bad as a smaller one.
    for times in 1..=3 {
        let answer = house.browser().passkey_sign_in(&mut copy).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(went_back(&house), times);
    }
    let answer = house.browser().passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(went_back(&house), 3, "what was seen is not forgotten");
}

#[tokio::test]
async fn threat_54_a_counter_that_goes_back_refuses_the_sign_in_and_keeps_the_passkey() {
    let (house, mut device, mut copy) = cloned(CounterPolicy::default()).await;
    assert_eq!(CounterPolicy::default(), CounterPolicy::Reauthenticate);
    assert!(is_refused(
        &house.browser().passkey_sign_in(&mut copy).await
    ));
    assert_eq!(went_back(&house), 1);
    // A counter that is gone altogether has gone back too.
    copy.key.as_mut().expect("passkey").counter = None;
    assert!(is_refused(
        &house.browser().passkey_sign_in(&mut copy).await
    ));
    assert_eq!(went_back(&house), 2);
    let answer = house.browser().passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn threat_54_a_counter_that_goes_back_removes_the_passkey() {
    let (house, mut device, mut copy) = cloned(CounterPolicy::Revoke).await;
    assert!(is_refused(
        &house.browser().passkey_sign_in(&mut copy).await
    ));
    assert_eq!(went_back(&house), 1);
    assert!(is_refused(
        &house.browser().passkey_sign_in(&mut device).await
    ));
    let removed = |event: &Event| matches!(event, Event::PasskeyRemoved { .. });
    assert_eq!(
        house.events().iter().filter(|event| removed(event)).count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_54_of_32_copies_at_once_with_one_count_one_signs_in() {
    let many = ThrottlePolicy {
        limit: 1_000,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let house: &'static House = Box::leak(Box::new(House::with(settings().address_throttle(many))));
    let mut device = Device::counting();
    house.with_passkey(ADA, &mut device).await;
    device.set_counter(20);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let mut browser = house.browser();
        let begun = browser.begin(SIGN_IN).await;
        let given = device.clone().get(ORIGIN, &begun["publicKey"]).await;
        tasks.spawn(async move { browser.finish(SIGN_IN, &begun, &given).await.status });
    }
    let statuses = tasks.join_all().await;
    let signed_in = statuses.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(signed_in.count(), 1, "{statuses:?}");
    assert_eq!(went_back(house), 31);
}

#[tokio::test]
async fn authenticators_that_do_not_count_never_go_back() {
    let house = House::with(settings().passkey_counter(CounterPolicy::Revoke));
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    for _ in 0..3 {
        let answer = house.browser().passkey_sign_in(&mut device).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    assert_eq!(went_back(&house), 0);
}

#[tokio::test]
async fn a_client_without_cookies_signs_in_with_a_passkey_for_a_token() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let bearer = json!({ "session": "bearer" });
    let mut client = house.browser();
    let begun = client.post_json("/auth/login/passkey/begin", &bearer).await;
    assert!(begun.set_cookies().is_empty());
    let begun = begun.json();
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut body = reply(&begun, &given);
    body["session"] = "bearer".into();
    let answer = house
        .browser()
        .post_json("/auth/login/passkey/finish", &body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["token_type"], "Bearer");
    // What such a client began signs no browser in.
    let begun = client.post_json("/auth/login/passkey/begin", &bearer).await;
    let begun = begun.json();
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut browser = house.browser();
    browser.get("/auth/login").await;
    let answer = browser.finish(SIGN_IN, &begun, &given).await;
    assert_eq!(answer.json()["code"], "passkey_ceremony_gone");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn an_address_that_must_be_confirmed_is_asked_for_after_a_passkey_too() {
    use crate::login::{Confirmation, EmailProof};
    let house = House::with(
        settings()
            .mail_flows(true)
            .confirmation(Confirmation::Required),
    );
    let mut device = Device::new();
    let user = house.account(ADA).await;
    let mut own = house.known(ADA, &["pwd"]).await;
    own.add_passkey(&mut device).await;
    let mut browser = house.browser();
    let answer = browser.passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["confirmation_required"], true);
    let next = answer.json()["next"].as_str().expect("next").to_owned();
    assert!(next.starts_with("/auth/confirm?f="), "{next}");
    assert!(!browser.is_signed_in().await);
    assert_eq!(browser.get(&next).await.status, StatusCode::OK);
    let confirmed = house
        .wing
        .verify_email(&user.id, ADA, EmailProof::SignedInUser);
    assert!(confirmed.await.expect("store"));
    browser.passkey_sign_in(&mut device).await;
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn nobody_is_asked_for_a_passkey_where_they_are_off() {
    let house = House::with(settings().passkeys(false));
    let user = house.account(ADA).await;
    let passkey = crate::store::Passkey {
        id: "passkey-1".into(),
        user_id: user.id,
        name: "Old one".to_owned(),
        credential: b"{}".to_vec(),
        counter: 0,
        created_at: house.core.clock.now(),
        last_used_at: None,
    };
    let passkeys = &house.core.stores.passkeys;
    passkeys.add_passkey(&passkey, 10).await.expect("store");
    let mut browser = house.signed_in(ADA).await;
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn there_are_no_passkeys_where_they_are_off() {
    let house = House::with(settings().passkeys(false));
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for path in [SIGN_IN, PASSKEYS, STEP_UP, SECOND_FACTOR] {
        let answer = browser
            .post_json(&format!("{path}/begin"), &json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let page = browser.get("/auth/login").await;
    assert!(!page.body.contains("<script"));
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(!policy.contains("script-src"));
    assert_eq!(
        browser.context("/auth/account").await["passkeys_url"],
        Value::Null
    );
}

#[tokio::test]
async fn threat_48_no_address_begins_ceremonies_without_end() {
    let house = House::new();
    house.account(ADA).await;
    let own = house.known(ADA, &["pwd"]).await;
    let begin = "/auth/login/passkey/begin";
    let mut browser = house.browser();
    for number in 0..200 {
        let answer = browser.post_json(begin, &json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{number}");
    }
    let answer = browser.post_json(begin, &json!({})).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "60");
    // Whatever they are for.
    let mut same = house.browser();
    same.cookies.clone_from(&own.cookies);
    let answer = same
        .post_json("/auth/account/passkeys/begin", &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    // Other ways in and other addresses are open.
    house.signed_in(ADA).await;
    let mut elsewhere = house.browser();
    elsewhere.address = "198.51.100.7".parse().expect("address");
    let answer = elsewhere.post_json(begin, &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    house.clock.advance(Duration::from_mins(1));
    let answer = browser.post_json(begin, &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
}
