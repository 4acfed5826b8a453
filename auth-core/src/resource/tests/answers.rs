//! What goes over the wire when a request is refused.

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

use super::*;
use crate::resource::{InvalidToken, ScopeRequirement};

/// Status, challenge, the body's `error`.
fn answer(refused: &TokenRefused) -> (u16, String, String) {
    let response = refused.respond();
    assert_eq!(response.status(), refused.status());
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert!(!body["error_description"].as_str().unwrap().is_empty());
    let challenge = response.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    (
        response.status().as_u16(),
        challenge.unwrap_or_default(),
        body["error"].as_str().unwrap().to_owned(),
    )
}

fn expect(refused: &TokenRefused, status: u16, challenge: &str, error: &str) {
    let expected = (status, challenge.to_owned(), error.to_owned());
    assert_eq!(answer(refused), expected);
}

#[tokio::test]
async fn without_a_token_no_error_code() {
    let bench = Bench::local(Resource::default());
    let mut basic = HeaderMap::new();
    basic.insert(AUTHORIZATION, "Basic YTpi".parse().unwrap());
    for headers in [HeaderMap::new(), basic] {
        let refused = bench.wing.access_token(&headers).await.unwrap_err();
        expect(
            &refused,
            401,
            r#"Bearer realm="https://app.example.com""#,
            "missing_token",
        );
    }
}

#[tokio::test]
async fn malformed_credentials() {
    let bench = Bench::local(Resource::default().realm("Reports API"));
    let mut two = bearer("a");
    two.append(AUTHORIZATION, "Bearer b".parse().unwrap());
    let refused = bench.wing.access_token(&two).await.unwrap_err();
    expect(
        &refused,
        400,
        r#"Bearer realm="Reports API", error="invalid_request", error_description="There is more than one Authorization header.""#,
        "invalid_request",
    );
    for value in [b"Bearer".as_slice(), b"Bearer \xff", b"bearer a b"] {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        let refused = bench.wing.access_token(&headers).await.unwrap_err();
        expect(
            &refused,
            400,
            r#"Bearer realm="Reports API", error="invalid_request", error_description="The Authorization header must be the word Bearer, a space and one token.""#,
            "invalid_request",
        );
    }
}

#[tokio::test]
async fn bad_tokens() {
    let bench = Bench::local(Resource::default());
    let expired = local_token(&with(local_claims(), "exp", json!(START)));
    let refused = bench.send(&expired).await.unwrap_err();
    expect(
        &refused,
        401,
        r#"Bearer realm="https://app.example.com", error="invalid_token", error_description="The access token expired.""#,
        "invalid_token",
    );
    for reason in [
        InvalidToken::Malformed,
        InvalidToken::WrongType,
        InvalidToken::UntrustedIssuer,
        InvalidToken::Algorithm,
        InvalidToken::UnknownKey,
        InvalidToken::Signature,
        InvalidToken::Claims,
        InvalidToken::Audience,
        InvalidToken::Expired,
        InvalidToken::NotYetValid,
        InvalidToken::SenderConstrained,
        InvalidToken::Revoked,
        InvalidToken::Inactive,
    ] {
        let refused = TokenRefused::new("r".into(), Refusal::InvalidToken(reason));
        let challenge =
            format!(r#"Bearer realm="r", error="invalid_token", error_description="{refused}""#);
        expect(&refused, 401, &challenge, "invalid_token");
    }
}

#[tokio::test]
async fn too_few_scopes() {
    let bench = Bench::local(Resource::default());
    let token = bench.send(&local_token(&local_claims())).await.unwrap();
    let wing = &bench.wing;
    assert!(
        wing.require_scope(&token, &"reports:read profile".into())
            .await
            .is_ok()
    );
    assert!(token.require(&"profile".into()).is_ok());
    let requirement = ScopeRequirement::all_of(["reports:read", "reports:write"]);
    let refused = wing.require_scope(&token, &requirement).await.unwrap_err();
    let challenge = r#"Bearer realm="https://app.example.com", error="insufficient_scope", error_description="The access token lacks a scope this request needs.", scope="reports:read reports:write""#;
    expect(&refused, 403, challenge, "insufficient_scope");
    assert_eq!(token.require(&requirement).unwrap_err(), refused);
    // A requirement that names no scope has none to ask for.
    let refused = token.require(&"".into()).unwrap_err();
    assert!(!answer(&refused).1.contains(" scope="));
}

#[tokio::test]
async fn step_up() {
    let bench = Bench::local(Resource::default());
    let mut claims = with(local_claims(), "auth_time", json!(START - 100));
    claims["acr"] = json!("urn:one");
    let token = bench.send(&local_token(&claims)).await.unwrap();
    let wing = &bench.wing;
    let within = |seconds| wing.require_recent(&token, Duration::from_secs(seconds));
    assert!(within(100).await.is_ok());
    let refused = within(99).await.unwrap_err();
    let start = r#"Bearer realm="https://app.example.com", error="insufficient_user_authentication", error_description="The user has to sign in again, or more strongly, for this request.""#;
    expect(
        &refused,
        401,
        &format!(r#"{start}, max_age="99""#),
        "insufficient_user_authentication",
    );
    assert!(
        wing.require_acr(&token, &["urn:two", "urn:one"])
            .await
            .is_ok()
    );
    let refused = wing
        .require_acr(&token, &["urn:two", "urn:th\"ree"])
        .await
        .unwrap_err();
    expect(
        &refused,
        401,
        &format!(r#"{start}, acr_values="urn:two urn:three""#),
        "insufficient_user_authentication",
    );
    // Nobody signed in for a client's own token.
    let token = bench.send(&local_token(&local_claims())).await.unwrap();
    let ever = Duration::from_secs(u64::MAX);
    assert!(wing.require_recent(&token, ever).await.is_err());
    assert!(wing.require_acr(&token, &[""]).await.is_err());
}

#[tokio::test]
async fn an_outage() {
    let bench = Bench::local(Resource::default());
    bench.local.down.store(true, Ordering::SeqCst);
    let refused = bench.send(&local_token(&local_claims())).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    expect(&refused, 503, "", "temporarily_unavailable");
    assert_eq!(refused.respond().headers()[RETRY_AFTER], "5");
}
