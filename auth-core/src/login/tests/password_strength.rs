//! What a page's own meter asks.

use http::StatusCode;
use serde_json::{Value, json};

use super::harness::*;

const PATH: &str = "/auth/password-strength";

async fn ask(browser: &mut Browser<'_>, body: Value) -> Value {
    let answer = browser.post_json(PATH, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

fn codes(answer: &Value) -> Vec<&str> {
    let advice = answer["advice"].as_array().expect("list");
    advice
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect()
}

#[tokio::test]
async fn a_weak_password_is_told_what_would_make_it_better() {
    let house = House::new();
    let mut browser = house.browser();
    let weak = ask(&mut browser, json!({ "password": "abcabcabcabcabcabc" })).await;
    assert_eq!(weak["acceptable"], false);
    assert_eq!(weak["refused"]["code"], "password_guessable");
    assert!(weak["score"].as_u64().expect("score") < 2);
    assert!(codes(&weak).contains(&"avoid_repetition"), "{weak}");
    let text = weak["advice"][0]["text"].as_str().expect("text");
    assert!(text.ends_with('.'), "{text}");
    let strong = ask(&mut browser, json!({ "password": PASSWORD })).await;
    let expected = json!({ "score": 4, "acceptable": true, "refused": null, "advice": [] });
    assert_eq!(strong, expected);
    let short = ask(&mut browser, json!({ "password": "xk7#q" })).await;
    assert_eq!(short["refused"]["code"], "password_too_short");
}

#[tokio::test]
async fn what_is_known_of_the_person_counts_against_it() {
    let house = House::new();
    let mut browser = house.browser();
    let password = "lovelace enchantress";
    let stranger = ask(&mut browser, json!({ "password": password })).await;
    let body = json!({
        "password": password,
        "username": "enchantress",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
    });
    let own = ask(&mut browser, body).await;
    assert_eq!(
        (&stranger["acceptable"], &own["acceptable"]),
        (&true.into(), &false.into())
    );
    assert_eq!(own["refused"]["code"], "password_personal");
}

#[tokio::test]
async fn it_is_counted_by_address_and_asked_by_this_site_alone() {
    let house = House::new();
    let mut browser = house.browser();
    browser.extra = vec![("sec-fetch-site", "cross-site".to_owned())];
    let body = json!({ "password": "abc" });
    let answer = browser.post_json(PATH, &body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let mut asked = 0;
    while browser.post_json(PATH, &body).await.status == StatusCode::OK {
        asked += 1;
        assert!(asked < 2_000, "without end");
    }
    let answer = browser.post_json(PATH, &body).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    // Signing in and registering have counters of their own.
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    assert_eq!(
        browser.register(BOB, PASSWORD).await.status,
        StatusCode::SEE_OTHER
    );
}
