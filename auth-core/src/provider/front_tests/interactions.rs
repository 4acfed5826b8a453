//! Requests laid aside: bound to a browser, independent of each other, decided once.

use std::time::Duration;

use http::{Method, Request};

use super::browser::{Answer, Browser, encode, handle};
use crate::services::Event;

const STATES: [(&str, &str); 2] = [("state", "first"), ("state", "second")];

/// Sends one request many times at once. All have read what is stored before the first spends it.
async fn race(browser: &Browser, method: Method, url: &str, body: &str) -> Vec<Answer> {
    const RACERS: usize = 40;
    let cookies: Vec<_> = browser
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    browser.house.set_gate(RACERS);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..RACERS {
        let request = Request::builder()
            .method(method.clone())
            .uri(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookies.join("; "))
            .body(body.to_owned())
            .expect("request");
        let house = browser.house.clone();
        tasks.spawn(async move { handle(&house, request).await });
    }
    let answers = tasks.join_all().await;
    let pages = answers
        .iter()
        .filter(|answer| answer.is_error_page(400))
        .count();
    assert_eq!(pages, RACERS - 1, "all but one are told that it is over");
    answers
}

fn decision(page: &Answer, decision: &str) -> String {
    encode(&[
        ("form_token", &page.field("form_token")),
        ("interaction", &page.field("interaction")),
        ("decision", decision),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_12_of_many_decisions_at_once_one_gives_a_code() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    let body = decision(&page, "allow");
    let answers = race(&browser, Method::POST, "/oauth/authorize/consent", &body).await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.param("code").is_some())
            .count(),
        1
    );
    let issued = |event: &Event| matches!(event, Event::CodeIssued { .. });
    assert_eq!(browser.house.events.count(issued), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_12_of_many_choices_at_once_one_goes_on() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser
        .authorize_and_follow(&[("prompt", "select_account")])
        .await;
    let body = decision(&page, "continue");
    let answers = race(&browser, Method::POST, "/oauth/authorize/account", &body).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 303).count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_12_of_many_resumptions_at_once_one_gives_a_code() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser
        .authorize(&[("client_id", "own"), ("prompt", "login")])
        .await;
    let resume = answer.param("return_to").expect("return_to");
    browser.house.advance(5);
    browser.sign_in("u1");
    let answers = race(&browser, Method::GET, &resume, "").await;
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.param("code").is_some())
            .count(),
        1
    );
}

#[tokio::test]
async fn threat_32_two_tabs_of_one_browser_do_not_break_each_other() {
    let mut browser = Browser::signed_in("u1").await;
    let first = browser.authorize_and_follow(&STATES[..1]).await;
    let second = browser.authorize_and_follow(&STATES[1..]).await;
    assert_ne!(first.field("interaction"), second.field("interaction"));
    for (page, (_, state)) in [(second, STATES[1]), (first, STATES[0])] {
        let answer = browser.press(&page, "allow").await;
        assert!(answer.param("code").is_some());
        assert_eq!(answer.param("state").as_deref(), Some(state));
    }
}

#[tokio::test]
async fn threat_32_two_clients_in_one_browser_do_not_break_each_other() {
    let mut browser = Browser::signed_in("u1").await;
    let desk = [
        ("client_id", "app"),
        ("redirect_uri", "https://desk.example/cb"),
    ];
    let first = browser.authorize(&[("prompt", "login")]).await;
    let second = browser
        .authorize(&[desk[0], desk[1], ("prompt", "login")])
        .await;
    browser.house.advance(5);
    browser.sign_in("u1");
    for (answer, home) in [
        (first, "https://rp.example/"),
        (second, "https://desk.example/"),
    ] {
        let page = browser
            .get(&answer.param("return_to").expect("return_to"))
            .await;
        let answer = browser.press(&page, "allow").await;
        assert!(answer.location().expect("redirect").starts_with(home));
    }
}

#[tokio::test]
async fn threat_36_an_interaction_in_another_browser_gets_a_page() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser.authorize(&[]).await;
    let resume = answer.location().expect("redirect");
    let page = browser.get(&resume).await;
    let mut victim = Browser::new(&browser.house, "s2");
    victim.sign_in("u2");
    // Without a name, with another name, and with the other browser's form.
    assert!(victim.get(&resume).await.is_error_page(403));
    victim.authorize(&[]).await;
    assert!(victim.get(&resume).await.is_error_page(403));
    assert!(victim.press(&page, "allow").await.is_error_page(403));
    // None of it cost the owner anything.
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn the_back_button_after_completion_gets_a_page() {
    let mut browser = Browser::signed_in("u1").await;
    let resume = browser.authorize(&[]).await.location().expect("redirect");
    let page = browser.get(&resume).await;
    assert!(browser.press(&page, "allow").await.param("code").is_some());
    for answer in [
        browser.get(&resume).await,
        browser.press(&page, "allow").await,
        browser.press(&page, "deny").await,
    ] {
        assert!(answer.is_error_page(400));
        assert!(answer.body.contains("start again"));
    }
}

#[tokio::test]
async fn an_expired_or_invented_interaction_gets_a_page() {
    let mut browser = Browser::signed_in("u1").await;
    let resume = browser.authorize(&[]).await.location().expect("redirect");
    let page = browser.get(&resume).await;
    browser.house.clock.advance(Duration::from_mins(30));
    assert!(browser.get(&resume).await.is_error_page(400));
    assert!(browser.press(&page, "allow").await.is_error_page(400));
    for query in [
        "",
        "?interaction=",
        "?interaction=x",
        "?interaction=%00",
        "?x=1",
    ] {
        let answer = browser
            .get(&format!("/oauth/authorize/resume{query}"))
            .await;
        assert!(answer.is_error_page(400), "{query}");
    }
}

#[tokio::test]
async fn choosing_an_account_does_not_make_a_request_live_longer() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser
        .authorize_and_follow(&[("prompt", "select_account")])
        .await;
    browser.house.clock.advance(Duration::from_mins(20));
    let resume = browser
        .press(&page, "continue")
        .await
        .location()
        .expect("redirect");
    assert!(browser.get(&resume).await.is_consent());
    browser.house.clock.advance(Duration::from_mins(10));
    assert!(browser.get(&resume).await.is_error_page(400));
}

#[tokio::test]
async fn a_client_changed_meanwhile_is_judged_by_what_it_is_now() {
    let mut browser = Browser::signed_in("u1").await;
    let house = browser.house.clone();
    let page = browser.authorize_and_follow(&[]).await;
    house
        .change_client("rp", |client| {
            client.metadata["redirect_uris"] = serde_json::json!(["https://rp.example/new"]);
        })
        .await;
    assert!(browser.press(&page, "allow").await.is_error_page(400));
    let now = house.now();
    house
        .change_client("rp", |client| {
            client.metadata["redirect_uris"] = serde_json::json!([super::browser::CALLBACK]);
            client.disabled_at = Some(now);
        })
        .await;
    assert!(browser.press(&page, "allow").await.is_error_page(400));
    house
        .change_client("rp", |client| client.disabled_at = None)
        .await;
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn absurd_cookies_are_as_good_as_none() {
    let mut browser = Browser::signed_in("u1").await;
    let resume = browser.authorize(&[]).await.location().expect("redirect");
    for value in ["", "x", "\"quoted\"", &"a".repeat(4000), "%ff"] {
        browser
            .cookies
            .insert("__Host-auth_browser".into(), value.into());
        assert!(browser.get(&resume).await.is_error_page(403), "{value}");
    }
}
