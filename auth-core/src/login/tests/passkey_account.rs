//! Passkeys on the account pages: added, named, removed, and never the last way in.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::harness::*;
use super::passkey_device::*;
use crate::login::{EmailProof, Mfa, NewUser};
use crate::services::Event;
use crate::store::{Identifier, Passkey, UserId};

const REMOVE: &str = "/auth/account/passkeys/remove";
const RENAME: &str = "/auth/account/passkeys/rename";

impl House {
    pub(super) async fn user_id(&self, email: &str) -> UserId {
        let identifier = Identifier::Email(email.to_owned());
        let found = self.core.stores.users.credentials(&identifier).await;
        found.expect("store").expect("user").0.id
    }

    pub(super) async fn passkeys(&self, email: &str) -> Vec<Passkey> {
        let user = self.user_id(email).await;
        let passkeys = self.core.stores.passkeys.passkeys_of(&user).await;
        passkeys.expect("store")
    }

    /// Takes the password away, so that the passkeys are all there is: as after a registration without one.
    pub(super) async fn without_password(&self, email: &str) -> Browser<'_> {
        let new = NewUser {
            email: Some(email.to_owned()),
            ..NewUser::default()
        };
        self.wing.create_user(new).await.expect("account");
        self.known(email, &["hwk"]).await
    }
}

/// Posts one of the forms of a passkey in the list.
async fn act(browser: &mut Browser<'_>, path: &str, index: usize, name: &str) -> Answer {
    let context = browser.context(PASSKEYS).await;
    let passkey = &context["passkeys"][index];
    let token = if path == RENAME {
        "rename_token"
    } else {
        "remove_token"
    };
    let fields = [
        ("passkey_id", passkey["id"].as_str().expect("id")),
        ("form_token", passkey[token].as_str().expect("token")),
        ("name", name),
    ];
    browser.post(path, &fields).await
}

#[tokio::test]
async fn a_passkey_is_added_shown_renamed_and_removed() {
    let house = House::new();
    let user = house.account(ADA).await;
    house
        .wing
        .verify_email(&user.id, ADA, EmailProof::SignedInUser)
        .await
        .expect("verified");
    let mut browser = house.signed_in(ADA).await;
    let page = browser.get(PASSKEYS).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("You have no passkey yet."));
    assert!(browser.get("/auth/account").await.body.contains(PASSKEYS));

    let begun = browser.begin(PASSKEYS).await;
    let options = &begun["publicKey"];
    assert_eq!(options["rp"]["id"], "app.example.com");
    assert_eq!(options["user"]["name"], ADA);
    assert_eq!(bytes_of(&options["user"]["id"]).len(), 16);
    assert_eq!(options["attestation"], "none");
    let selection = &options["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["requireResidentKey"], true);
    assert_eq!(selection["userVerification"], "required");
    let mut device = Device::new();
    let made = device.create(ORIGIN, options).await;
    let mut body = reply(&begun, &made);
    body["name"] = "  Work laptop ".into();
    let answer = browser
        .post_json("/auth/account/passkeys/finish", &body)
        .await;
    assert_eq!(
        answer.json()["passkey"]["name"],
        "Work laptop",
        "{}",
        answer.body
    );
    assert_eq!(
        answer.json()["next"],
        "/auth/account/passkeys?notice=passkey_added"
    );
    assert_eq!(
        house.told().await,
        [("passkey_added".to_owned(), Some(ADA.to_owned()))]
    );

    house.clock.advance(Duration::from_secs(1));
    let begun = browser.begin(PASSKEYS).await;
    let excluded = options_ids(&begun["publicKey"]);
    assert_eq!(excluded, [made["rawId"].clone()], "each device once");
    let made = Device::new().create(ORIGIN, &begun["publicKey"]).await;
    browser.extra = vec![("user-agent", "Mozilla/5.0 (X11; Linux x86_64)".to_owned())];
    let answer = browser.finish(PASSKEYS, &begun, &made).await;
    assert_eq!(answer.json()["passkey"]["name"], "Passkey on Linux");

    let answer = act(&mut browser, RENAME, 1, "Desk").await;
    assert_eq!(
        answer.location(),
        "/auth/account/passkeys?notice=passkey_renamed"
    );
    let listed = browser.context(PASSKEYS).await;
    assert_eq!(listed["passkeys"][1]["name"], "Desk");
    assert_eq!(listed["passkeys"][0]["last_used_at"], Value::Null);
    house.browser().passkey_sign_in(&mut device).await;
    let listed = browser.context(PASSKEYS).await;
    assert_eq!(
        listed["passkeys"][0]["last_used_at"],
        house.core.clock.now().rfc3339()
    );

    house.told().await;
    let answer = act(&mut browser, REMOVE, 1, "").await;
    assert_eq!(
        answer.location(),
        "/auth/account/passkeys?notice=passkey_removed"
    );
    assert_eq!(house.passkeys(ADA).await.len(), 1);
    assert_eq!(
        house.told().await,
        [("passkey_removed".to_owned(), Some(ADA.to_owned()))]
    );
    let events = house.events();
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(
        count(|event| matches!(event, Event::PasskeyAdded { .. })),
        2
    );
    assert_eq!(
        count(|event| matches!(event, Event::PasskeyRemoved { .. })),
        1
    );
}

fn options_ids(options: &Value) -> Vec<Value> {
    let excluded = options["excludeCredentials"].as_array().expect("list");
    excluded.iter().map(|entry| entry["id"].clone()).collect()
}

#[tokio::test]
async fn no_mail_goes_to_an_address_that_is_only_claimed() {
    let house = House::new();
    house.with_passkey(ADA, &mut Device::new()).await;
    assert_eq!(house.told().await, []);
}

#[tokio::test]
async fn threat_18_names_are_one_line_and_escaped() {
    let house = House::new();
    let mut browser = house.with_passkey(ADA, &mut Device::new()).await;
    let long = "x".repeat(201);
    for bad in [
        "a\r\nBcc: eve@example.com",
        "a\u{202e}b",
        long.as_str(),
        "  ",
    ] {
        let answer = act(&mut browser, RENAME, 0, bad).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}");
        assert!(answer.body.contains("id=\"error\""));
    }
    let begun = browser.begin(PASSKEYS).await;
    let made = Device::new().create(ORIGIN, &begun["publicKey"]).await;
    let mut body = reply(&begun, &made);
    body["name"] = "a\nb".into();
    let answer = browser
        .post_json("/auth/account/passkeys/finish", &body)
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.json()["code"], "invalid_name");
    act(&mut browser, RENAME, 0, "<script>alert(1)</script>").await;
    let page = browser.get(PASSKEYS).await;
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;"));
}

#[tokio::test]
async fn to_add_or_remove_needs_a_recent_sign_in() {
    let house = House::new();
    let mut browser = house.with_passkey(ADA, &mut Device::new()).await;
    let begun = browser.begin(PASSKEYS).await;
    let made = Device::new().create(ORIGIN, &begun["publicKey"]).await;
    house.clock.advance(Duration::from_mins(11));
    let answer = browser
        .post_json("/auth/account/passkeys/begin", &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "step_up_required");
    let answer = browser.finish(PASSKEYS, &begun, &made).await;
    assert_eq!(answer.json()["code"], "step_up_required");
    let answer = act(&mut browser, REMOVE, 0, "").await;
    let confirm = "/auth/step-up?return_to=%2Fauth%2Faccount%2Fpasskeys";
    assert_eq!(answer.location(), confirm);
    assert_eq!(house.passkeys(ADA).await.len(), 1);
    assert_eq!(browser.context(PASSKEYS).await["confirm_url"], confirm);
    let context = browser.context(PASSKEYS).await;
    assert_eq!(
        (&context["recent"], &context["add"]),
        (&json!(false), &Value::Null)
    );
    let page = browser.get(PASSKEYS).await;
    assert!(page.body.contains("id=\"confirm\"") && !page.body.contains("data-passkey"));
    // A name is no way in.
    let answer = act(&mut browser, RENAME, 0, "Old one").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn whoever_knows_the_password_alone_adds_and_removes_none() {
    let house = House::new();
    let mut device = Device::new();
    let mut own = house.with_passkey(ADA, &mut device).await;
    let session = own.session_facts().await;
    // The first one is a second factor from here on.
    assert_eq!(session["amr"], json!(["pwd", "swk", "user", "mfa"]));
    assert_eq!(session["acr"], "2");
    let mut thief = house.known(ADA, &["pwd"]).await;
    let context = thief.context(PASSKEYS).await;
    let confirm = "/auth/step-up?return_to=%2Fauth%2Faccount%2Fpasskeys&factor=second";
    assert_eq!(
        (&context["recent"], &context["add"], &context["confirm_url"]),
        (&json!(false), &Value::Null, &json!(confirm))
    );
    for path in ["begin", "finish", "remove"] {
        let answer = thief
            .post_json(&format!("{PASSKEYS}/{path}"), &json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.json()["code"], "step_up_required", "{path}");
    }
    // Nor did the password alone make another thing of the account.
    let begin = "/auth/account/two-factor/begin";
    let answer = thief.post_json(begin, &json!({})).await;
    assert_eq!(answer.json()["code"], "step_up_required");
    assert_eq!(house.passkeys(ADA).await.len(), 1);
    assert_eq!(own.context(PASSKEYS).await["recent"], true);
}

#[tokio::test]
async fn a_passkey_that_verifies_nobody_does_not_lock_its_owner_out_of_the_account() {
    let house = House::with(
        settings().passkey_user_verification(crate::login::UserVerification::Preferred),
    );
    let mut device = Device::touch_only();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.browser();
    browser.passkey_sign_in(&mut device).await;
    assert_eq!(browser.session_facts().await["acr"], "1");
    // It is all there is beside itself.
    let answer = browser.add_passkey(&mut Device::new()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn who_must_have_a_second_factor_keeps_the_last() {
    let house = House::with(settings().mfa(Mfa::Required));
    house.account(ADA).await;
    let mut browser = house.known(ADA, &["pwd"]).await;
    browser.add_passkey(&mut Device::new()).await;
    let body = json!({ "passkey_id": house.passkeys(ADA).await[0].id });
    let answer = browser.post_json(REMOVE, &body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "mfa_required");
    browser.add_passkey(&mut Device::new()).await;
    let answer = browser.post_json(REMOVE, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn with_the_last_passkey_go_backup_codes() {
    let house = House::new();
    let mut browser = house.with_passkey(ADA, &mut Device::new()).await;
    let codes = "/auth/account/two-factor/backup-codes";
    let answer = browser.post_json(codes, &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let user = house.user_id(ADA).await;
    let factors = &house.core.stores.factors;
    assert_eq!(factors.backup_codes_left(&user).await.expect("store"), 10);
    act(&mut browser, REMOVE, 0, "").await;
    assert_eq!(factors.backup_codes_left(&user).await.expect("store"), 0);
    house.signed_in(ADA).await;
}

#[tokio::test]
async fn nobody_signed_in_has_no_passkeys() {
    let house = House::new();
    let mut browser = house.browser();
    let answer = browser.get(PASSKEYS).await;
    assert_eq!(
        answer.location(),
        "/auth/login?return_to=%2Fauth%2Faccount%2Fpasskeys"
    );
    for path in ["begin", "finish", "rename", "remove"] {
        let answer = browser
            .post_json(&format!("{PASSKEYS}/{path}"), &json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn threat_02_the_passkeys_of_others_are_out_of_reach() {
    let house = House::new();
    let mut ada = house.with_passkey(ADA, &mut Device::new()).await;
    let mut bob = house.with_passkey(BOB, &mut Device::new()).await;
    let theirs = house.passkeys(ADA).await[0].clone();
    let body = json!({ "passkey_id": theirs.id, "name": "mine now" });
    for path in [RENAME, REMOVE] {
        let answer = bob.post_json(path, &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(house.passkeys(ADA).await[0], theirs);
    // The form of one passkey does nothing to another.
    house.clock.advance(Duration::from_secs(1));
    ada.add_passkey(&mut Device::new()).await;
    let context = ada.context(PASSKEYS).await;
    let token = context["passkeys"][1]["remove_token"]
        .as_str()
        .expect("token");
    let fields = [("passkey_id", theirs.id.as_str()), ("form_token", token)];
    assert_ne!(context["passkeys"][1]["id"], theirs.id.as_str());
    assert_eq!(
        ada.post(REMOVE, &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(house.passkeys(ADA).await.len(), 2);
}

#[tokio::test]
async fn threat_52_the_last_way_in_stays() {
    let house = House::new();
    let mut browser = house.without_password(ADA).await;
    let (mut first, mut second) = (Device::new(), Device::new());
    browser.add_passkey(&mut first).await;
    let answer = browser
        .post_json(
            REMOVE,
            &json!({ "passkey_id": house.passkeys(ADA).await[0].id }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["code"], "last_way_in");
    assert!(!browser.get(PASSKEYS).await.body.contains("id=\"remove-"));
    browser.add_passkey(&mut second).await;
    let answer = act(&mut browser, REMOVE, 0, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(house.passkeys(ADA).await.len(), 1);
    // With a password it is one way of two.
    let user = house.user_id(ADA).await;
    house
        .wing
        .set_password(&user, PASSWORD.into(), true)
        .await
        .expect("password");
    let mut browser = house.known(ADA, SEVERAL).await;
    let answer = act(&mut browser, REMOVE, 0, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(house.passkeys(ADA).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_52_removals_at_once_leave_a_way_in() {
    let house: &'static House = Box::leak(Box::new(House::new()));
    for round in 0..8 {
        let email = format!("ada{round}@example.com");
        let mut browser = house.without_password(&email).await;
        for _ in 0..4 {
            browser.add_passkey(&mut Device::new()).await;
        }
        let mut tasks = tokio::task::JoinSet::new();
        for passkey in house.passkeys(&email).await {
            let mut tab = house.browser();
            tab.cookies = browser.cookies.clone();
            let body = json!({ "passkey_id": passkey.id });
            tasks.spawn(async move { tab.post_json(REMOVE, &body).await.status });
        }
        for status in tasks.join_all().await {
            assert!(
                matches!(status, StatusCode::OK | StatusCode::CONFLICT),
                "{status}"
            );
        }
        assert!(!house.passkeys(&email).await.is_empty());
    }
}

#[tokio::test]
async fn ten_are_enough_and_each_credential_counts_once() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let begun = browser.begin(PASSKEYS).await;
    let late = Device::new().create(ORIGIN, &begun["publicKey"]).await;
    for _ in 0..10 {
        let answer = browser.add_passkey(&mut Device::new()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let answer = browser
        .post_json("/auth/account/passkeys/begin", &json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.json()["code"], "too_many_passkeys");
    let answer = browser.finish(PASSKEYS, &begun, &late).await;
    assert_eq!(answer.json()["code"], "too_many_passkeys");
    assert_eq!(house.passkeys(ADA).await.len(), 10);
    assert!(browser.get(PASSKEYS).await.body.contains("id=\"too_many\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_registrations_at_once_ten_stand() {
    let house: &'static House = Box::leak(Box::new(House::new()));
    house.account(ADA).await;
    let mut browser = house.known(ADA, SEVERAL).await;
    let mut answers = Vec::new();
    for _ in 0..32 {
        let begun = browser.begin(PASSKEYS).await;
        let made = Device::new().create(ORIGIN, &begun["publicKey"]).await;
        answers.push((begun, made));
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (begun, made) in answers {
        let mut tab = house.browser();
        tab.cookies = browser.cookies.clone();
        tasks.spawn(async move { tab.finish(PASSKEYS, &begun, &made).await.status });
    }
    let statuses = tasks.join_all().await;
    let added = statuses.iter().filter(|status| **status == StatusCode::OK);
    assert_eq!(added.count(), 10, "{statuses:?}");
    assert_eq!(house.passkeys(ADA).await.len(), 10);
}

#[tokio::test]
async fn a_credential_registered_by_another_is_refused() {
    let house = House::new();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    house.account(BOB).await;
    let mut bob = house.signed_in(BOB).await;
    let begun = bob.begin(PASSKEYS).await;
    let mut own = Device::new();
    let mut made = own.create(ORIGIN, &begun["publicKey"]).await;
    // Nothing signs the credential id, so Bob can claim Ada's.
    let (mine, theirs) = (
        own.key.as_ref().expect("passkey").credential_id.to_vec(),
        device.key.as_ref().expect("passkey").credential_id.to_vec(),
    );
    let mut object = bytes_of(&made["response"]["attestationObject"]);
    let at = object
        .windows(mine.len())
        .position(|window| window == mine)
        .expect("id");
    object[at..at + mine.len()].copy_from_slice(&theirs);
    made["response"]["attestationObject"] = crate::ground::base64url(&object).into();
    let answer = bob.finish(PASSKEYS, &begun, &made).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.body);
    assert_eq!(answer.json()["code"], "passkey_exists");
    let answer = house.browser().passkey_sign_in(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "Ada's is still hers");
}
