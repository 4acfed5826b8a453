//! What fails on our side: the client gets the protocol's error, the person a page, nobody the cause.

use super::browser::{Browser, request_params};

fn fail(browser: &Browser, how: Option<&'static str>) {
    *browser.house.accounts.failure.lock().expect("lock") = how;
}

#[tokio::test]
async fn a_failing_account_resolver_is_the_clients_to_know() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    for (how, error) in [
        ("unavailable", "temporarily_unavailable"),
        ("failed", "server_error"),
    ] {
        fail(&browser, Some(how));
        let resume = format!(
            "/oauth/authorize/resume?interaction={}",
            page.field("interaction")
        );
        for answer in [
            browser.authorize(&[]).await,
            browser.get(&resume).await,
            browser.press(&page, "allow").await,
        ] {
            assert_eq!(answer.error().as_deref(), Some(error));
            assert!(answer.param("state").is_some() && answer.param("iss").is_some());
            assert!(!answer.location().expect("redirect").contains("secret"));
        }
    }
    fail(&browser, None);
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn pages_without_a_client_answer_503_or_500() {
    let mut browser = Browser::signed_in("u1").await;
    for (how, status) in [("unavailable", 503), ("failed", 500)] {
        fail(&browser, Some(how));
        for path in ["/oauth/grants", "/oauth/logout"] {
            let answer = browser.get(path).await;
            assert!(answer.is_error_page(status), "{path} {how}");
            assert!(!answer.body.contains("secret cause"));
        }
    }
    fail(&browser, None);
    assert!(browser.is_signed_in());
}

#[tokio::test]
async fn a_store_outage_is_temporary_and_loses_nothing() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.house.set_outage(true);
    for changes in [&[][..], &[("client_id", "own")], &[("prompt", "login")]] {
        let answer = browser.authorize(changes).await;
        assert_eq!(
            answer.error().as_deref(),
            Some("temporarily_unavailable"),
            "{changes:?}"
        );
    }
    let answer = browser
        .post_from_elsewhere("/oauth/authorize", &request_params(&[]))
        .await;
    assert_eq!(answer.error().as_deref(), Some("temporarily_unavailable"));
    // An interaction that cannot be read names no client to tell.
    let resume = format!(
        "/oauth/authorize/resume?interaction={}",
        page.field("interaction")
    );
    let answer = browser.get(&resume).await;
    assert!(answer.is_error_page(503));
    assert_eq!(answer.headers["retry-after"], "5");
    assert!(browser.press(&page, "allow").await.is_error_page(503));
    assert!(browser.get("/oauth/logout").await.is_error_page(503));
    browser.house.set_outage(false);
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn a_registry_outage_is_a_page() {
    let mut browser = Browser::signed_in("u1").await;
    assert!(
        browser
            .authorize(&[("client_id", "unreadable")])
            .await
            .is_error_page(503)
    );
}
