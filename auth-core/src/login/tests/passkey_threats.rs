//! Threat 54: a ceremony answered twice, late, for another user, origin or purpose, and answers that were tampered with.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::harness::*;
use super::passkey_device::*;
use crate::ground::base64url;
use crate::store::{OneTimeKind, SessionId};

const SIGN_IN: &str = "/auth/login/passkey";

fn is_gone(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST && answer.json()["code"] == "passkey_ceremony_gone"
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == StatusCode::UNAUTHORIZED && answer.json()["code"] == "invalid_passkey"
}

/// A house where Ada has a passkey on the device.
async fn house_of(device: &mut Device) -> House {
    let house = House::with(settings().address_throttle(crate::store::ThrottlePolicy {
        limit: 1_000,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    }));
    house.with_passkey(ADA, device).await;
    house
}

#[tokio::test]
async fn threat_54_a_ceremony_is_answered_once_whatever_the_answer() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    assert_eq!(
        browser.finish(SIGN_IN, &begun, &given).await.status,
        StatusCode::OK
    );
    assert!(is_gone(&browser.finish(SIGN_IN, &begun, &given).await));
    // A wrong answer spends it as well: nobody tries until it fits.
    let begun = browser.begin(SIGN_IN).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut wrong = given.clone();
    wrong["response"]["signature"] = base64url(&[0; 70]).into();
    assert!(is_refused(&browser.finish(SIGN_IN, &begun, &wrong).await));
    assert!(is_gone(&browser.finish(SIGN_IN, &begun, &given).await));
}

#[tokio::test]
async fn threat_54_a_ceremony_ends_after_five_minutes() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.browser();
    for (wait, in_time) in [(299, true), (300, false)] {
        let begun = browser.begin(SIGN_IN).await;
        let given = device.get(ORIGIN, &begun["publicKey"]).await;
        house.clock.advance(Duration::from_secs(wait));
        let answer = browser.finish(SIGN_IN, &begun, &given).await;
        assert_eq!(answer.status == StatusCode::OK, in_time, "{wait}");
        assert_eq!(is_gone(&answer), !in_time, "{wait}");
    }
}

#[tokio::test]
async fn threat_54_a_ceremony_belongs_to_its_browser() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut attacker = house.browser();
    let begun = attacker.begin(SIGN_IN).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut other = house.browser();
    other.get("/auth/login").await;
    assert!(is_gone(&other.finish(SIGN_IN, &begun, &given).await));
    assert!(is_gone(
        &house.browser().finish(SIGN_IN, &begun, &given).await
    ));
    assert!(
        is_gone(&attacker.finish(SIGN_IN, &begun, &given).await),
        "it is spent"
    );
}

#[tokio::test]
async fn threat_54_a_ceremony_is_for_one_purpose() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.known(ADA, SEVERAL).await;
    let before = browser.session_cookie().map(str::to_owned);
    let purposes = [SIGN_IN, STEP_UP, PASSKEYS];
    for begins in purposes {
        for finishes in purposes.into_iter().filter(|finishes| *finishes != begins) {
            let begun = browser.begin(begins).await;
            let given = if begins == PASSKEYS {
                Device::new().create(ORIGIN, &begun["publicKey"]).await
            } else {
                device.get(ORIGIN, &begun["publicKey"]).await
            };
            let answer = browser.finish(finishes, &begun, &given).await;
            assert!(is_gone(&answer), "{begins} {finishes} {}", answer.body);
        }
    }
    assert_eq!(browser.session_cookie().map(str::to_owned), before);
    assert_eq!(house.passkeys(ADA).await.len(), 1);
}

#[tokio::test]
async fn threat_54_a_ceremony_is_for_one_user() {
    let (mut ada_device, mut bob_device) = (Device::new(), Device::new());
    let house = house_of(&mut ada_device).await;
    house.with_passkey(BOB, &mut bob_device).await;
    // Begun by Ada, finished after Bob signed in to the same browser.
    for path in [STEP_UP, PASSKEYS] {
        let mut browser = house.known(ADA, SEVERAL).await;
        let begun = browser.begin(path).await;
        let given = if path == PASSKEYS {
            Device::new().create(ORIGIN, &begun["publicKey"]).await
        } else {
            ada_device.get(ORIGIN, &begun["publicKey"]).await
        };
        browser
            .cookies
            .extend(house.known(BOB, SEVERAL).await.cookies);
        assert!(
            is_gone(&browser.finish(path, &begun, &given).await),
            "{path}"
        );
    }
    assert_eq!(house.passkeys(BOB).await.len(), 1);
    // Bob's passkey confirms nothing for Ada, though the challenge is hers.
    let mut browser = house.known(ADA, SEVERAL).await;
    let mut begun = browser.begin(STEP_UP).await;
    begun["publicKey"]["allowCredentials"] = json!([]);
    let given = bob_device.get(ORIGIN, &begun["publicKey"]).await;
    assert!(is_refused(&browser.finish(STEP_UP, &begun, &given).await));
}

#[tokio::test]
async fn threat_54_the_user_handle_names_the_owner() {
    let (mut ada_device, mut bob_device) = (Device::new(), Device::new());
    let house = house_of(&mut ada_device).await;
    house.with_passkey(BOB, &mut bob_device).await;
    let theirs = bob_device
        .key
        .as_ref()
        .expect("passkey")
        .user_handle
        .clone();
    let own = ada_device
        .key
        .as_ref()
        .expect("passkey")
        .user_handle
        .clone();
    for (handle, signs_in) in [(theirs.clone(), false), (None, false), (own, true)] {
        ada_device.key.as_mut().expect("passkey").user_handle = handle;
        let answer = house.browser().passkey_sign_in(&mut ada_device).await;
        assert_eq!(answer.status == StatusCode::OK, signs_in, "{}", answer.body);
        assert_eq!(is_refused(&answer), !signs_in);
    }
    // Where the person is known, no handle need be there, but another's may not.
    for (handle, confirms) in [(theirs, false), (None, true)] {
        ada_device.key.as_mut().expect("passkey").user_handle = handle;
        let mut browser = house.known(ADA, SEVERAL).await;
        let begun = browser.begin(STEP_UP).await;
        let given = ada_device.get(ORIGIN, &begun["publicKey"]).await;
        let answer = browser.finish(STEP_UP, &begun, &given).await;
        assert_eq!(answer.status == StatusCode::OK, confirms, "{}", answer.body);
    }
}

#[tokio::test]
async fn threat_54_another_origin_or_rp_id_is_refused() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.browser();
    // A page of a subdomain may ask for the passkeys of this domain; it is not this site.
    for origin in [
        "https://evil.app.example.com",
        "https://app.example.com:8443",
    ] {
        let begun = browser.begin(SIGN_IN).await;
        let given = device.get(origin, &begun["publicKey"]).await;
        let answer = browser.finish(SIGN_IN, &begun, &given).await;
        assert!(is_refused(&answer), "{origin} {}", answer.body);
    }
    let mut begun = browser.begin(SIGN_IN).await;
    begun["publicKey"]["rpId"] = "example.com".into();
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    assert!(is_refused(&browser.finish(SIGN_IN, &begun, &given).await));
    // In a frame of another site.
    let begun = browser.begin(SIGN_IN).await;
    let framed = Map::from_iter([("crossOrigin".to_owned(), Value::Bool(true))]);
    let given = device.get_with(ORIGIN, &begun["publicKey"], framed).await;
    assert!(is_refused(&browser.finish(SIGN_IN, &begun, &given).await));
    // The same for registration.
    let mut browser = house.known(ADA, SEVERAL).await;
    for (origin, rp_id) in [
        ("https://evil.app.example.com", "app.example.com"),
        (ORIGIN, "example.com"),
    ] {
        let mut begun = browser.begin(PASSKEYS).await;
        begun["publicKey"]["rp"]["id"] = rp_id.into();
        let made = Device::new().create(origin, &begun["publicKey"]).await;
        let answer = browser.finish(PASSKEYS, &begun, &made).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{origin} {rp_id}"
        );
        assert_eq!(answer.json()["code"], "passkey_refused");
    }
    assert_eq!(house.passkeys(ADA).await.len(), 1);
}

#[tokio::test]
async fn further_origins_are_those_the_operator_names() {
    let settings = settings()
        .passkey_rp_id("example.com")
        .passkey_origin("https://shop.example.com");
    let house = House::with(settings);
    house.account(ADA).await;
    let mut browser = house.known(ADA, SEVERAL).await;
    let mut device = Device::new();
    let begun = browser.begin(PASSKEYS).await;
    let made = device
        .create("https://shop.example.com", &begun["publicKey"])
        .await;
    assert_eq!(
        browser.finish(PASSKEYS, &begun, &made).await.status,
        StatusCode::OK
    );
    for (origin, is_ours) in [
        (ORIGIN, true),
        ("https://shop.example.com", true),
        ("https://example.com", false),
        ("https://blog.example.com", false),
    ] {
        let mut browser = house.browser();
        let begun = browser.begin(SIGN_IN).await;
        let given = device.get(origin, &begun["publicKey"]).await;
        let answer = browser.finish(SIGN_IN, &begun, &given).await;
        assert_eq!(answer.status == StatusCode::OK, is_ours, "{origin}");
    }
}

type Change = fn(&mut Value);

fn flip(assertion: &mut Value, member: &str, at: usize) {
    let mut bytes = bytes_of(&assertion["response"][member]);
    let at = at % bytes.len();
    bytes[at] ^= 1;
    assertion["response"][member] = base64url(&bytes).into();
}

fn client_data(assertion: &mut Value, name: &str, value: Value) {
    let bytes = bytes_of(&assertion["response"]["clientDataJSON"]);
    let mut data: Value = serde_json::from_slice(&bytes).expect("JSON");
    data[name] = value;
    assertion["response"]["clientDataJSON"] = base64url(data.to_string().as_bytes()).into();
}

#[tokio::test]
async fn threat_54_whatever_is_tampered_with_is_refused() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let changes: [(&str, Change); 11] = [
        ("signature", |a| flip(a, "signature", 12)),
        ("no signature", |a| a["response"]["signature"] = "".into()),
        ("RP ID's hash", |a| flip(a, "authenticatorData", 3)),
        ("flags", |a| flip(a, "authenticatorData", 32)),
        ("counter", |a| flip(a, "authenticatorData", 36)),
        ("no authenticator data", |a| {
            a["response"]["authenticatorData"] = "".into();
        }),
        ("challenge", |a| {
            client_data(a, "challenge", base64url(&[7; 32]).into());
        }),
        ("origin", |a| {
            client_data(a, "origin", "https://evil.example".into());
        }),
        ("type of ceremony", |a| {
            client_data(a, "type", "webauthn.create".into());
        }),
        ("one more member", |a| client_data(a, "other", 1.into())),
        ("type of credential", |a| a["type"] = "password".into()),
    ];
    for (what, change) in changes {
        let mut browser = house.browser();
        let begun = browser.begin(SIGN_IN).await;
        let mut given = device.get(ORIGIN, &begun["publicKey"]).await;
        change(&mut given);
        let answer = browser.finish(SIGN_IN, &begun, &given).await;
        assert!(is_refused(&answer), "{what}: {}", answer.body);
        assert!(!browser.is_signed_in().await, "{what}");
    }
    // Signed by the right key all the same: nobody was there.
    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let mut given = device.get(ORIGIN, &begun["publicKey"]).await;
    device.sign_again(&mut given, |data| data[32] &= !1);
    assert!(is_refused(&browser.finish(SIGN_IN, &begun, &given).await));
    // Signed again without a change it is as good as before: the helper does sign.
    let begun = browser.begin(SIGN_IN).await;
    let mut given = device.get(ORIGIN, &begun["publicKey"]).await;
    device.sign_again(&mut given, |_| ());
    assert_eq!(
        browser.finish(SIGN_IN, &begun, &given).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn threat_54_the_challenge_of_another_ceremony_is_refused() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.browser();
    let first = browser.begin(SIGN_IN).await;
    let second = browser.begin(SIGN_IN).await;
    assert_ne!(
        first["publicKey"]["challenge"],
        second["publicKey"]["challenge"]
    );
    let given = device.get(ORIGIN, &first["publicKey"]).await;
    assert!(is_refused(&browser.finish(SIGN_IN, &second, &given).await));
    // Two tabs: each its own.
    assert_eq!(
        browser.finish(SIGN_IN, &first, &given).await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_54_of_32_answers_at_once_one_signs_in() {
    let mut device = Device::new();
    let house: &'static House = Box::leak(Box::new(house_of(&mut device).await));
    let ada = house.user_id(ADA).await;
    house.wing.revoke_sessions(&ada).await.expect("revoked");
    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let mut tab = house.browser();
        tab.cookies = browser.cookies.clone();
        let (begun, given) = (begun.clone(), given.clone());
        tasks.spawn(async move { tab.finish(SIGN_IN, &begun, &given).await.status });
    }
    let statuses = tasks.join_all().await;
    let signed_in = statuses.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(signed_in.count(), 1, "{statuses:?}");
    let sessions = house.core.stores.sessions.sessions_of(&ada).await;
    let sessions: Vec<SessionId> = sessions
        .expect("store")
        .into_iter()
        .map(|one| one.id)
        .collect();
    assert_eq!(sessions.len(), 1);
}

#[tokio::test]
async fn a_passkey_removed_while_it_signs_in_opens_nothing() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let ada = house.user_id(ADA).await;
    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    house
        .core
        .stores
        .passkeys
        .remove_passkeys(&ada)
        .await
        .expect("store");
    assert!(is_refused(&browser.finish(SIGN_IN, &begun, &given).await));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_store_holds_neither_challenge_nor_state_in_clear() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.browser();
    let begun = browser.begin(SIGN_IN).await;
    let secret = begun["ceremony"].as_str().expect("ceremony");
    let key = crate::ground::Digest32::of(secret);
    let (now, one_time) = (house.core.clock.now(), &house.core.stores.one_time);
    let value = one_time.peek(OneTimeKind::PasskeyCeremony, &key, now).await;
    let payload = value.expect("store").expect("ceremony").payload;
    let payload = String::from_utf8_lossy(&payload).into_owned();
    let challenge = begun["publicKey"]["challenge"].as_str().expect("challenge");
    assert!(!payload.contains(challenge) && !payload.contains("SignIn"));
}

#[tokio::test]
async fn unreadable_answers_are_refused_with_the_protocols_errors() {
    let mut device = Device::new();
    let house = house_of(&mut device).await;
    let mut browser = house.known(ADA, SEVERAL).await;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let huge = base64url(&vec![7; 80_000]);
    for path in [SIGN_IN, STEP_UP, PASSKEYS] {
        let finish = format!("{path}/finish");
        for (media, body, status) in [
            ("application/json", "{", StatusCode::BAD_REQUEST),
            ("application/json", "[]", StatusCode::BAD_REQUEST),
            ("application/json", deep.as_str(), StatusCode::BAD_REQUEST),
            (
                "application/json",
                "{\"ceremony\":1}",
                StatusCode::BAD_REQUEST,
            ),
            (
                "application/json",
                "{\"ceremony\":{}}",
                StatusCode::BAD_REQUEST,
            ),
            (
                "application/json",
                "{\"credential\":{},\"credential\":{}}",
                StatusCode::BAD_REQUEST,
            ),
            ("text/plain", "x", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (
                "application/x-www-form-urlencoded",
                "a=%ff",
                StatusCode::BAD_REQUEST,
            ),
        ] {
            let answer = browser
                .send(raw(Method::POST, &finish, media, body.as_bytes()))
                .await;
            assert_eq!(
                answer.status,
                status,
                "{path} {media} {}",
                &body[..body.len().min(40)]
            );
            assert_eq!(answer.headers["content-type"], "application/problem+json");
        }
        let right = json!({
            "id": "AA", "rawId": "AA", "type": "public-key",
            "response": { "clientDataJSON": "AA", "attestationObject": "AA", "authenticatorData": "AA", "signature": "AA" },
        });
        let mut wrong_type = right.clone();
        wrong_type["response"]["clientDataJSON"] = 7.into();
        let mut not_base64 = right.clone();
        not_base64["rawId"] = "%%".into();
        let mut large = right.clone();
        large["response"]["clientDataJSON"] = huge.as_str().into();
        for credential in [
            json!(null),
            json!(7),
            json!("x"),
            json!({}),
            json!("{}"),
            json!(deep),
            wrong_type,
            not_base64,
            large,
            right,
        ] {
            let begun = browser.begin(path).await;
            let answer = browser.finish(path, &begun, &credential).await;
            let status = answer.status;
            assert!(
                status.is_client_error(),
                "{path} {credential} {status} {}",
                answer.body
            );
        }
    }
    assert!(browser.is_signed_in().await);
    assert_eq!(house.passkeys(ADA).await.len(), 1);
}
