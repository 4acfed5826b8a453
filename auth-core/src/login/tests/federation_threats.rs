//! Attacks on the way to another provider and back.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::email_kit::unlimited;
use super::federation_kit::*;
use super::harness::*;
use crate::login::Upstream;
use crate::services::{Event, SignInFailure};
use crate::testkit::upstream::FakePerson;

#[tokio::test]
async fn threat_36_the_state_of_another_browser_signs_nobody_in() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut mallory = house.browser();
    let url = mallory.begin_with("corp").await;
    let response = there
        .authorize(&url, &FakePerson::new("mallory"))
        .expect("request");
    let mut victim = house.browser();
    for has_own in [false, true] {
        if has_own {
            victim.begin_with("corp").await;
        }
        let answer = victim.come_back(&response).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.body.contains("id=\"retry\"") && answer.body.contains("id=\"login\""));
        assert!(!victim.is_signed_in().await);
    }
    assert_eq!(house.refusals(), ["attempt_lost", "attempt_lost"]);
    assert_eq!(there.hits("/token"), 0, "the code was not even redeemed");
    // Without any state, as without a cookie.
    for path in [
        "/auth/callback/corp",
        "/auth/callback/corp?code=1",
        "/auth/callback/corp?state=&code=1",
    ] {
        let answer = victim.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    // The cookie of another browser under another name does not open.
    let (name, value) = mallory
        .cookies
        .iter()
        .find(|(name, _)| name.contains("attempt"))
        .expect("cookie");
    let renamed = format!("{}0", &name[..name.len() - 1]);
    if renamed != *name {
        victim.cookies.insert(renamed, value.clone());
        let answer = victim.come_back(&response).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn threat_37_an_answer_of_one_provider_is_none_of_another() {
    let clock = House::midday();
    let (one, two) = (provider(&clock).await, provider(&clock).await);
    let upstreams = [
        upstream("one", &one).trust_email(),
        upstream("two", &two).trust_email(),
    ];
    let house = house_at(clock, unlimited(settings()).sign_in_with(upstreams));
    let mut browser = house.browser();
    // At the other's callback.
    let url = browser.begin_with("one").await;
    let response = one.authorize(&url, &ada()).expect("request");
    let moved = response
        .path_and_query()
        .replace("/callback/one", "/callback/two");
    let answer = browser.get(&moved).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.refusals(), ["attempt_lost"]);
    // At the right callback, named by another (RFC 9207).
    let issuer = two.issuer().to_owned();
    one.bend(|faults| faults.response.push(("iss".to_owned(), Some(issuer))));
    let answer = browser.sign_in_with("one", &one, &ada()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    assert_eq!((one.hits("/token"), two.hits("/token")), (0, 0));
    assert!(!browser.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_32_answers_at_once_one_is_redeemed() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let house: &'static House = Box::leak(Box::new(house));
    let mut browser = house.browser();
    let url = browser.begin_with("corp").await;
    let response = Arc::new(there.authorize(&url, &ada()).expect("request"));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let mut tab = house.browser();
        tab.cookies = browser.cookies.clone();
        let response = response.clone();
        tasks.spawn(async move { tab.come_back(&response).await.status });
    }
    let statuses = tasks.join_all().await;
    let through = statuses
        .iter()
        .filter(|status| **status == StatusCode::SEE_OTHER);
    assert_eq!(through.count(), 1, "{statuses:?}");
    assert_eq!(there.hits("/token"), 1);
    assert_eq!(house.count(|e| matches!(e, Event::SignedIn { .. })), 1);
    // Nor later, with the cookie kept: by the back button.
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("was used already"));
}

#[tokio::test]
async fn threat_26_the_session_changes_at_the_callback() {
    let (house, there) = house_with(Upstream::trust_email).await;
    house.account(BOB).await;
    let mut browser = house.signed_in(BOB).await;
    let (cookie, id) = (
        browser.session_cookie().map(str::to_owned),
        browser.session_id().await,
    );
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_ne!(browser.session_cookie().map(str::to_owned), cookie);
    assert_ne!(browser.session_id().await, id);
    // Also where the same person signs in again.
    let cookie = browser.session_cookie().map(str::to_owned);
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_ne!(browser.session_cookie().map(str::to_owned), cookie);
    // Whoever plants a session's cookie beforehand does not hold the one that follows.
    let mut planted = house.browser();
    let value = "A".repeat(43);
    planted
        .cookies
        .insert(SESSION_COOKIE.to_owned(), value.clone());
    planted.sign_in_with("corp", &there, &ada()).await;
    assert_ne!(planted.session_cookie(), Some(value.as_str()));
}

#[tokio::test]
async fn threat_03_the_way_back_stays_on_the_site() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    for bad in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/%2f/evil.example",
        "/%09/evil.example",
        "/..//evil.example",
        "javascript:alert(1)",
    ] {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("return_to", bad)
            .finish();
        let answer = browser.get(&format!("/auth/login/with/corp?{query}")).await;
        let response = there.authorize(answer.location(), &ada()).expect("request");
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/", "{bad}");
    }
    // Nor does the provider say where to.
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, &ada()).expect("request");
    let path = format!("{}&return_to=//evil.example", response.path_and_query());
    assert_eq!(browser.get(&path).await.location(), "/");
}

#[tokio::test]
async fn nothing_that_the_provider_wrote_reaches_page_or_event() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let markup = "<script>alert(1)</script>";
    for error in [
        markup,
        "access_denied",
        "login_required",
        "server_error",
        "temporarily_unavailable",
    ] {
        there.bend(|faults| {
            faults.response = vec![
                ("code".to_owned(), None),
                ("error".to_owned(), Some(error.to_owned())),
                ("error_description".to_owned(), Some(markup.to_owned())),
                (
                    "error_uri".to_owned(),
                    Some("javascript:alert(1)".to_owned()),
                ),
            ];
        });
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &ada()).await;
        assert!(
            answer.status.is_client_error() || answer.status == StatusCode::SERVICE_UNAVAILABLE
        );
        assert!(!answer.body.contains("alert(1)"), "{}", answer.body);
        assert!(answer.body.contains("id=\"error\""));
        assert!(!browser.is_signed_in().await);
        let events = serde_json::to_string(&house.events()).expect("JSON");
        assert!(!events.contains("alert(1)"), "{events}");
    }
}

#[tokio::test]
async fn threat_18_names_from_there_are_text_here() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let person = ada()
        .claim("name", json!("<b>Ada</b>"))
        .claim("given_name", json!("Ada\r\nBcc: eve@example.com"));
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &person).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    let page = browser.get("/auth/account").await;
    assert!(!page.body.contains("<b>Ada</b>"));
    let user = browser.user_id().await.expect("user");
    assert_eq!(house.user_by(&user).await.claims.get("given_name"), None);
}

#[tokio::test]
async fn threat_14_a_disabled_account_stays_shut() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    house.wing.disable_user(&user).await.expect("disabled");
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!browser.is_signed_in().await);
    let shut = house.count(|event| {
        let reason = SignInFailure::Disabled;
        matches!(event, Event::SignInFailed { user: Some(own), reason: why } if *own == user && *why == reason)
    });
    assert_eq!(shut, 1);
    // Nor does its address lead to another.
    let twin = FakePerson::new("twin").email(ADA, true);
    let answer = browser.sign_in_with("corp", &there, &twin).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.count(|e| matches!(e, Event::Registered { .. })), 1);
}

#[tokio::test]
async fn what_arrives_is_never_a_server_error() {
    let (house, _there) = house_with(Upstream::trust_email).await;
    let long = "x".repeat(20_000);
    let mut browser = house.browser();
    browser.begin_with("corp").await;
    for path in [
        "/auth/callback/corp?state=a&state=b".to_owned(),
        format!("/auth/callback/corp?state={long}"),
        format!("/auth/callback/corp?response={long}"),
        "/auth/callback/corp?response=AAAA".to_owned(),
        "/auth/callback/corp?%ff=%fe".to_owned(),
        "/auth/frontchannel-logout/corp?iss=a&sid=b".to_owned(),
        "/auth/link-first".to_owned(),
    ] {
        let answer = browser.get(&path).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.status);
    }
    for path in [
        "/auth/callback/corp",
        "/auth/backchannel-logout/corp",
        "/auth/link-first",
    ] {
        for fields in [
            &[][..],
            &[("state", "a"), ("state", "b")],
            &[("logout_token", long.as_str())],
        ] {
            let answer = browser.post(path, fields).await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.status);
        }
    }
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn failures_are_counted_by_address() {
    let login = settings();
    let (house, there) = house_of(login, Upstream::trust_email).await;
    there.bend(|faults| faults.signature = true);
    let mut browser = house.browser();
    for _ in 0..10 {
        let answer = browser.sign_in_with("corp", &there, &ada()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    }
    let hits = there.hits("/token");
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(there.hits("/token"), hits);
}
