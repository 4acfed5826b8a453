//! Devices spared the second factor.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::factors::*;
use super::harness::*;
use crate::services::Event;

/// A browser that was signed in with the box ticked, and is signed out again.
async fn trusted<'h>(house: &'h House, app: &App, email: &str) -> Browser<'h> {
    let mut browser = house.half_signed_in(email).await;
    let code = app.code(house);
    let fields = [("code", &*code), ("trust_device", "true")];
    let answer = browser.fill_in("/auth/second-factor", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(browser.cookies.contains_key(DEVICE_COOKIE));
    house.clock.advance(STEP);
    browser.fill_in("/auth/logout", &[]).await;
    assert!(!browser.is_signed_in().await);
    browser
}

async fn is_asked(browser: &mut Browser<'_>, email: &str, password: &str) -> bool {
    let answer = browser.sign_in(email, password).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.location() == "/auth/second-factor"
}

#[tokio::test]
async fn a_trusted_device_is_spared_for_thirty_days_and_says_one_factor() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = trusted(&house, &app, ADA).await;
    assert!(!is_asked(&mut browser, ADA, PASSWORD).await);
    let session = browser.session_facts().await;
    assert_eq!(
        (&session["amr"], &session["acr"]),
        (&json!(["pwd"]), &json!("1"))
    );
    // Without the box, or elsewhere, nothing is spared.
    assert!(is_asked(&mut house.browser(), ADA, PASSWORD).await);
    let mut plain = house.half_signed_in(ADA).await;
    plain.give_code(&app.code(&house)).await;
    assert!(!plain.cookies.contains_key(DEVICE_COOKIE));
    browser.fill_in("/auth/logout", &[]).await;
    house.clock.advance(Duration::from_hours(24 * 30));
    assert!(is_asked(&mut browser, ADA, PASSWORD).await);
}

#[tokio::test]
async fn a_device_is_trusted_for_its_user_alone() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    house.enrolled(BOB).await;
    let mut browser = trusted(&house, &app, ADA).await;
    assert!(is_asked(&mut browser, BOB, PASSWORD).await);
    let cookie = browser.cookies[DEVICE_COOKIE].clone();
    let (id, secret) = cookie.split_once('.').expect("pair");
    for bad in [
        format!("{id}.x"),
        format!("{id}."),
        id.to_owned(),
        format!("x.{secret}"),
    ] {
        let mut stranger = house.browser();
        stranger.cookies.insert(DEVICE_COOKIE.to_owned(), bad);
        assert!(is_asked(&mut stranger, ADA, PASSWORD).await);
    }
    let mut thief = house.browser();
    thief.cookies.insert(SESSION_COOKIE.to_owned(), cookie);
    assert!(!thief.is_signed_in().await, "it is no session");
}

#[tokio::test]
async fn a_change_of_password_or_enrolment_ends_the_trust() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = trusted(&house, &app, ADA).await;
    let id = crate::store::Identifier::Email(ADA.to_owned());
    let users = &house.core.stores.users;
    let user = users
        .credentials(&id)
        .await
        .expect("store")
        .expect("user")
        .0
        .id;
    // By the store alone, as by a tool that knows of no device: the digest does not fit any more.
    let old = users
        .password_hash(&user)
        .await
        .expect("store")
        .expect("hash");
    house
        .wing
        .set_password(&user, OTHER_PASSWORD.into(), true)
        .await
        .expect("set");
    assert!(is_asked(&mut browser, ADA, OTHER_PASSWORD).await);
    let now = house.core.clock.now();
    users
        .set_password(&user, None, &old, now)
        .await
        .expect("set");
    assert!(
        is_asked(&mut browser, ADA, PASSWORD).await,
        "and it was removed"
    );

    let mut browser = trusted(&house, &app, ADA).await;
    let mut other = house.half_signed_in(ADA).await;
    other.give_code(&app.code(&house)).await;
    let answer = other.post_json(&format!("{PAGE}/remove"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    house.clock.advance(STEP);
    enrol(&house, &mut other).await;
    assert!(is_asked(&mut browser, ADA, PASSWORD).await);
    let told = |event: &Event| matches!(event, Event::DevicesDistrusted { devices: 1, .. });
    assert!(house.events().iter().any(told));
}

#[tokio::test]
async fn the_digest_of_a_device_holds_its_password_and_enrolment() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = trusted(&house, &app, ADA).await;
    let id = crate::store::Identifier::Email(ADA.to_owned());
    let users = &house.core.stores.users;
    let (user, hash) = users.credentials(&id).await.expect("store").expect("user");
    // Nothing is removed: only the hash is another one, of the same password.
    let bob = house.account(BOB).await;
    let other = users
        .password_hash(&bob.id)
        .await
        .expect("store")
        .expect("hash");
    let now = house.core.clock.now();
    users
        .set_password(&user.id, None, &other, now)
        .await
        .expect("set");
    assert!(is_asked(&mut browser, ADA, PASSWORD).await);
    users
        .set_password(&user.id, None, &hash.expect("hash"), now)
        .await
        .expect("set");
    browser.cookies.remove(PENDING_COOKIE);
    assert!(!is_asked(&mut browser, ADA, PASSWORD).await);
}

#[tokio::test]
async fn devices_are_listed_and_forgotten_one_by_one_or_all() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    house.account(BOB).await;
    let mut one = trusted(&house, &app, ADA).await;
    let mut two = trusted(&house, &app, ADA).await;
    let mut three = trusted(&house, &app, ADA).await;
    assert!(!is_asked(&mut one, ADA, PASSWORD).await);
    let context = one.context(PAGE).await;
    let devices = context["devices"].as_array().expect("list");
    assert_eq!(devices.len(), 3);
    let current: Vec<_> = devices
        .iter()
        .map(|device| device["current"] == true)
        .collect();
    assert_eq!(current, [false, false, true], "newest first");
    let id = devices[1]["id"].as_str().expect("id");
    let token = devices[1]["form_token"].as_str().expect("token");
    // Another's browser forgets nothing of hers.
    let mut bob = house.signed_in(BOB).await;
    let path = format!("{PAGE}/devices/forget");
    let answer = bob.post_json(&path, &json!({ "device_id": id })).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let fields = [("device_id", id), ("form_token", token)];
    let answer = one.post(&path, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let page = one.get(answer.location()).await;
    assert!(
        page.body
            .contains("That device will be asked for a code again.")
    );
    assert!(is_asked(&mut two, ADA, PASSWORD).await);
    assert!(!is_asked(&mut three, ADA, PASSWORD).await);
    three.fill_in("/auth/logout", &[]).await;
    let path = format!("{PAGE}/devices/forget-all");
    let answer = one.post_json(&path, &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!one.cookies.contains_key(DEVICE_COOKIE));
    assert!(is_asked(&mut three, ADA, PASSWORD).await);
}

#[tokio::test]
async fn a_trusted_device_satisfies_no_step_up() {
    let house = House::with(addresses_unlimited());
    let (app, _) = house.enrolled(ADA).await;
    let mut browser = trusted(&house, &app, ADA).await;
    assert!(!is_asked(&mut browser, ADA, PASSWORD).await);
    // Signed in: to sign in once more is to confirm, and the second factor is asked for.
    assert!(is_asked(&mut browser, ADA, PASSWORD).await);
    browser.fill_in("/auth/logout", &[]).await;
    // So it is where a page or another app asks for two.
    let fields = [("email", ADA), ("password", PASSWORD)];
    let page = "/auth/login?factor=second";
    let shown = browser.get(page).await;
    assert!(
        shown.body.contains("action=\"/auth/login?factor=second\"")
            || shown.body.contains("factor&#x3d;second"),
        "{}",
        shown.body
    );
    let answer = browser.fill_in(page, &fields).await;
    assert_eq!(answer.location(), "/auth/second-factor");
}

#[tokio::test]
async fn where_no_device_is_trusted_there_is_no_box_and_no_cookie_counts() {
    let stores: crate::store::Stores = crate::store::MemoryStore::new().into();
    let on = House::build(addresses_unlimited(), stores.clone());
    let (app, _) = on.enrolled(ADA).await;
    let cookies = trusted(&on, &app, ADA).await.cookies.clone();
    let off = House::build(addresses_unlimited().trusted_devices(None), stores);
    off.clock.advance(STEP * 4);
    let mut browser = off.browser();
    browser.cookies = cookies;
    assert!(is_asked(&mut browser, ADA, PASSWORD).await);
    let page = browser.get("/auth/second-factor").await;
    assert!(!page.body.contains("trust_device"));
    browser.cookies.remove(DEVICE_COOKIE);
    let body = json!({ "code": app.code(&off), "trust_device": true });
    let answer = browser.post_json("/auth/second-factor", &body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!browser.cookies.contains_key(DEVICE_COOKIE));
}

#[tokio::test]
async fn a_password_set_by_mail_ends_the_trust() {
    let house = House::with(unlimited(mail_settings()));
    let user = house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    let users = &house.core.stores.users;
    let old = users.password_hash(&user.id).await.expect("store");
    let old = old.expect("hash");
    let mut browser = trusted(&house, &app, ADA).await;
    let mut phone = house.browser();
    house.mails().await;
    phone.forgot(ADA).await;
    let link = house.mail().await.path;
    let answer = phone.follow(&link, &[("new_password", OTHER_PASSWORD)]);
    assert_eq!(answer.await.location(), "/auth/login?reset=1");
    let told = |event: &Event| matches!(event, Event::DevicesDistrusted { devices: 1, .. });
    assert!(house.events().iter().any(told));
    assert!(is_asked(&mut browser, ADA, OTHER_PASSWORD).await);
    // Not by the digest alone, which names the password: the device is gone.
    let now = house.core.clock.now();
    let set = users.set_password(&user.id, None, &old, now);
    assert!(set.await.expect("store"));
    assert!(is_asked(&mut browser, ADA, PASSWORD).await);
}
