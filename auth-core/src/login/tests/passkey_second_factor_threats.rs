//! Attacks on the passkey as a second factor: wrong, answered twice, of another sign-in or browser, many at once.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::email_kit::*;
use super::factors::{DEVICE_COOKIE, PENDING_COOKIE, addresses_unlimited};
use super::harness::*;
use super::passkey_device::*;
use super::passkey_second_factor::patient;
use crate::ground::base64url;
use crate::login::NewUser;
use crate::services::{Event, SignInFailure};

fn is_gone(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST && answer.json()["code"] == "passkey_ceremony_gone"
}

fn failures(house: &House) -> usize {
    let wrong = |event: &&Event| {
        let reason = SignInFailure::WrongSecondFactor;
        matches!(event, Event::SignInFailed { reason: given, .. } if *given == reason)
    };
    house.events().iter().filter(wrong).count()
}

/// A passkey asked for, and given.
async fn answered(browser: &mut Browser<'_>, device: &mut Device) -> (Value, Value) {
    let begun = browser.begin(SECOND_FACTOR).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    (begun, given)
}

#[tokio::test]
async fn threat_54_a_wrong_passkey_is_refused_and_told_of() {
    let house = patient();
    let (mut device, mut foreign) = (Device::new(), Device::new());
    house.with_passkey(ADA, &mut device).await;
    house.with_passkey(BOB, &mut foreign).await;
    let mut browser = house.half_signed_in(ADA).await;
    // The passkey of another.
    let mut begun = browser.begin(SECOND_FACTOR).await;
    begun["publicKey"]["allowCredentials"] = json!([]);
    let theirs = foreign.get(ORIGIN, &begun["publicKey"]).await;
    // A signature of nobody.
    let (other, mut unsigned) = answered(&mut browser, &mut device).await;
    unsigned["response"]["signature"] = base64url(&[0; 70]).into();
    // The page of another site.
    let phished = browser.begin(SECOND_FACTOR).await;
    let mut elsewhere = phished["publicKey"].clone();
    elsewhere["rpId"] = "evil.example.net".into();
    let mut copy = device.clone();
    copy.key.as_mut().expect("passkey").rp_id = "evil.example.net".to_owned();
    let taken = copy.get("https://evil.example.net", &elsewhere).await;
    for (begun, given) in [(begun, theirs), (other, unsigned), (phished, taken)] {
        let answer = browser.finish(SECOND_FACTOR, &begun, &given).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
        assert_eq!(answer.json()["code"], "invalid_passkey");
        assert!(!browser.is_signed_in().await);
    }
    assert_eq!(failures(&house), 3);
    // The sign-in still waits for the right one.
    let answer = browser.give_passkey(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn threat_54_an_answer_counts_once_for_one_sign_in_in_one_browser() {
    let house = patient();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    // Another sign-in of the same person.
    let mut first = house.half_signed_in(ADA).await;
    let mut second = house.half_signed_in(ADA).await;
    let (begun, given) = answered(&mut first, &mut device).await;
    let mut other = house.browser();
    other.cookies.clone_from(&first.cookies);
    let pending = second.cookies[PENDING_COOKIE].clone();
    other.cookies.insert(PENDING_COOKIE.to_owned(), pending);
    assert!(is_gone(&other.finish(SECOND_FACTOR, &begun, &given).await));
    assert!(
        is_gone(&first.finish(SECOND_FACTOR, &begun, &given).await),
        "it is spent"
    );
    // Another browser, to which the sign-in that waits was carried.
    let (begun, given) = answered(&mut first, &mut device).await;
    let pending = first.cookies[PENDING_COOKIE].clone();
    second.cookies.insert(PENDING_COOKIE.to_owned(), pending);
    assert!(is_gone(&second.finish(SECOND_FACTOR, &begun, &given).await));
    // No sign-in that waits.
    let (begun, given) = answered(&mut first, &mut device).await;
    let answer = house.browser().finish(SECOND_FACTOR, &begun, &given).await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
    // Late.
    house.clock.advance(Duration::from_mins(5));
    assert!(is_gone(&first.finish(SECOND_FACTOR, &begun, &given).await));
    // In time, and again.
    let (begun, given) = answered(&mut first, &mut device).await;
    let before = first.cookies.clone();
    let answer = first.finish(SECOND_FACTOR, &begun, &given).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let mut back = house.browser();
    back.cookies = before;
    let answer = back.finish(SECOND_FACTOR, &begun, &given).await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
    assert!(!back.is_signed_in().await);
}

#[tokio::test]
async fn threat_54_an_answer_for_one_purpose_is_none_for_another() {
    let house = patient();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.half_signed_in(ADA).await;
    let (begun, given) = answered(&mut browser, &mut device).await;
    let answer = browser.finish("/auth/login/passkey", &begun, &given).await;
    assert!(is_gone(&answer));
    let begun = browser.begin("/auth/login/passkey").await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    assert!(is_gone(
        &browser.finish(SECOND_FACTOR, &begun, &given).await
    ));
    let mut own = house.known(ADA, SEVERAL).await;
    browser.cookies.append(&mut own.cookies);
    let (begun, given) = answered(&mut browser, &mut device).await;
    assert!(is_gone(&browser.finish(STEP_UP, &begun, &given).await));
    let begun = browser.begin(STEP_UP).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    assert!(is_gone(
        &browser.finish(SECOND_FACTOR, &begun, &given).await
    ));
}

#[tokio::test]
async fn threat_13_one_counter_for_passkeys_and_codes() {
    let house = House::with(addresses_unlimited());
    let mut device = Device::new();
    let app = house.with_both(ADA, &mut device).await;
    for attempt in 0..5_u8 {
        // The password, right each time, clears nothing.
        let mut browser = house.half_signed_in(ADA).await;
        browser.address = format!("2001:db8:{attempt}::1").parse().expect("address");
        let status = if attempt % 2 == 0 {
            browser.give_code(&app.wrong_code(&house)).await.status
        } else {
            let (begun, mut given) = answered(&mut browser, &mut device).await;
            given["response"]["signature"] = base64url(&[0; 70]).into();
            browser.finish(SECOND_FACTOR, &begun, &given).await.status
        };
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{attempt}");
    }
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_passkey(&mut device).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "900");
    let answer = browser.give_code(&app.code(&house)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    house.clock.advance(Duration::from_mins(15));
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_passkey(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // A right passkey has cleared the count.
    for _ in 0..4 {
        let mut browser = house.half_signed_in(ADA).await;
        let answer = browser.give_code(&app.wrong_code(&house)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let mut browser = house.half_signed_in(ADA).await;
    let answer = browser.give_passkey(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn threat_28_a_passkey_gives_nothing_to_a_password_that_is_another_by_then() {
    let house = patient();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.half_signed_in(ADA).await;
    let (begun, given) = answered(&mut browser, &mut device).await;
    let user = house.user_id(ADA).await;
    let set = house.wing.set_password(&user, OTHER_PASSWORD.into(), true);
    set.await.expect("password");
    let answer = browser.finish(SECOND_FACTOR, &begun, &given).await;
    assert_eq!(answer.json()["code"], "sign_in_expired");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_54_of_32_answers_at_once_to_a_sign_in_one_enters() {
    let house: &'static House = Box::leak(Box::new(patient()));
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let user = house.user_id(ADA).await;
    // One answer from many tabs, then many answers to one sign-in.
    for answers in [1, 32] {
        house.wing.revoke_sessions(&user).await.expect("revoked");
        let mut browser = house.half_signed_in(ADA).await;
        browser.get("/auth/second-factor").await;
        let mut given = Vec::new();
        for _ in 0..answers {
            given.push(answered(&mut browser, &mut device).await);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..32 {
            let mut tab = house.browser();
            tab.cookies.clone_from(&browser.cookies);
            let (begun, given) = given[index % answers].clone();
            tasks.spawn(async move { tab.finish(SECOND_FACTOR, &begun, &given).await.status });
        }
        let statuses = tasks.join_all().await;
        let signed_in = statuses.iter().filter(|status| **status == StatusCode::OK);
        assert_eq!(signed_in.count(), 1, "{statuses:?}");
        let sessions = house.core.stores.sessions.sessions_of(&user).await;
        assert_eq!(sessions.expect("store").len(), 1);
    }
}

#[tokio::test]
async fn a_device_is_trusted_for_its_user_alone_where_nobody_has_a_password() {
    let house = House::with(unlimited(mail_settings()));
    let (mut of_ada, mut of_bob) = (Device::new(), Device::new());
    for (email, device) in [(ADA, &mut of_ada), (BOB, &mut of_bob)] {
        let new = NewUser {
            email: Some(email.to_owned()),
            email_verified: true,
            ..NewUser::default()
        };
        house.wing.create_user(new).await.expect("account");
        let mut own = house.known(email, &["email"]).await;
        let answer = own.add_passkey(device).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    house.mails().await;
    let mut browser = house.browser();
    assert!(is_asked_after_a_mail(&house, &mut browser, ADA).await);
    let begun = browser.begin(SECOND_FACTOR).await;
    let given = of_ada.get(ORIGIN, &begun["publicKey"]).await;
    let mut body = reply(&begun, &given);
    body["trust_device"] = true.into();
    let finish = format!("{SECOND_FACTOR}/finish");
    let answer = browser.post_json(&finish, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let device = browser.cookies[DEVICE_COOKIE].clone();
    // Hers alone: what the digest of a device is made of is the same for both, save whose it is.
    for (email, is_asked) in [(ADA, false), (BOB, true)] {
        let mut browser = house.browser();
        browser
            .cookies
            .insert(DEVICE_COOKIE.to_owned(), device.clone());
        house.mails().await;
        let asked = is_asked_after_a_mail(&house, &mut browser, email).await;
        assert_eq!(asked, is_asked, "{email}");
        assert_eq!(browser.is_signed_in().await, !is_asked, "{email}");
    }
}

/// Whether the second factor is asked for once the link of a mail was followed.
async fn is_asked_after_a_mail(house: &House, browser: &mut Browser<'_>, email: &str) -> bool {
    browser.ask_sign_in(email).await;
    let mail = house.mail().await;
    let answer = browser.follow(&mail.path, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.location() == "/auth/second-factor"
}
