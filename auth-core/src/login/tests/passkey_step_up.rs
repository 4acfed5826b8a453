//! Proving again who is signed in, by a passkey.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::factors::{PENDING_COOKIE, addresses_unlimited, enrol};
use super::harness::*;
use super::passkey_device::*;
use crate::login::{Login, UserVerification};
use crate::services::Event;

fn preferred() -> Login {
    addresses_unlimited().passkey_user_verification(UserVerification::Preferred)
}

/// Gives the passkey and finishes.
async fn step_up(browser: &mut Browser<'_>, device: &mut Device) -> Answer {
    let begun = browser.begin(STEP_UP).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    browser.finish(STEP_UP, &begun, &given).await
}

fn stepped_up(house: &House) -> Vec<Vec<String>> {
    let events = house.events().into_iter();
    let amr = events.filter_map(|event| match event {
        Event::SteppedUp { amr, .. } => Some(amr),
        _ => None,
    });
    amr.collect()
}

#[tokio::test]
async fn a_passkey_confirms_who_is_signed_in() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.known(ADA, &["pwd"]).await;
    let id = browser.session_id().await;
    let cookie = browser.session_cookie().map(str::to_owned);
    house.clock.advance(Duration::from_mins(11));
    let answer = browser
        .get("/auth/login?reauthenticate=1&return_to=/reports")
        .await;
    assert_eq!(
        answer.location(),
        "/auth/step-up?return_to=%2Freports",
        "there is more than the password"
    );
    let page = browser.get("/auth/step-up?return_to=%2Freports").await;
    assert!(page.body.contains("id=\"password\""), "{}", page.body);
    assert!(page.body.contains("data-passkey=\"confirm\""));
    assert!(page.body.contains("<script src=\"/auth/assets/passkey-"));
    let policy = page.headers["content-security-policy"].to_str();
    let policy = policy.expect("text");
    assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"));
    let begun = browser.begin(STEP_UP).await;
    let allowed = begun["publicKey"]["allowCredentials"].as_array();
    assert_eq!(allowed.map(Vec::len), Some(1));
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut body = reply(&begun, &given);
    body["return_to"] = "/reports".into();
    let answer = browser
        .post_json("/auth/step-up/passkey/finish", &body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["next"], "/reports");
    assert_eq!(browser.session_id().await, id, "the session stays");
    assert_ne!(
        browser.session_cookie().map(str::to_owned),
        cookie,
        "its secret does not"
    );
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "swk", "user", "mfa"]));
    assert_eq!(session["acr"], "2");
    assert_eq!(session["auth_time"], house.core.clock.now().rfc3339());
    assert_eq!(stepped_up(&house), [["swk", "user", "mfa"]]);
    assert!(!browser.cookies.contains_key(PENDING_COOKIE));
    // Recent enough now to add another.
    let answer = browser.add_passkey(&mut Device::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn where_a_passkey_is_all_there_is_the_page_asks_for_it() {
    let house = House::new();
    let mut device = Device::new();
    let mut browser = house.without_password(ADA).await;
    browser.add_passkey(&mut device).await;
    house.clock.advance(Duration::from_mins(11));
    let answer = browser
        .get("/auth/login?reauthenticate=1&return_to=/reports")
        .await;
    assert_eq!(answer.location(), "/auth/step-up?return_to=%2Freports");
    let context = browser.context(answer.location()).await;
    assert_eq!(context["method"], "passkey");
    assert_eq!(context["passkey"]["begin"], "/auth/step-up/passkey/begin");
    assert_eq!(
        (&context["password_url"], &context["sign_in_url"]),
        (&Value::Null, &Value::Null)
    );
    let page = browser.get("/auth/step-up").await;
    assert!(
        page.body
            .contains("<button class=\"button\" id=\"passkey\"")
    );
    assert!(!page.body.contains("id=\"submit\"") && page.body.contains("<noscript>"));
    let answer = step_up(&mut browser, &mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = browser.session_facts().await;
    assert_eq!(session["acr"], "2", "the device verified its owner");
    assert_eq!(session["auth_time"], house.core.clock.now().rfc3339());
}

#[tokio::test]
async fn a_passkey_that_verifies_nobody_is_one_factor_beside_whatever_came_before() {
    let house = House::with(preferred());
    let mut device = Device::touch_only();
    house.with_passkey(ADA, &mut device).await;
    for (before, after, acr) in [
        (vec!["pwd"], vec!["pwd", "swk", "user", "mfa"], "2"),
        (vec!["email"], vec!["email", "swk", "user", "mfa"], "2"),
        (vec!["swk", "user"], vec!["swk", "user"], "1"),
        (vec!["hwk", "user"], vec!["hwk", "user", "swk"], "1"),
        (vec![], vec!["swk", "user"], "1"),
        // Verified then, and not now.
        (vec!["swk", "user", "mfa"], vec!["swk", "user"], "1"),
    ] {
        let mut browser = house.known(ADA, &before).await;
        let answer = step_up(&mut browser, &mut device).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let session = browser.session_facts().await;
        assert_eq!(session["amr"], json!(after), "{before:?}");
        assert_eq!(session["acr"], acr, "{before:?}");
    }
    // Who needs more than that is led to where it is set up.
    let mut browser = house.known(ADA, &["swk", "user"]).await;
    let context = browser.context("/auth/step-up?factor=second").await;
    assert_eq!(context["method"], "passkey");
    assert_eq!(context["set_up_url"], "/auth/account/two-factor");
    let mut browser = house.known(ADA, &["pwd"]).await;
    let context = browser.context("/auth/step-up?factor=second").await;
    assert_eq!(
        (&context["method"], &context["set_up_url"]),
        (&json!("passkey"), &Value::Null)
    );
}

#[tokio::test]
async fn who_has_no_passkey_is_offered_none() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for page in ["/auth/login?reauthenticate=1", "/auth/step-up"] {
        let page = browser.get(page).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains("data-passkey") && !page.body.contains("<script"));
    }
    let answer = browser
        .post_json("/auth/step-up/passkey/begin", &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["code"], "no_passkey");
    let answer = house
        .browser()
        .post_json("/auth/step-up/passkey/begin", &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_client_without_cookies_steps_up_and_gets_a_new_token() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let user = house.user_id(ADA).await;
    let headers = http::HeaderMap::new();
    let request = crate::login::SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let session = house.wing.sign_in_bearer(&user, &["pwd"], request).await;
    let token = session.expect("session").token().expect("token");
    let with = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    let mut client = house.browser();
    client.extra = with(&token);
    let begun = client
        .post_json("/auth/step-up/passkey/begin", &json!({}))
        .await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    assert!(begun.set_cookies().is_empty());
    let begun = begun.json();
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    client.extra = with(&token);
    let answer = client.finish(STEP_UP, &begun, &given).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.set_cookies().is_empty());
    let renewed = answer.json()["token"].as_str().expect("token").to_owned();
    client.extra = with(&token);
    assert!(!client.is_signed_in().await, "the old token is worthless");
    client.extra = with(&renewed);
    let session = client.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "swk", "user", "mfa"]));
}

#[tokio::test]
async fn threat_54_an_answer_raises_the_session_it_was_asked_of_once() {
    let house = House::with(addresses_unlimited());
    let (mut device, mut foreign) = (Device::new(), Device::new());
    house.with_passkey(ADA, &mut device).await;
    house.with_passkey(BOB, &mut foreign).await;
    let mut browser = house.known(ADA, &["pwd"]).await;
    let begun = browser.begin(STEP_UP).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    // Another session of the same person, in the same browser.
    let mut other = house.known(ADA, &["pwd"]).await;
    let own = other.cookies.clone();
    other.cookies.clone_from(&browser.cookies);
    other.cookies.extend(own);
    let answer = other.finish(STEP_UP, &begun, &given).await;
    assert_eq!(answer.json()["code"], "passkey_ceremony_gone");
    // Spent by it, right or not.
    let answer = browser.finish(STEP_UP, &begun, &given).await;
    assert_eq!(answer.json()["code"], "passkey_ceremony_gone");
    // The passkey of another.
    let mut begun = browser.begin(STEP_UP).await;
    begun["publicKey"]["allowCredentials"] = json!([]);
    let given = foreign.get(ORIGIN, &begun["publicKey"]).await;
    let answer = browser.finish(STEP_UP, &begun, &given).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["code"], "invalid_passkey");
    assert_eq!(browser.session_facts().await["acr"], "1");
    assert_eq!(stepped_up(&house), Vec::<Vec<String>>::new());
    let answer = step_up(&mut browser, &mut device).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn one_counter_for_the_step_ups_by_passkey_and_by_code() {
    let house = House::with(addresses_unlimited());
    let mut device = Device::new();
    let mut own = house.with_passkey(ADA, &mut device).await;
    let (app, _) = enrol(&house, &mut own).await;
    let mut browser = house.known(ADA, &["pwd"]).await;
    for attempt in 0..5 {
        let answer = if attempt % 2 == 0 {
            let body = json!({ "code": app.wrong_code(&house) });
            browser.post_json("/auth/step-up", &body).await
        } else {
            let begun = browser.begin(STEP_UP).await;
            let mut given = device.get(ORIGIN, &begun["publicKey"]).await;
            given["response"]["signature"] = crate::ground::base64url(&[0; 70]).into();
            browser.finish(STEP_UP, &begun, &given).await
        };
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{attempt}");
    }
    let answer = step_up(&mut browser, &mut device).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let body = json!({ "code": app.code(&house) });
    let answer = browser.post_json("/auth/step-up", &body).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    house.clock.advance(Duration::from_mins(15));
    let answer = step_up(&mut browser, &mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_step_ups_at_once_the_session_has_one_secret() {
    let house: &'static House = Box::leak(Box::new(House::with(addresses_unlimited())));
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.known(ADA, &["pwd"]).await;
    let begun = browser.begin(STEP_UP).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let mut tab = house.browser();
        tab.cookies.clone_from(&browser.cookies);
        let (begun, given) = (begun.clone(), given.clone());
        tasks.spawn(async move { tab.finish(STEP_UP, &begun, &given).await.status });
    }
    let statuses = tasks.join_all().await;
    let raised = statuses.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(raised.count(), 1, "{statuses:?}");
    assert_eq!(stepped_up(house).len(), 1);
}
