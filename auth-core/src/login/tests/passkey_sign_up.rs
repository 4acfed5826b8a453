//! Accounts without a password.

use http::StatusCode;
use serde_json::{Value, json};

use super::harness::*;
use super::passkey_device::*;
use crate::login::{EmailProof, Login};
use crate::services::Event;

const SIGN_UP: &str = "/auth/register/passkey";

fn open() -> Login {
    settings().passkey_registration(true)
}

async fn begin(browser: &mut Browser<'_>, body: &Value) -> Answer {
    browser.post_json(&format!("{SIGN_UP}/begin"), body).await
}

async fn sign_up(browser: &mut Browser<'_>, email: &str, device: &mut Device) -> (Value, Answer) {
    let begun = begin(browser, &json!({ "email": email, "name": "Ada" })).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let begun = begun.json();
    let made = device.create(ORIGIN, &begun["publicKey"]).await;
    let answer = browser.finish(SIGN_UP, &begun, &made).await;
    (begun, answer)
}

#[tokio::test]
async fn an_account_is_made_with_a_passkey_alone() {
    let house = House::with(open());
    let mut browser = house.browser();
    let page = browser.get("/auth/register").await;
    assert!(page.body.contains("data-passkey=\"sign-up\""));
    let mut device = Device::new();
    let (begun, answer) = sign_up(&mut browser, " Ada@Example.com", &mut device).await;
    assert_eq!(begun["publicKey"]["user"]["displayName"], "Ada");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.json()["next"], "/auth/login?registered=1");
    assert!(!browser.is_signed_in().await, "registration never signs in");
    let answer = browser.passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["user"]["email_verified"], false);
    assert_eq!(session["user"]["name"], "Ada");
    let answer = house.browser().sign_in(ADA, "").await;
    assert_eq!(
        answer.status,
        StatusCode::UNAUTHORIZED,
        "no password opens it"
    );
}

#[tokio::test]
async fn threat_46_registration_does_not_tell_that_an_address_is_taken() {
    let house = House::with(open());
    house.account(ADA).await;
    let (mut first, mut second) = (Device::new(), Device::new());
    let (taken, collided) = sign_up(&mut house.browser(), ADA, &mut first).await;
    let (free, created) = sign_up(&mut house.browser(), BOB, &mut second).await;
    let shape = |begun: &Value| {
        let mut options = begun["publicKey"].clone();
        options["challenge"] = Value::Null;
        options["user"] = Value::Null;
        options
    };
    assert_eq!(shape(&taken), shape(&free));
    assert_eq!(
        (collided.status, &collided.body),
        (created.status, &created.body)
    );
    assert_eq!(house.passkeys(ADA).await, []);
    let answer = house.browser().passkey_sign_in(&mut first).await;
    assert_eq!(
        answer.status,
        StatusCode::UNAUTHORIZED,
        "what was made opens nothing"
    );
    let events = house.events();
    let collisions = events
        .iter()
        .filter(|event| matches!(event, Event::RegistrationCollided));
    assert_eq!(collisions.count(), 1);
}

#[tokio::test]
async fn what_is_no_registration_is_said_before_the_device_is_asked() {
    let house = House::with(open());
    let mut browser = house.browser();
    for (body, says) in [
        (json!({}), "Enter your e-mail address."),
        (
            json!({ "email": "nobody" }),
            "That is not an e-mail address.",
        ),
        (json!({ "email": ADA, "name": "a\nb" }), "line breaks"),
    ] {
        let answer = begin(&mut browser, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.json()["code"], "invalid_registration");
        assert!(answer.body.contains(says), "{}", answer.body);
    }
}

#[tokio::test]
async fn there_is_no_such_way_unless_the_host_opens_it() {
    for settings in [
        settings(),
        open().registration(false),
        open().passkeys(false).passkey_registration(false),
    ] {
        let house = House::with(settings);
        let answer = begin(&mut house.browser(), &json!({ "email": ADA })).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let page = House::new().browser().get("/auth/register").await;
    assert!(!page.body.contains("<script"));
}

#[tokio::test]
async fn a_credential_that_is_registered_makes_no_account() {
    let house = House::with(open());
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.browser();
    let begun = begin(&mut browser, &json!({ "email": BOB })).await.json();
    let mut own = Device::new();
    let mut made = own.create(ORIGIN, &begun["publicKey"]).await;
    let id = |device: &Device| device.key.as_ref().expect("passkey").credential_id.to_vec();
    let (mine, theirs) = (id(&own), id(&device));
    let mut object = bytes_of(&made["response"]["attestationObject"]);
    let at = object
        .windows(mine.len())
        .position(|window| window == mine)
        .expect("id");
    object[at..at + mine.len()].copy_from_slice(&theirs);
    made["response"]["attestationObject"] = crate::ground::base64url(&object).into();
    let answer = browser.finish(SIGN_UP, &begun, &made).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let bob = crate::store::Identifier::Email(BOB.to_owned());
    let found = house
        .core
        .stores
        .users
        .credentials(&bob)
        .await
        .expect("store");
    assert!(found.is_none());
}

#[tokio::test]
async fn threat_27_a_passkey_planted_on_an_address_goes_when_its_owner_comes() {
    let house = House::with(open());
    let mut planted = Device::new();
    let mut attacker = house.browser();
    sign_up(&mut attacker, ADA, &mut planted).await;
    attacker.passkey_sign_in(&mut planted).await;
    assert!(attacker.is_signed_in().await);
    let user = house.user_id(ADA).await;
    let proof = EmailProof::MailboxOwner;
    assert!(
        house
            .wing
            .verify_email(&user, ADA, proof)
            .await
            .expect("verified")
    );
    assert!(!attacker.is_signed_in().await);
    assert_eq!(house.passkeys(ADA).await, []);
    let answer = attacker.passkey_sign_in(&mut planted).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // Whoever is signed in and reads the mailbox too planted nothing.
    let mut own = Device::new();
    sign_up(&mut house.browser(), BOB, &mut own).await;
    let user = house.user_id(BOB).await;
    let proof = EmailProof::SignedInUser;
    assert!(
        house
            .wing
            .verify_email(&user, BOB, proof)
            .await
            .expect("verified")
    );
    assert_eq!(house.passkeys(BOB).await.len(), 1);
}
