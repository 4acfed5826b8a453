//! Proving again who is signed in, and the second factor.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::harness::*;
use super::passkey_device::*;
use crate::ground::Digest32;
use crate::store::UserId;
use crate::web::{Exchange, Problem};

const STEP_UP: &str = "/auth/step-up/passkey";

#[tokio::test]
async fn a_passkey_confirms_who_is_signed_in() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.signed_in(ADA).await;
    let id = browser.session_id().await;
    let cookie = browser.session_cookie().map(str::to_owned);
    assert_eq!(browser.amr().await, json!(["pwd"]));
    house.clock.advance(Duration::from_mins(11));
    let page = browser
        .get("/auth/login?reauthenticate=1&return_to=/reports")
        .await;
    assert!(
        page.body.contains("data-passkey=\"confirm\""),
        "{}",
        page.body
    );
    let begun = browser.begin(STEP_UP).await;
    let own = house.passkeys(ADA).await.len();
    assert_eq!(
        begun["publicKey"]["allowCredentials"]
            .as_array()
            .map(Vec::len),
        Some(own)
    );
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
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["session"]["amr"], json!(["swk", "user", "mfa"]));
    assert_eq!(
        session["session"]["auth_time"],
        house.core.clock.now().rfc3339()
    );
    // Recent enough now to add another.
    let answer = browser.add_passkey(&mut Device::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn who_has_no_passkey_is_offered_none() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let page = browser.get("/auth/login?reauthenticate=1").await;
    assert!(!page.body.contains("data-passkey"));
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

/// Runs what the page of the second factor runs, in one browser.
async fn second_factor(
    house: &House,
    user: &UserId,
    pending: &str,
    body: Value,
) -> Result<Value, Problem> {
    let request = Request::post("/auth/second-factor")
        .header(CONTENT_TYPE, "application/json")
        .header("cookie", format!("__Host-auth_browser={}", "b".repeat(43)));
    let request = request
        .body(Bytes::from(body.to_string()))
        .expect("request");
    let (parts, body) = request.into_parts();
    let (core, now) = (&house.core, house.core.clock.now());
    let mut exchange = Exchange::new(&parts, &body, now, &core.proxies, false);
    let pending = Digest32::of(pending);
    if body.len() < 3 {
        let begun = house
            .wing
            .begin_passkey_second_factor(&mut exchange, user, pending);
        let begun = begun.await?;
        return Ok(serde_json::from_slice(begun.body()).expect("JSON"));
    }
    let proven = house
        .wing
        .prove_passkey_second_factor(&exchange, user, pending);
    Ok(match proven.await? {
        Ok(proven) => json!(proven.amr),
        Err(refused) => json!(format!("{:?}", refused.reason)),
    })
}

#[tokio::test]
async fn a_passkey_is_a_second_factor_of_one_pending_sign_in() {
    let house = House::new();
    let (mut device, mut foreign) = (Device::new(), Device::new());
    house.with_passkey(ADA, &mut device).await;
    house.with_passkey(BOB, &mut foreign).await;
    let (ada, bob) = (house.user_id(ADA).await, house.user_id(BOB).await);
    let begin = || second_factor(&house, &ada, "pending-1", json!({}));

    let begun = begin().await.expect("begun");
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let answer = reply(&begun, &given);
    let amr = second_factor(&house, &ada, "pending-1", answer.clone()).await;
    assert_eq!(amr.expect("proven"), json!(["swk", "user", "mfa"]));
    let again = second_factor(&house, &ada, "pending-1", answer).await;
    assert_eq!(again.expect_err("spent").code, "passkey_ceremony_gone");

    // Another pending sign-in, another user, another purpose.
    for (user, pending) in [(&ada, "pending-2"), (&bob, "pending-1")] {
        let begun = begin().await.expect("begun");
        let given = device.get(ORIGIN, &begun["publicKey"]).await;
        let wrong = second_factor(&house, user, pending, reply(&begun, &given)).await;
        assert_eq!(wrong.expect_err("another's").code, "passkey_ceremony_gone");
    }
    let begun = begin().await.expect("begun");
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut browser = house.signed_in(ADA).await;
    browser
        .cookies
        .insert("__Host-auth_browser".to_owned(), "b".repeat(43));
    let answer = browser.finish("/auth/login/passkey", &begun, &given).await;
    assert_eq!(answer.json()["code"], "passkey_ceremony_gone");

    // The passkey of another.
    let mut begun = begin().await.expect("begun");
    begun["publicKey"]["allowCredentials"] = json!([]);
    let given = foreign.get(ORIGIN, &begun["publicKey"]).await;
    let refused = second_factor(&house, &ada, "pending-1", reply(&begun, &given)).await;
    assert_eq!(refused.expect("answered"), json!("WrongPasskey"));
}
