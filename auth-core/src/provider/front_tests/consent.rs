//! The consent page and what it remembers.

use super::browser::Browser;
use super::house::rp_metadata;
use crate::services::Event;
use crate::store::ClientId;

#[tokio::test]
async fn the_page_says_who_asks_for_what_and_where_it_leads() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser
        .authorize_and_follow(&[("scope", "openid email offline_access reports:read")])
        .await;
    for text in [
        "Reports",
        "u1@example.com",
        "rp.example",
        "See your e-mail address",
        "Read your reports",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    assert!(
        !page.body.contains("Keep access while"),
        "said once, by the page's own words"
    );
}

#[tokio::test]
async fn threat_41_the_page_cannot_be_framed_and_its_form_may_end_at_the_client() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
    assert!(!policy.contains("form-action") && !policy.contains("script-src"));
    assert_eq!(page.headers["x-frame-options"], "DENY");
}

#[tokio::test]
async fn threat_18_markup_in_a_clients_name_is_text() {
    let mut browser = Browser::signed_in("u1").await;
    let mut metadata = rp_metadata();
    metadata["client_name"] = "<script>alert(1)</script>\"'".into();
    metadata["client_uri"] = "javascript:alert(2)".into();
    browser.house.add_client("odd", metadata, false).await;
    for prompt in ["consent", "select_account"] {
        let page = browser
            .authorize_and_follow(&[("client_id", "odd"), ("prompt", prompt)])
            .await;
        assert_eq!(page.status, 200);
        assert!(
            !page.body.contains("<script>") && !page.body.contains("javascript:"),
            "{}",
            page.body
        );
        assert!(page.body.contains("&lt;script&gt;"));
    }
}

#[tokio::test]
async fn denial_goes_to_the_client_and_is_not_remembered() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    let answer = browser.press(&page, "deny").await;
    assert_eq!(answer.error().as_deref(), Some("access_denied"));
    assert_eq!(answer.param("state").as_deref(), Some("st/ä te&=+"));
    assert!(
        browser
            .house
            .events
            .any(|event| matches!(event, Event::ConsentDenied { .. }))
    );
    assert!(browser.authorize_and_follow(&[]).await.is_consent());
}

#[tokio::test]
async fn consent_is_remembered_until_more_is_asked() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.press(&page, "allow").await;
    assert!(browser.authorize(&[]).await.param("code").is_some());
    assert!(
        browser
            .authorize(&[("scope", "openid")])
            .await
            .param("code")
            .is_some()
    );
    assert!(
        browser
            .authorize_and_follow(&[("prompt", "consent")])
            .await
            .is_consent()
    );
    let page = browser
        .authorize_and_follow(&[("scope", "openid profile email")])
        .await;
    assert!(page.is_consent() && page.body.contains("badge"));
    // Another person has not agreed to anything.
    browser.sign_in("u2");
    assert!(browser.authorize_and_follow(&[]).await.is_consent());
}

#[tokio::test]
async fn offline_access_is_asked_for_once_and_needs_refresh_tokens() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.press(&page, "allow").await;
    let offline = [("scope", "openid profile offline_access")];
    let page = browser.authorize_and_follow(&offline).await;
    assert!(page.is_consent());
    browser.press(&page, "allow").await;
    assert!(browser.authorize(&offline).await.param("code").is_some());
    browser
        .house
        .change_client("rp", |client| {
            client.metadata["grant_types"] = serde_json::json!(["authorization_code"]);
        })
        .await;
    let only = [("scope", "offline_access")];
    assert_eq!(
        browser.authorize(&only).await.error().as_deref(),
        Some("invalid_scope")
    );
}

#[tokio::test]
async fn a_revoked_consent_is_asked_for_again() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.press(&page, "allow").await;
    let now = browser.house.now();
    let grants = &browser.house.stores.grants;
    grants
        .revoke_consent("u1", &ClientId::new("rp"), now)
        .await
        .expect("store");
    assert!(browser.authorize_and_follow(&[]).await.is_consent());
}

#[tokio::test]
async fn a_first_party_client_is_asked_about_only_when_it_wants() {
    let mut browser = Browser::signed_in("u1").await;
    assert!(
        browser
            .authorize(&[("client_id", "own")])
            .await
            .param("code")
            .is_some()
    );
    let page = browser
        .authorize_and_follow(&[("client_id", "own"), ("prompt", "consent")])
        .await;
    assert!(page.is_consent());
}

#[tokio::test]
async fn a_native_app_that_could_be_another_is_asked_about_every_time() {
    let mut browser = Browser::signed_in("u1").await;
    for (uri, asks_again) in [
        ("http://127.0.0.1:51234/cb", true),
        ("com.example.desk:/cb", true),
        ("https://desk.example/cb", false),
    ] {
        let changes = [("client_id", "app"), ("redirect_uri", uri)];
        let page = browser.authorize_and_follow(&changes).await;
        if page.is_consent() {
            let answer = browser.press(&page, "allow").await;
            assert!(answer.location().expect("redirect").starts_with(uri));
        }
        assert_eq!(
            browser.authorize_and_follow(&changes).await.is_consent(),
            asks_again,
            "{uri}"
        );
        let silent = [changes[0], changes[1], ("prompt", "none")];
        let error = browser.authorize(&silent).await.error();
        assert_eq!(
            error.as_deref(),
            asks_again.then_some("consent_required"),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn threat_36_the_form_needs_its_token_and_its_site() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    let (secret, token) = (page.field("interaction"), page.field("form_token"));
    let form = [("interaction", secret.as_str()), ("decision", "allow")];
    let url = "/oauth/authorize/consent";
    assert!(browser.post(url, &form).await.is_error_page(403));
    let forged = [form[0], form[1], ("form_token", "a.b.c")];
    assert!(browser.post(url, &forged).await.is_error_page(403));
    // A token of another form of the same browser.
    let other = browser.authorize_and_follow(&[("state", "2")]).await;
    let swapped = [form[0], form[1], ("form_token", &other.field("form_token"))];
    assert!(browser.post(url, &swapped).await.is_error_page(403));
    let good = [form[0], form[1], ("form_token", token.as_str())];
    let headers = [("sec-fetch-site", "cross-site")];
    let body = super::browser::encode(&good);
    let answer = browser
        .send(http::Method::POST, url, Some(body), &headers)
        .await;
    assert!(answer.is_error_page(403));
    assert!(browser.post(url, &good).await.param("code").is_some());
}

#[tokio::test]
async fn another_persons_consent_form_is_refused() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.sign_in("u2");
    assert!(browser.press(&page, "allow").await.is_error_page(403));
    let consent = browser
        .house
        .stores
        .grants
        .consent("u2", &ClientId::new("rp"))
        .await;
    assert_eq!(consent.expect("store"), None);
    // The request itself still waits, for whoever is signed in.
    let resume = format!(
        "/oauth/authorize/resume?interaction={}",
        page.field("interaction")
    );
    let page = browser.get(&resume).await;
    assert!(page.body.contains("u2@example.com"));
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn signing_out_before_the_decision_leads_to_signing_in() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    browser.sign_out();
    let answer = browser.press(&page, "allow").await;
    let answer = browser.follow(answer).await;
    assert!(answer.is_sign_in());
    browser.sign_in("u1");
    let page = browser
        .get(&answer.param("return_to").expect("return_to"))
        .await;
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}

#[tokio::test]
async fn the_form_cannot_be_used_to_skip_a_sign_in_that_is_owed() {
    let mut browser = Browser::signed_in("u1").await;
    let answer = browser.authorize(&[("prompt", "login consent")]).await;
    let secret = answer
        .param("return_to")
        .expect("return_to")
        .split_once('=')
        .expect("secret")
        .1
        .to_owned();
    let body = format!(r#"{{"interaction":"{secret}","decision":"allow"}}"#);
    let headers = [
        ("content-type", "application/json"),
        ("origin", "https://op.example.com"),
    ];
    let url = "/oauth/authorize/consent";
    let answer = browser
        .send(http::Method::POST, url, Some(body), &headers)
        .await;
    assert_eq!(answer.param("code"), None);
    assert!(browser.follow(answer).await.is_sign_in());
}

#[tokio::test]
async fn a_form_without_a_decision_costs_nothing() {
    let mut browser = Browser::signed_in("u1").await;
    let page = browser.authorize_and_follow(&[]).await;
    for decision in ["", "maybe", "ALLOW"] {
        assert!(browser.press(&page, decision).await.is_error_page(400));
    }
    let headers = [("content-type", "text/plain")];
    let url = "/oauth/authorize/consent";
    let answer = browser
        .send(http::Method::POST, url, Some("x".into()), &headers)
        .await;
    assert!(answer.is_error_page(415));
    assert!(browser.press(&page, "allow").await.param("code").is_some());
}
