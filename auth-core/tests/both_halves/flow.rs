//! The main job, end to end.

use auth_core::testkit::Browser;
use http::{Method, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::host::{BASE, PASSWORD, authorize, authorize_url, host};

#[tokio::test]
async fn a_stranger_registers_signs_in_and_lets_an_app_in() {
    let host = host().await;
    let mut browser = host.browser();

    // The app sends the stranger here; they have no account yet.
    let page = browser.visit(&authorize_url("openid email profile")).await;
    assert_eq!(page.status, StatusCode::OK);
    let return_to = page.field("return_to").expect("where to go on");
    let query: String = form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
    let page = browser
        .get(&format!("/auth/register?return_to={query}"))
        .await;
    let fields = [
        ("email", "Bob@Example.com"),
        ("password", PASSWORD),
        ("name", "Bob"),
    ];
    let answer = browser.submit(&page, &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    assert!(browser.cookie("__Host-auth_session").is_none());

    let page = browser.get(&answer.location().unwrap()).await;
    let fields = [("email", "bob@example.com"), ("password", PASSWORD)];
    let answer = browser.submit(&page, &fields).await;
    assert_eq!(answer.location().as_deref(), Some(return_to.as_str()));

    let page = browser.visit(&return_to).await;
    assert!(page.text.contains("The third party"), "{}", page.text);
    let answer = browser.submit(&page, &[("decision", "allow")]).await;
    let code = answer.location_param("code").expect("a code");
    let tokens = host.redeem(&code).await.json();

    let claims = verified_claims(&mut browser, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["nonce"], "the nonce");
    assert_eq!(claims["iss"], BASE);
    let userinfo = host
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(userinfo["sub"], claims["sub"]);
    assert_eq!(userinfo["name"], "Bob");
    assert_eq!(userinfo["email"], "bob@example.com");
    assert_eq!(userinfo["email_verified"], false);
}

// With a JOSE library this project did not write, from nothing but the published keys.
async fn verified_claims(browser: &mut Browser, token: &str) -> Value {
    let jwks = browser.get("/oauth/jwks").await;
    let jwks: JwkSet = serde_json::from_str(&jwks.text).unwrap();
    let header = decode_header(token).unwrap();
    let key = jwks.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["rp"]);
    validation.set_issuer(&[BASE]);
    // The tests' clock stands in the future of no machine in particular.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    decode::<Value>(token, &key, &validation).unwrap().claims
}

#[tokio::test]
async fn the_sign_in_page_names_the_app_and_only_to_the_browser_that_came_from_it() {
    let host = host().await;
    let mut browser = host.browser();
    let page = browser.visit(&authorize_url("openid")).await;
    assert!(page.text.contains("id=\"client\""), "{}", page.text);
    assert!(page.text.contains("The third party"), "{}", page.text);
    let headers = [("accept", "application/json")];
    let return_to = page.field("return_to").expect("where to go on");
    let query: String = form_urlencoded::byte_serialize(return_to.as_bytes()).collect();
    let address = format!("/auth/login?return_to={query}");
    let own = browser
        .send(Method::GET, &address, &headers, "")
        .await
        .json();
    assert_eq!(own["context"]["client"]["name"], "The third party");
    let other = host
        .browser()
        .send(Method::GET, &address, &headers, "")
        .await;
    assert!(
        other.json()["context"]["client"].is_null(),
        "{}",
        other.text
    );
    for elsewhere in [
        "/",
        "/oauth/authorize/resume",
        "/oauth/authorize/resume?interaction=x",
    ] {
        let query: String = form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        let page = browser.get(&format!("/auth/login?return_to={query}")).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.text.contains("id=\"client\""), "{elsewhere}");
    }
}

#[tokio::test]
async fn consent_is_remembered_and_can_be_taken_back() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    let tokens = host.tokens(&mut browser, "openid profile").await;
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(host.userinfo(access_token).await.status, StatusCode::OK);

    let silent = browser.visit(&authorize_url("openid profile")).await;
    assert!(silent.location_param("code").is_some(), "{}", silent.text);

    let page = browser.visit("/oauth/grants").await;
    assert!(page.text.contains("The third party"));
    let answer = browser.submit(&page, &[("client_id", "rp")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        host.userinfo(access_token).await.status,
        StatusCode::UNAUTHORIZED
    );
    let asked = browser.visit(&authorize_url("openid profile")).await;
    assert_eq!(asked.status, StatusCode::OK, "asked again");
}

#[tokio::test]
async fn claims_asked_for_by_name_are_agreed_to_like_scopes() {
    let host = host().await;
    let mut browser = host.signed_in().await;
    // Sign-in alone was allowed; the e-mail address was not.
    host.tokens(&mut browser, "openid").await;
    // The client may ask for e-mail; for phone it is not registered, and no scope stands for `internal`.
    let claims = r#"{"userinfo":{"email":null,"phone_number":null,"internal":null}}"#;
    let claims: String = form_urlencoded::byte_serialize(claims.as_bytes()).collect();
    let url = format!("{}&claims={claims}", authorize_url("openid"));
    let silent = browser.visit(&format!("{url}&prompt=none")).await;
    assert_eq!(
        silent.location_param("error").as_deref(),
        Some("consent_required")
    );

    let page = browser.visit(&url).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("See your e-mail address"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("phone"), "{}", page.text);
    let answer = browser.submit(&page, &[("decision", "allow")]).await;
    let tokens = host
        .redeem(&answer.location_param("code").unwrap())
        .await
        .json();
    assert_eq!(tokens["scope"], "openid", "a claim is no scope");
    let userinfo = host
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(userinfo["email"], crate::host::EMAIL);
    assert!(userinfo.get("phone_number").is_none());
    // Remembered from here on.
    let silent = browser.visit(&format!("{url}&prompt=none")).await;
    assert!(silent.location_param("code").is_some());
}

#[tokio::test]
async fn threat_32_two_tabs_and_two_attempts_do_not_disturb_each_other() {
    let host = host().await;
    let mut browser = host.browser();
    let first = browser.visit(&authorize_url("openid")).await;
    let second = browser.visit(&authorize_url("openid profile")).await;
    // Signing in in the second tab does not invalidate the first tab's attempt, nor its form.
    let fields = [("email", crate::host::EMAIL), ("password", PASSWORD)];
    for tab in [second, first] {
        let answer = browser.submit(&tab, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let mut answer = browser.visit(&answer.location().unwrap()).await;
        // What the one tab was allowed, the other need not ask again.
        if answer.status == StatusCode::OK {
            answer = browser.submit(&answer, &[("decision", "allow")]).await;
        }
        let code = answer.location_param("code").expect("a code");
        assert_eq!(host.redeem(&code).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn threat_12_a_code_in_many_hands_is_redeemed_once_and_then_worthless() {
    let host = std::sync::Arc::new(host().await);
    let mut browser = host.signed_in().await;
    let code = authorize(&mut browser, "openid offline_access").await;
    let attempts = (0..24).map(|_| {
        let (host, code) = (host.clone(), code.clone());
        tokio::spawn(async move { host.redeem(&code).await })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut won = Vec::new();
    for attempt in attempts {
        let answer = attempt.await.unwrap();
        if answer.status == StatusCode::OK {
            won.push(answer.json());
        } else {
            assert_eq!(answer.json()["error"], "invalid_grant");
        }
    }
    // One winner at most (a replay may have revoked the grant before its tokens were made) and nothing it got works.
    assert!(won.len() <= 1, "{} winners", won.len());
    for tokens in won {
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(host.userinfo(token).await.status, StatusCode::UNAUTHORIZED);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let answer = host.client_post("/oauth/token", &fields).await;
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn the_whole_product_works_as_json() {
    let host = host().await;
    let mut browser = host.browser();
    let json = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ];
    let body = format!(
        r#"{{"email":"{}","password":"{PASSWORD}"}}"#,
        crate::host::EMAIL
    );
    let answer = browser
        .send(Method::POST, "/auth/login", &json, &body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let session = browser.send(Method::GET, "/auth/session", &json, "").await;
    assert_eq!(session.json()["user"]["id"], host.alice.id.as_str());
    let account = browser.send(Method::GET, "/auth/account", &json, "").await;
    assert_eq!(account.json()["page"], "account");
    let unknown = browser.send(Method::GET, "/auth/nothing", &json, "").await;
    assert_eq!(unknown.json()["code"], "not_found");
}
