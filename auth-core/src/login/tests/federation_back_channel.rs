//! Logout tokens in numbers, forged ones, and keys that cannot be had.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::json;

use super::federation_kit::*;
use super::harness::*;
use crate::login::{Login, Upstream};
use crate::store::{SessionId, ThrottlePolicy, UpstreamSession};

const METADATA: &str = "/.well-known/openid-configuration";

/// An address may fail to sign in twice in a minute.
fn strict() -> Login {
    settings().address_throttle(ThrottlePolicy {
        limit: 2,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_hours(1),
    })
}

#[tokio::test]
async fn five_hundred_logouts_from_one_address_are_all_honoured() {
    let (house, there) = house_of(settings(), Upstream::trust_email).await;
    let (mut browser, sid) = enter(&house, &there, &ada()).await;
    // In a row.
    for number in 0..500 {
        let token = there.logout_token(CLIENT, None, Some(&format!("elsewhere-{number}")));
        let answer = house.tell_back(&token).await;
        assert_eq!(answer.status, StatusCode::OK, "{number}: {}", answer.body);
    }
    assert!(browser.is_signed_in().await);
    let token = there.logout_token(CLIENT, None, Some(&sid));
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    assert!(!browser.is_signed_in().await);
}

/// All of them under way while the first fetches the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_logouts_at_once_are_all_honoured() {
    let (house, there) = house_of(settings(), Upstream::trust_email).await;
    let house: &'static House = Box::leak(Box::new(house));
    let held = there.hold(METADATA);
    let coming = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..500 {
        let token = there.logout_token(CLIENT, None, Some(&format!("at-once-{number}")));
        let coming = coming.clone();
        tasks.spawn(async move {
            coming.fetch_add(1, Ordering::SeqCst);
            house.tell_back(&token).await.status
        });
    }
    there.reached(METADATA, 1).await;
    while coming.load(Ordering::SeqCst) < 500 {
        tokio::task::yield_now().await;
    }
    drop(held);
    assert_eq!(tasks.join_all().await, [StatusCode::OK; 500]);
}

#[tokio::test]
async fn threat_45_forged_logout_tokens_are_refused_after_the_limit() {
    let (house, there) = house_of(strict(), Upstream::trust_email).await;
    let honest = there.logout_token(CLIENT, None, Some("somewhere"));
    there.bend(|faults| faults.signature = true);
    let forged = there.logout_token(CLIENT, None, Some("somewhere"));
    there.straighten();
    let mut refused = 0;
    let locked = loop {
        let answer = house.tell_back(&forged).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        refused += 1;
        assert!(refused < 1000, "there is a limit");
    };
    assert!(refused > 50, "{refused}: one mistake locks nobody out");
    assert!(locked.headers.contains_key(RETRY_AFTER));
    // Nobody else is kept out by it, and the one who was is let in again as soon as it is over.
    let mut other = house.browser();
    other.address = "198.51.100.9".parse().expect("address");
    let answer = other.post(BACK, &[("logout_token", &honest)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    house.clock.advance(Duration::from_mins(1));
    let honest = there.logout_token(CLIENT, None, Some("somewhere"));
    assert_eq!(house.tell_back(&honest).await.status, StatusCode::OK);
    assert_eq!(there.hits("/keys"), 1);
}

/// What is refused, but is nobody's forgery, is not held against the address.
#[tokio::test]
async fn replays_and_old_tokens_do_not_lock_a_provider_out() {
    let (house, there) = house_of(strict(), Upstream::trust_email).await;
    let token = there.logout_token(CLIENT, None, Some("somewhere"));
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    // Again at once, and again when it has ended.
    for _ in 0..2 {
        for _ in 0..300 {
            let answer = house.tell_back(&token).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        }
        house.clock.advance(Duration::from_mins(4));
    }
    let next = there.logout_token(CLIENT, None, Some("somewhere"));
    assert_eq!(house.tell_back(&next).await.status, StatusCode::OK);
}

/// Key names that nobody has, while it cannot be searched for them yet: they are counted, and told to nobody.
#[tokio::test]
async fn threat_45_forged_logout_tokens_do_not_spend_the_search_of_sign_ins() {
    let (house, there) = house_of(strict(), Upstream::trust_email).await;
    enter(&house, &there, &ada()).await;
    assert_eq!(there.hits("/keys"), 1);
    house.clock.advance(Duration::from_secs(3));
    there.bend(|faults| faults.header = vec![("kid".to_owned(), Some(json!("made up")))]);
    let forged = there.logout_token(CLIENT, Some("ada-there"), None);
    there.straighten();
    let answer = house.tell_back(&forged).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "searched");
    house.clock.advance(Duration::from_secs(3));
    let mut unsearched = 0;
    let locked = loop {
        let answer = house.tell_back(&forged).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        unsearched += 1;
        assert!(unsearched < 1000, "there is a limit");
    };
    assert!(unsearched > 50, "{unsearched}");
    assert!(locked.headers.contains_key(RETRY_AFTER));
    assert_eq!(house.refusals().len(), 1, "the search alone");
    assert_eq!(there.hits("/keys"), 2, "one search");
    // The keys change just now, and who signs in need not wait for the next search at a logout.
    there.rotate_keys();
    enter(&house, &there, &ada()).await;
    assert_eq!(there.hits("/keys"), 3);
}

/// A provider that is down is not locked out for it, and strangers fill no log with it.
#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_told_of_once_in_a_while() {
    let (house, there) = house_of(strict(), Upstream::trust_email).await;
    there.bend(|faults| faults.down = true);
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    for told in 1..=2 {
        for _ in 0..300 {
            let answer = house.tell_back(&token).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        }
        assert_eq!(house.refusals().len(), told);
        house.clock.advance(Duration::from_secs(30));
    }
    there.straighten();
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn keys_that_cannot_be_had_at_a_logout_are_asked_for_later() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut browser, sid) = enter(&house, &there, &ada()).await;
    house.clock.advance(Duration::from_secs(3));
    there.rotate_keys();
    let token = there.logout_token(CLIENT, None, Some(&sid));
    there.bend(|faults| faults.down = true);
    for _ in 0..3 {
        let answer = house.tell_back(&token).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(RETRY_AFTER));
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
    }
    assert!(browser.is_signed_in().await);
    // Nothing was claimed: the same token counts once there are keys.
    there.straighten();
    house.clock.advance(Duration::from_secs(30));
    let answer = house.tell_back(&token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!browser.is_signed_in().await);
    assert_eq!(there.hits("/keys"), 2);
}

#[tokio::test]
async fn a_provider_that_was_never_heard_of_is_asked_for_later() {
    let (house, there) = house_with(Upstream::trust_email).await;
    there.bend(|faults| faults.down = true);
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    let answer = house.tell_back(&token).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key(RETRY_AFTER));
    there.straighten();
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    assert!(there.hits(METADATA) >= 2);
}

/// A logout that comes right behind a forged one, whose search was a moment ago, is not refused for good.
#[tokio::test]
async fn a_new_key_right_after_a_search_is_tried_again_later() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut browser, sid) = enter(&house, &there, &ada()).await;
    house.clock.advance(Duration::from_secs(3));
    there.bend(|faults| faults.header = vec![("kid".to_owned(), Some(json!("made up")))]);
    let forged = there.logout_token(CLIENT, None, Some(&sid));
    there.straighten();
    let answer = house.tell_back(&forged).await;
    assert_eq!(
        answer.status,
        StatusCode::BAD_REQUEST,
        "searched, not found"
    );
    house.clock.advance(Duration::from_secs(3));
    there.rotate_keys();
    let token = there.logout_token(CLIENT, None, Some(&sid));
    let answer = house.tell_back(&token).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(browser.is_signed_in().await);
    house.clock.advance(Duration::from_secs(30));
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    assert!(!browser.is_signed_in().await);
}

/// Two entries for one provider, of which one has a crowd signed in: a logout told to the other finds whom it is about.
#[tokio::test]
async fn a_logout_finds_its_session_behind_a_crowd_of_another_entry() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut browser, sid) = enter(&house, &there, &ada()).await;
    let id = SessionId::new(browser.session_id().await.expect("session"));
    let origins = &house.core.stores.upstream_sessions;
    let own = origins.upstream_session(&id).await.expect("store");
    let own = own.expect("origin");
    for number in 0..250 {
        let other = UpstreamSession {
            session_id: SessionId::new(format!("crowd-{number}")),
            upstream: "other".to_owned(),
            ..own.clone()
        };
        origins.put_upstream_session(&other).await.expect("store");
    }
    let token = there.logout_token(CLIENT, Some("ada-there"), Some(&sid));
    let answer = house.tell_back(&token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(!browser.is_signed_in().await);
    let crowd = origins.upstream_sessions("other", there.issuer(), None, None, 300);
    assert_eq!(crowd.await.expect("store").len(), 250);
}

/// The provider could not tell us at once, and tells us again when the person is back.
#[tokio::test]
async fn a_logout_that_is_told_late_leaves_newer_sign_ins_alone() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut before, _) = enter(&house, &there, &ada()).await;
    house.clock.advance(Duration::from_secs(30));
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    // Within what two clocks may differ by.
    house.clock.advance(Duration::from_secs(1));
    let (mut meanwhile, _) = enter(&house, &there, &ada()).await;
    house.clock.advance(Duration::from_secs(1));
    let (mut after, _) = enter(&house, &there, &ada()).await;
    // Many of them hide nobody.
    for _ in 0..120 {
        enter(&house, &there, &ada()).await;
    }
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    assert!(!before.is_signed_in().await && !meanwhile.is_signed_in().await);
    assert!(after.is_signed_in().await);
    let origins = &house.core.stores.upstream_sessions;
    let left = origins.upstream_sessions("corp", there.issuer(), Some("ada-there"), None, 300);
    assert_eq!(left.await.expect("store").len(), 121);
    // One that names the session means it, whenever it was issued.
    let mut browser = house.browser();
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, &ada()).expect("request");
    let token = there.logout_token(CLIENT, Some("ada-there"), response.sid.as_deref());
    house.clock.advance(Duration::from_secs(30));
    browser.come_back(&response).await;
    assert!(browser.is_signed_in().await);
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    assert!(!browser.is_signed_in().await && after.is_signed_in().await);
}
