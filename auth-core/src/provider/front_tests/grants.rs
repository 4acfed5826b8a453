//! The page of grants.

use super::browser::Browser;
use super::house::House;
use crate::services::Event;
use crate::store::ClientId;

const PAGE: &str = "/oauth/grants";
const REVOKE: &str = "/oauth/grants/revoke";

async fn with_consent() -> Browser {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.press(&page, "allow").await;
    browser
}

#[tokio::test]
async fn lists_and_revokes() {
    let mut browser = with_consent().await;
    let code = browser.authorize(&[]).await.param("code").expect("code");
    let page = browser.get(PAGE).await;
    assert!(page.body.contains("id=\"revoke-rp\"") && page.body.contains("Reports"));
    assert!(
        page.body.contains("See your name and profile") && !page.body.contains("id=\"notice\"")
    );
    let form = [
        ("client_id", "rp"),
        ("form_token", &page.field("form_token")),
    ];
    let answer = browser.post(REVOKE, &form).await;
    assert_eq!(
        (answer.status.as_u16(), answer.location().as_deref()),
        (303, Some("/oauth/grants?revoked=1"))
    );
    let page = browser.get(&answer.location().expect("redirect")).await;
    assert!(page.body.contains("id=\"notice\"") && !page.body.contains("revoke-rp"));
    assert!(
        browser
            .house
            .events
            .any(|event| matches!(event, Event::ConsentRevoked { .. }))
    );
    // The grant ended with it: a code issued before gives nothing, and the next request asks.
    assert_ne!(browser.redeem("rp", &code).await.status, 200);
    assert!(browser.authorize_and_follow(&[]).await.is_consent());
    // Again is no error, and no event.
    assert_eq!(browser.post(REVOKE, &form).await.status, 303);
    assert_eq!(
        browser
            .house
            .events
            .count(|event| matches!(event, Event::ConsentRevoked { .. })),
        1
    );
}

#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_and_back() {
    let house = House::open().await;
    let mut browser = Browser::new(&house, "s1");
    let answer = browser.get(PAGE).await;
    assert!(answer.is_sign_in());
    assert_eq!(answer.param("return_to").as_deref(), Some(PAGE));
    let answer = browser.post(REVOKE, &[("client_id", "rp")]).await;
    assert!(answer.is_sign_in());
}

#[tokio::test]
async fn threat_36_revoking_needs_the_persons_own_form() {
    let mut browser = with_consent().await;
    let page = browser.get(PAGE).await;
    let token = page.field("form_token");
    assert!(
        browser
            .post(REVOKE, &[("client_id", "rp")])
            .await
            .is_error_page(403)
    );
    let other = [("client_id", "own"), ("form_token", token.as_str())];
    assert!(browser.post(REVOKE, &other).await.is_error_page(403));
    assert!(
        browser
            .post(REVOKE, &[("form_token", &token)])
            .await
            .is_error_page(400)
    );
    let form = [("client_id", "rp"), ("form_token", token.as_str())];
    let headers = [("origin", "https://evil.example")];
    let body = super::browser::encode(&form);
    let answer = browser
        .send(http::Method::POST, REVOKE, Some(body), &headers)
        .await;
    assert!(answer.is_error_page(403));
    browser.sign_in("u2");
    assert!(browser.post(REVOKE, &form).await.is_error_page(403));
    let consent = browser
        .house
        .stores
        .grants
        .consent("u1", &ClientId::new("rp"))
        .await;
    assert!(consent.expect("store").is_some());
}

#[tokio::test]
async fn a_deleted_client_can_still_be_revoked() {
    let mut browser = with_consent().await;
    browser
        .house
        .stores
        .clients
        .delete_client(&ClientId::new("rp"))
        .await
        .expect("deleted");
    let page = browser.get(PAGE).await;
    assert!(page.body.contains("id=\"revoke-rp\""));
    let form = [
        ("client_id", "rp"),
        ("form_token", &page.field("form_token")),
    ];
    assert_eq!(browser.post(REVOKE, &form).await.status, 303);
}

#[tokio::test]
async fn a_program_gets_json() {
    let mut browser = with_consent().await;
    browser.accept = "application/json";
    let page = browser.get(PAGE).await.json();
    let row = &page["context"]["grants"][0];
    assert_eq!(
        (row["client_id"].as_str(), row["scopes"][0]["name"].as_str()),
        (Some("rp"), Some("openid"))
    );
    let form = [
        ("client_id", "rp"),
        ("form_token", row["form_token"].as_str().expect("token")),
    ];
    let answer = browser.post(REVOKE, &form).await;
    assert_eq!(answer.json()["redirect_to"], "/oauth/grants?revoked=1");
}
