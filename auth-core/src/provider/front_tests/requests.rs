//! Bad authorization requests: each gets a page or the protocol's error, at the right place.

use super::browser::{Browser, CALLBACK, authorize_url, encode, request_params};
use super::house::rp_metadata;
use crate::services::Event;

const STATE: &str = "st/ä te&=+";

async fn browser() -> Browser {
    Browser::signed_in("u1").await
}

/// Asserts an error page, by GET and by POST.
async fn is_page(browser: &mut Browser, changes: &[(&str, &str)]) {
    let answer = browser.authorize(changes).await;
    assert!(
        answer.is_error_page(400),
        "{changes:?}: {} {}",
        answer.status,
        answer.body
    );
    let answer = browser
        .post("/oauth/authorize", &request_params(changes))
        .await;
    assert!(answer.is_error_page(400), "POST {changes:?}");
}

/// Asserts an error sent to the client with `state` and `iss`, by GET and by POST.
async fn is_sent(browser: &mut Browser, changes: &[(&str, &str)], error: &str) {
    let by_get = browser.authorize(changes).await;
    let by_post = browser
        .post("/oauth/authorize", &request_params(changes))
        .await;
    for answer in [by_get, by_post] {
        assert_eq!(answer.status, 303, "{changes:?}: {}", answer.body);
        let location = answer.location().expect("redirect");
        assert!(
            location.starts_with("https://rp.example/cb?tenant=1&error="),
            "{location}"
        );
        assert_eq!(
            answer.error().as_deref(),
            Some(error),
            "{changes:?} {location}"
        );
        assert_eq!(answer.param("state").as_deref(), Some(STATE), "{changes:?}");
        assert_eq!(
            answer.param("iss").as_deref(),
            Some("https://op.example.com")
        );
        assert!(answer.param("error_description").is_some() && answer.param("code").is_none());
    }
}

#[tokio::test]
async fn an_unknown_or_missing_client_gets_a_page() {
    let mut browser = browser().await;
    for id in ["nobody", "", "RP", "rp ", "r\u{0}p", &"x".repeat(600)] {
        is_page(&mut browser, &[("client_id", id)]).await;
    }
    assert!(browser.house.events.any(|event| matches!(
        event,
        Event::AuthorizationRefused {
            client: None,
            error: "unknown_client"
        }
    )));
}

#[tokio::test]
async fn a_disabled_client_gets_a_page() {
    let mut browser = browser().await;
    let now = browser.house.now();
    browser
        .house
        .change_client("rp", |client| client.disabled_at = Some(now))
        .await;
    is_page(&mut browser, &[]).await;
}

#[tokio::test]
async fn a_repeated_client_id_or_redirect_uri_gets_a_page() {
    let mut browser = browser().await;
    for name in [
        "client_id=rp",
        "redirect_uri=https://rp.example/cb",
        "client_id=",
    ] {
        let answer = browser.get(&format!("{}&{name}", authorize_url(&[]))).await;
        assert!(answer.is_error_page(400), "{name}");
    }
}

#[tokio::test]
async fn threat_39_a_redirect_uri_that_is_not_the_registered_one_gets_a_page() {
    let mut browser = browser().await;
    for uri in [
        "https://rp.example/cb",
        "https://rp.example/cb?tenant=1&x=2",
        "https://rp.example/cb?tenant=1#f",
        "https://rp.example/cb/?tenant=1",
        "https://RP.example/cb?tenant=1",
        "http://rp.example/cb?tenant=1",
        "https://u@rp.example/cb?tenant=1",
        "https://rp.example:443/cb?tenant=1",
        "https://evil.example/",
        "//rp.example/cb?tenant=1",
        "javascript:alert(1)",
        "https://rp.example/cb?tenant=1\n",
    ] {
        is_page(&mut browser, &[("redirect_uri", uri)]).await;
    }
}

#[tokio::test]
async fn a_missing_redirect_uri_is_filled_in_only_where_it_cannot_be_mistaken() {
    let mut browser = browser().await;
    is_page(&mut browser, &[("redirect_uri", "")]).await;
    let answer = browser
        .authorize_and_follow(&[
            ("redirect_uri", ""),
            ("scope", "profile"),
            ("client_id", "own"),
        ])
        .await;
    assert!(answer.location().expect("redirect").starts_with(CALLBACK));
    is_page(
        &mut browser,
        &[
            ("redirect_uri", ""),
            ("scope", "profile"),
            ("client_id", "app"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_registered_uri_that_a_browser_would_run_gets_a_page() {
    let mut browser = browser().await;
    let mut metadata = rp_metadata();
    metadata["redirect_uris"] =
        serde_json::json!(["javascript:alert(1)", "data:text/html,x", "no url"]);
    browser.house.add_client("odd", metadata, false).await;
    for uri in ["javascript:alert(1)", "data:text/html,x", "no url"] {
        is_page(&mut browser, &[("client_id", "odd"), ("redirect_uri", uri)]).await;
    }
}

#[tokio::test]
async fn unreadable_parameters_get_a_page() {
    let mut browser = browser().await;
    let answer = browser.get(&format!("{}&x=%ff", authorize_url(&[]))).await;
    assert!(answer.is_error_page(400));
    let many = format!("{}&{}", authorize_url(&[]), "a=1&".repeat(130));
    assert!(browser.get(&many).await.is_error_page(400));
    let headers = [("content-type", "application/json")];
    let answer = browser
        .send(
            http::Method::POST,
            "/oauth/authorize",
            Some("{}".into()),
            &headers,
        )
        .await;
    assert!(answer.is_error_page(415));
}

#[tokio::test]
async fn a_repeated_parameter_is_an_invalid_request() {
    let mut browser = browser().await;
    for extra in [
        "scope=openid",
        "nonce=2",
        "unknown=1&unknown=2",
        "code_challenge=",
        "response_type=code",
    ] {
        let answer = browser
            .get(&format!("{}&{extra}", authorize_url(&[])))
            .await;
        assert_eq!(
            answer.error().as_deref(),
            Some("invalid_request"),
            "{extra}"
        );
        assert_eq!(answer.param("state").as_deref(), Some(STATE));
    }
    for extra in ["state=2", "response_mode=query&response_mode=form_post"] {
        let answer = browser
            .get(&format!("{}&{extra}", authorize_url(&[])))
            .await;
        assert_eq!(
            answer.error().as_deref(),
            Some("invalid_request"),
            "{extra}"
        );
    }
}

#[tokio::test]
async fn threat_38_pkce_with_s256_is_required() {
    let mut browser = browser().await;
    is_sent(&mut browser, &[("code_challenge", "")], "invalid_request").await;
    is_sent(
        &mut browser,
        &[("code_challenge_method", "")],
        "invalid_request",
    )
    .await;
    is_sent(
        &mut browser,
        &[("code_challenge_method", "plain")],
        "invalid_request",
    )
    .await;
    is_sent(
        &mut browser,
        &[("code_challenge", "tooshort")],
        "invalid_request",
    )
    .await;
    let none = [
        ("code_challenge", ""),
        ("code_challenge_method", ""),
        ("client_id", "own"),
    ];
    is_sent(&mut browser, &none, "invalid_request").await;
}

#[tokio::test]
async fn response_type_is_code_alone() {
    let mut browser = browser().await;
    is_sent(&mut browser, &[("response_type", "")], "invalid_request").await;
    for other in ["none", "Code", "code code", "code none"] {
        is_sent(
            &mut browser,
            &[("response_type", other)],
            "unsupported_response_type",
        )
        .await;
    }
    let mut metadata = rp_metadata();
    metadata["grant_types"] = serde_json::json!(["client_credentials"]);
    browser.house.add_client("machine", metadata, false).await;
    is_sent(
        &mut browser,
        &[("client_id", "machine")],
        "unauthorized_client",
    )
    .await;
    let mut metadata = rp_metadata();
    metadata["response_types"] = serde_json::json!(["id_token"]);
    browser.house.add_client("implicit", metadata, false).await;
    is_sent(
        &mut browser,
        &[("client_id", "implicit")],
        "unauthorized_client",
    )
    .await;
}

#[tokio::test]
async fn response_mode_is_one_that_is_known() {
    let mut browser = browser().await;
    for other in ["web_message", "jwt", "query.jwt", "Query"] {
        is_sent(&mut browser, &[("response_mode", other)], "invalid_request").await;
    }
    let changes = [
        ("client_id", "app"),
        ("redirect_uri", "com.example.desk:/cb"),
        ("response_mode", "form_post"),
    ];
    let answer = browser.authorize(&changes).await;
    let location = answer.location().expect("redirect");
    assert!(
        location.starts_with("com.example.desk:/cb?error=invalid_request"),
        "{location}"
    );
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name_and_never_ignored() {
    let mut browser = browser().await;
    is_sent(
        &mut browser,
        &[("registration", "{}")],
        "registration_not_supported",
    )
    .await;
}

#[tokio::test]
async fn scopes_must_leave_something() {
    let mut browser = browser().await;
    is_sent(&mut browser, &[("scope", "")], "invalid_scope").await;
    is_sent(&mut browser, &[("scope", "unknown other")], "invalid_scope").await;
    is_sent(&mut browser, &[("scope", "phone")], "invalid_scope").await;
    // Unknown ones beside known ones are dropped; the host's own need to be in the registration.
    let changes = [("scope", "openid nope reports:read"), ("client_id", "own")];
    assert!(browser.authorize(&changes).await.param("code").is_some());
    let changes = [
        ("scope", "reports:read"),
        ("client_id", "app"),
        ("redirect_uri", "https://desk.example/cb"),
    ];
    assert_eq!(
        browser.authorize(&changes).await.error().as_deref(),
        Some("invalid_scope")
    );
}

#[tokio::test]
async fn malformed_values_are_invalid_requests() {
    let mut browser = browser().await;
    let (long_nonce, long_claims) = (
        "n".repeat(513),
        format!("{{\"x\":\"{}\"}}", "y".repeat(9000)),
    );
    for (name, value) in [
        ("prompt", "none login"),
        ("prompt", "signup"),
        ("max_age", "-1"),
        ("max_age", "soon"),
        ("nonce", long_nonce.as_str()),
        ("claims", "[]"),
        ("claims", "{"),
        ("claims", r#"{"id_token":{"sub":{"value":1}}}"#),
        ("claims", long_claims.as_str()),
        ("id_token_hint", "not.a.token"),
        // {"alg":"none"} over {"sub":"u1"}
        ("id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSJ9."),
    ] {
        is_sent(&mut browser, &[(name, value)], "invalid_request").await;
    }
}

#[tokio::test]
async fn state_is_bounded_and_given_back_as_it_came() {
    let mut browser = browser().await;
    let state = "é".repeat(2048);
    let changes = [("client_id", "own"), ("state", state.as_str())];
    assert_eq!(
        browser.authorize(&changes).await.param("state"),
        Some(state)
    );
    let state = "s".repeat(4097);
    let answer = browser
        .authorize(&[("client_id", "own"), ("state", &state)])
        .await;
    assert_eq!(answer.error().as_deref(), Some("invalid_request"));
    assert_eq!(answer.param("state"), None);
}

#[tokio::test]
async fn resource_is_the_issuer_or_nothing() {
    let mut browser = browser().await;
    is_sent(
        &mut browser,
        &[("resource", "https://api.example")],
        "invalid_target",
    )
    .await;
    let url = authorize_url(&[("client_id", "own"), ("resource", "https://op.example.com")]);
    assert!(browser.get(&url).await.param("code").is_some());
    let both = format!("{url}&resource=https://api.example");
    assert_eq!(
        browser.get(&both).await.error().as_deref(),
        Some("invalid_target")
    );
}

#[tokio::test]
async fn hints_and_unknown_parameters_pass() {
    let mut browser = browser().await;
    let changes = [
        ("client_id", "own"),
        ("display", "popup"),
        ("ui_locales", "fr-CA en"),
        ("claims_locales", "xx"),
        ("acr_values", "gold 1"),
        ("dpop_jkt", "x"),
        ("anything", "else"),
        ("login_hint", "a\r\nb"),
        ("nonce", ""),
    ];
    assert!(browser.authorize(&changes).await.param("code").is_some());
}

#[tokio::test]
async fn any_order_of_parameters_is_the_same_request() {
    let mut browser = browser().await;
    let mut params = request_params(&[("client_id", "own")]);
    params.reverse();
    let answer = browser
        .get(&format!("/oauth/authorize?{}", encode(&params)))
        .await;
    assert!(answer.param("code").is_some());
}
