//! The way a request goes when nothing is wrong with it.

use super::browser::{Browser, request_params};
use super::house::House;
use crate::services::Event;
use crate::store::OneTimeKind;

#[tokio::test]
async fn a_first_party_client_gets_its_code_without_a_page() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser.authorize(&[("client_id", "own")]).await;
    let location = answer.location().expect("redirect");
    assert!(
        location.starts_with("https://rp.example/cb?tenant=1&code="),
        "{location}"
    );
    assert_eq!(answer.param("state").as_deref(), Some("st/ä te&=+"));
    assert_eq!(
        answer.param("iss").as_deref(),
        Some("https://op.example.com")
    );
    let code = answer.param("code").expect("code");
    assert_eq!(browser.redeem("own", &code).await.status, 200);
    assert!(
        browser
            .house
            .events
            .any(|event| matches!(event, Event::CodeIssued { .. }))
    );
    // Nothing was laid aside for it, so no browser needed a name.
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn threat_40_answers_are_303_without_referrer_and_are_not_stored() {
    let mut browser = Browser::signed_in("u1").await;
    for changes in [[("client_id", "own")], [("response_type", "token")]] {
        let answer = browser.authorize(&changes).await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let page = browser.authorize_and_follow(&[]).await;
    assert_eq!(browser.press(&page, "allow").await.status, 303);
}

#[tokio::test]
async fn a_stranger_signs_in_consents_and_comes_back() {
    let house = House::open().await;
    let mut browser = Browser::new(&house, "s1");
    let answer = browser.authorize(&[("login_hint", "ada")]).await;
    assert!(answer.is_sign_in());
    assert_eq!(answer.param("login_hint").as_deref(), Some("ada"));
    assert_eq!(answer.param("reauthenticate").as_deref(), Some("false"));
    let return_to = answer.param("return_to").expect("return_to");
    assert!(return_to.starts_with("/oauth/authorize/resume?interaction="));
    house.advance(5);
    browser.sign_in("u1");
    let page = browser.get(&return_to).await;
    assert!(page.is_consent(), "{}", page.body);
    let answer = browser.press(&page, "allow").await;
    assert!(answer.param("code").is_some());
    assert!(
        house
            .events
            .any(|event| matches!(event, Event::ConsentGranted { .. }))
    );
}

#[tokio::test]
async fn form_post_puts_the_answer_in_a_form() {
    let mut browser = Browser::signed_in("u1").await;
    let mode = ("response_mode", "form_post");
    let answer = browser.authorize(&[("client_id", "own"), mode]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.action(), "https://rp.example/cb?tenant=1");
    assert_eq!(answer.field("state"), "st/ä te&=+");
    assert_eq!(answer.field("iss"), "https://op.example.com");
    assert_eq!(answer.field("code").len(), 43);
    let policy = answer.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("form-action"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"));
    let answer = browser.authorize(&[mode, ("response_type", "token")]).await;
    assert_eq!(answer.field("error"), "unsupported_response_type");
    assert_eq!(answer.field("state"), "st/ä te&=+");
}

#[tokio::test]
async fn form_post_survives_sign_in_and_consent() {
    let house = House::open().await;
    let mut browser = Browser::new(&house, "s1");
    let answer = browser.authorize(&[("response_mode", "form_post")]).await;
    browser.sign_in("u1");
    let page = browser
        .get(&answer.param("return_to").expect("return_to"))
        .await;
    let answer = browser.press(&page, "allow").await;
    assert_eq!(answer.action(), "https://rp.example/cb?tenant=1");
    assert_eq!(answer.field("code").len(), 43);
}

#[tokio::test]
async fn a_post_with_cookies_is_answered_at_once() {
    let mut browser = Browser::signed_in("u1").await;
    browser.authorize(&[("prompt", "consent")]).await;
    let form = request_params(&[("client_id", "own")]);
    let answer = browser.post("/oauth/authorize", &form).await;
    assert!(answer.param("code").is_some());
}

#[tokio::test]
async fn a_post_from_the_client_finds_the_session_that_lax_cookies_hide() {
    let mut browser = Browser::signed_in("u1").await;
    for prompt in ["none", ""] {
        let form = request_params(&[("client_id", "own"), ("prompt", prompt)]);
        let answer = browser.post_from_elsewhere("/oauth/authorize", &form).await;
        let answer = browser.follow(answer).await;
        assert!(
            answer.param("code").is_some(),
            "{prompt}: {:?}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn threat_32_a_post_from_the_client_leaves_the_browsers_name_alone() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    let form = request_params(&[("scope", "openid email")]);
    let other = browser.post_from_elsewhere("/oauth/authorize", &form).await;
    assert!(!other.headers.contains_key("set-cookie"));
    let other = browser.follow(other).await;
    assert!(other.is_consent());
    assert!(browser.press(&page, "allow").await.param("code").is_some());
    assert!(browser.press(&other, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn a_request_laid_aside_without_cookies_goes_on_once_and_takes_no_decision() {
    let mut browser = Browser::signed_in("u1").await;
    let form = request_params(&[("prompt", "none")]);
    let answer = browser.post_from_elsewhere("/oauth/authorize", &form).await;
    let resume = answer.location().expect("redirect");
    let secret = answer.param("interaction").expect("interaction");
    let body = format!(r#"{{"interaction":"{secret}","decision":"allow"}}"#);
    let headers = [
        ("content-type", "application/json"),
        ("origin", "https://op.example.com"),
    ];
    for path in ["/oauth/authorize/consent", "/oauth/authorize/account"] {
        let answer = browser
            .send(http::Method::POST, path, Some(body.clone()), &headers)
            .await;
        assert!(answer.is_error_page(400));
    }
    assert_eq!(
        browser.get(&resume).await.error().as_deref(),
        Some("consent_required")
    );
    assert!(browser.get(&resume).await.is_error_page(400));
}

#[tokio::test]
async fn a_program_gets_the_whole_flow_as_json() {
    let mut browser = Browser::signed_in("u1").await;
    browser.accept = "application/json";
    let answer = browser.authorize(&[]).await;
    assert_eq!(answer.status, 200);
    let resume = answer.json()["redirect_to"]
        .as_str()
        .expect("redirect_to")
        .to_owned();
    let page = browser.get(&resume).await.json();
    assert_eq!(page["page"], "consent");
    let context = &page["context"];
    assert_eq!(context["client"]["name"], "Reports");
    let body = serde_json::json!({ "interaction": context["interaction"], "decision": "allow" });
    let headers = [
        ("content-type", "application/json"),
        ("origin", "https://op.example.com"),
    ];
    let action = context["action"].as_str().expect("action");
    let answer = browser
        .send(http::Method::POST, action, Some(body.to_string()), &headers)
        .await;
    let to = answer.json()["redirect_to"]
        .as_str()
        .expect("redirect_to")
        .to_owned();
    assert!(
        to.starts_with("https://rp.example/cb?tenant=1&code="),
        "{to}"
    );
    let problem = browser.get(&resume).await;
    assert_eq!(
        (problem.status.as_u16(), problem.json()["code"].as_str()),
        (400, Some("interaction_gone"))
    );
    let answer = browser
        .authorize(&[("client_id", "own"), ("response_mode", "form_post")])
        .await;
    assert_eq!(answer.json()["page"], "form_post");
}

#[tokio::test]
async fn what_is_stored_is_sealed_under_a_digest() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser.authorize(&[]).await;
    let secret = answer.param("interaction").expect("interaction");
    let one_time = &browser.house.stores.one_time;
    let key = crate::ground::Digest32::of(&secret);
    let now = browser.house.now();
    let value = one_time
        .peek(OneTimeKind::Interaction, &key, now)
        .await
        .expect("store");
    let payload = String::from_utf8_lossy(&value.expect("stored").payload).into_owned();
    assert!(!payload.contains("rp.example") && !payload.contains("n-1"));
}
