//! A logout there that overtakes the sign-in it is about.

use std::time::Duration;

use http::StatusCode;

use super::factors::{addresses_unlimited, enrol};
use super::federation_kit::*;
use super::harness::*;
use crate::login::Upstream;
use crate::services::Event;
use crate::testkit::upstream::FakePerson;

/// By `sid`, or by `sub` alone.
fn named(sid: Option<&str>) -> (Option<&'static str>, Option<&str>) {
    match sid {
        Some(sid) => (None, Some(sid)),
        None => (Some("ada-there"), None),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logout_between_the_code_and_the_session_ends_the_session() {
    for by_sid in [true, false] {
        let (house, there) = house_with(Upstream::trust_email).await;
        let house: &'static House = Box::leak(Box::new(house));
        // So that the account is there already.
        enter(house, &there, &ada()).await;
        house.clock.advance(Duration::from_mins(1));
        let mut browser = house.browser();
        let url = browser.begin_with("corp").await;
        let response = there.authorize(&url, &ada()).expect("request");
        let sid = response.sid.clone().expect("sid");
        let before = there.hits("/userinfo");
        let held = there.hold("/userinfo");
        let coming = tokio::spawn(async move {
            let answer = browser.come_back(&response).await;
            (browser, answer)
        });
        there.reached("/userinfo", before + 1).await;
        let (subject, sid) = named(by_sid.then_some(&sid));
        let token = there.logout_token(CLIENT, subject, sid);
        assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
        drop(held);
        let (mut browser, answer) = coming.await.expect("answer");
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{by_sid}");
        assert!(browser.session_cookie().is_none());
        assert!(!browser.is_signed_in().await);
        let user = house.identity(&there, "ada-there").await.expect("linked");
        let sessions = house.core.stores.sessions.sessions_of(&user.user_id).await;
        assert!(sessions.expect("store").len() <= 1, "{by_sid}");
        // Who signs in there anew is let in.
        house.clock.advance(Duration::from_secs(1));
        let (mut again, _) = enter(house, &there, &ada()).await;
        assert!(again.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_logout_reaches_a_sign_in_that_waits_for_its_second_factor() {
    for by_sid in [true, false] {
        let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
        house.verified(ADA).await;
        let mut first = house.signed_in(ADA).await;
        let (app, _) = enrol(&house, &mut first).await;
        let mut browser = house.browser();
        let url = browser.begin_with("corp").await;
        let response = there.authorize(&url, &ada()).expect("request");
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/auth/second-factor");
        house.clock.advance(Duration::from_mins(9));
        let (subject, sid) = named(by_sid.then(|| response.sid.as_deref().expect("sid")));
        let token = there.logout_token(CLIENT, subject, sid);
        assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
        let code = app.next_code(&house);
        let answer = browser.give_code(&code).await;
        assert!(
            answer.location().starts_with("/auth/login"),
            "{}",
            answer.body
        );
        assert!(!browser.is_signed_in().await);
        let told = house.count(|e| matches!(e, Event::UpstreamLogout { .. }));
        assert_eq!(told, 1, "{by_sid}");
    }
}

#[tokio::test]
async fn a_logout_reaches_a_sign_in_that_asks_whether_to_make_an_account() {
    for by_sid in [true, false] {
        let (house, there) = house_with(|corp| corp).await;
        let mut browser = house.browser();
        let url = browser.begin_with("corp").await;
        let response = there.authorize(&url, &ada()).expect("request");
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/auth/link-first");
        house.clock.advance(Duration::from_mins(14));
        let (subject, sid) = named(by_sid.then(|| response.sid.as_deref().expect("sid")));
        let token = there.logout_token(CLIENT, subject, sid);
        assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
        browser.make_account().await;
        assert!(!browser.is_signed_in().await, "{by_sid}");
    }
}

#[tokio::test]
async fn a_logout_of_somebody_else_or_of_another_session_ends_nothing() {
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    let mut browser = house.browser();
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, &ada()).expect("request");
    browser.come_back(&response).await;
    let own = response.sid.expect("sid");
    for (subject, sid) in [
        (None, Some("another")),
        (Some("bob-there"), None),
        // The session of somebody else that happens to be called like this person, and the other way round.
        (None, Some("ada-there")),
        (Some(own.as_str()), None),
    ] {
        let token = there.logout_token(CLIENT, subject, sid);
        assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    }
    let code = app.next_code(&house);
    let answer = browser.give_code(&code).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    assert!(browser.is_signed_in().await);
}

/// A burst of logouts of one person, each of another second, and a sign-in from before the last.
#[tokio::test]
async fn the_last_of_many_logouts_counts() {
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    for _ in 0..5 {
        let token = there.logout_token(CLIENT, Some("ada-there"), None);
        assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
        house.clock.advance(Duration::from_secs(1));
    }
    let mut waiting = house.browser();
    waiting.sign_in_with("corp", &there, &ada()).await;
    let mut later = house.browser();
    house.clock.advance(Duration::from_secs(1));
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    house.clock.advance(Duration::from_secs(1));
    later.sign_in_with("corp", &there, &ada()).await;
    let code = app.next_code(&house);
    waiting.give_code(&code).await;
    assert!(!waiting.is_signed_in().await);
    let code = app.next_code(&house);
    let answer = later.give_code(&code).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    assert!(later.is_signed_in().await);
}

/// Whichever comes first: after a logout of everybody's sessions there, nobody who signed in there before is in.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_sign_ins_none_outlives_a_logout_that_comes_meanwhile() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let house: &'static House = Box::leak(Box::new(house));
    let mut ready = Vec::new();
    for _ in 0..32 {
        let mut browser = house.browser();
        let url = browser.begin_with("corp").await;
        let response = there.authorize(&url, &ada()).expect("request");
        ready.push((browser, response));
    }
    let tokens: Vec<_> = (0..8)
        .map(|_| there.logout_token(CLIENT, Some("ada-there"), None))
        .collect();
    let mut logouts = tokio::task::JoinSet::new();
    let mut tasks = tokio::task::JoinSet::new();
    for (at, (mut browser, response)) in ready.into_iter().enumerate() {
        tasks.spawn(async move {
            browser.come_back(&response).await;
            browser
        });
        if at % 4 == 0 {
            let token = tokens[at / 4].clone();
            logouts.spawn(async move { house.tell_back(&token).await.status });
        }
    }
    assert_eq!(logouts.join_all().await, [StatusCode::OK; 8]);
    for mut browser in tasks.join_all().await {
        assert!(!browser.is_signed_in().await);
    }
    let bob = FakePerson::new("bob-there").email(BOB, true);
    let (mut bob, _) = enter(house, &there, &bob).await;
    assert!(bob.is_signed_in().await);
}
