//! Whatever arrives is answered: a clear error, no 5xx, nothing done.

use http::header::{ACCEPT, COOKIE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use super::harness::*;

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn unreadable_bodies_are_refused_everywhere() {
    let house = House::new();
    house.account(ADA).await;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let many = "a=1&".repeat(200);
    let cases: [(&str, &[u8], StatusCode); 14] = [
        (FORM, b"email=%ff%fe&password=x", StatusCode::BAD_REQUEST),
        (FORM, b"\xff\xfe=\xff", StatusCode::BAD_REQUEST),
        (FORM, b"email=a&email=b&password=x", StatusCode::BAD_REQUEST),
        (FORM, b"email=a&%65mail=b", StatusCode::BAD_REQUEST),
        (FORM, many.as_bytes(), StatusCode::BAD_REQUEST),
        ("application/json", b"{", StatusCode::BAD_REQUEST),
        ("application/json", b"[]", StatusCode::BAD_REQUEST),
        (
            "application/json",
            b"{\"email\":[\"a\"]}",
            StatusCode::BAD_REQUEST,
        ),
        (
            "application/json",
            b"{\"email\":{\"$ne\":null}}",
            StatusCode::BAD_REQUEST,
        ),
        ("application/json", b"\xff", StatusCode::BAD_REQUEST),
        ("application/json", deep.as_bytes(), StatusCode::BAD_REQUEST),
        ("text/plain", b"email=a", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            "multipart/form-data; boundary=x",
            b"--x--",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("", b"email=a", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ];
    let mut signed_in = house.signed_in(ADA).await;
    let hashes = house.hashes();
    for (content_type, body, status) in cases {
        for path in OPEN_FORMS.iter().chain(&OWN_FORMS) {
            for accept in ["text/html", "application/json"] {
                let mut request = raw(Method::POST, path, content_type, body);
                let accept = HeaderValue::from_static(accept);
                request.headers_mut().insert(ACCEPT, accept);
                let answer = signed_in.send(request).await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
                assert_eq!(answer.status, status, "{path} {content_type} {shown}");
            }
        }
    }
    assert!(signed_in.is_signed_in().await);
    assert_eq!(house.hashes(), hashes);
}

#[tokio::test]
async fn unreadable_queries_are_refused() {
    let house = House::new();
    let mut browser = house.browser();
    for query in ["%ff", "a=%fe", &"a=1&".repeat(200)] {
        for page in ["login", "register", "logout"] {
            let answer = browser.get(&format!("/auth/{page}?{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{page} {query}");
        }
    }
}

#[tokio::test]
async fn absurd_cookies_sign_nobody_in_and_break_nothing() {
    let house = House::new();
    house.account(ADA).await;
    let good = house.signed_in(ADA).await;
    let good = good.session_cookie().expect("cookie").to_owned();
    let long = "A".repeat(100_000);
    for cookie in [
        "",
        ";;;;",
        "=",
        "__Host-auth_session",
        "__Host-auth_session=",
        "__Host-auth_session==",
        "__Host-auth_session=%00",
        "__Host-auth_session=\"quoted\"",
        "__Host-auth_session=../../etc/passwd",
        "__Host-auth_session=' OR 1=1 --",
        "__Host-auth_session=AAAA",
        &format!("__Host-auth_session={long}"),
        &format!("auth_session={good}"),
        &format!("__host-AUTH_session={good}"),
        &format!("__Host-auth_session={}", &good[1..]),
        &format!("__Host-auth_session={good}A"),
        &format!("__Host-auth_session=x; __Host-auth_session={good}"),
        &format!("__Host-auth_browser={long}; __Host-auth_session=é"),
    ] {
        for path in [
            "/auth/session",
            "/auth/account",
            "/auth/login",
            "/auth/logout",
        ] {
            let mut request = raw(Method::GET, path, "", b"");
            let value = HeaderValue::from_bytes(cookie.as_bytes()).expect("header");
            request.headers_mut().insert(COOKIE, value);
            let answer = house.browser().send(request).await;
            let expected = match path {
                "/auth/session" => StatusCode::UNAUTHORIZED,
                "/auth/login" => StatusCode::OK,
                _ => StatusCode::SEE_OTHER,
            };
            assert_eq!(answer.status, expected, "{path} {cookie:.60}");
        }
    }
}

#[tokio::test]
async fn threat_36_cross_site_posts_are_refused_everywhere() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    for path in OPEN_FORMS.iter().chain(&OWN_FORMS) {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
        ] {
            for (content_type, body) in [(FORM, "name=x"), ("application/json", "{\"name\":\"x\"}")]
            {
                browser.extra = vec![(name, value.to_owned())];
                let answer = browser
                    .send(raw(Method::POST, path, content_type, body.as_bytes()))
                    .await;
                assert_eq!(
                    answer.status,
                    StatusCode::FORBIDDEN,
                    "{path} {name}: {value}"
                );
            }
        }
        // From here, but without a token, or with nonsense for one.
        for token in ["", "x", "a.b", "AAAAAAAAAAAAAAAAAAAAAA.k.x"] {
            let answer = browser.post(path, &[("form_token", token)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {token}");
        }
    }
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn over_long_fields_are_answered_and_never_echoed_whole() {
    let house = House::new();
    let long = "x".repeat(60_000);
    let email = format!("{long}@example.com");
    let answer = house.browser().sign_in(&email, &long).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.len() < 10_000);
    let fields = [
        ("email", email.as_str()),
        ("name", &long),
        ("password", &long),
        ("return_to", &long),
    ];
    let answer = house.browser().fill_in("/auth/register", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.len() < 10_000);
    assert!(answer.body.contains("Use at most 128 characters."));
    let mut browser = house.browser();
    for hint in [long.as_str(), "a%0d%0ab", "%00"] {
        let page = browser
            .context(&format!("/auth/login?login_hint={hint}"))
            .await;
        assert!(page["form"]["identifier"].is_null());
    }
    house.account(ADA).await;
    let mut ada = house.signed_in(ADA).await;
    let answer = ada
        .post_json("/auth/account/profile", &json!({ "name": long }))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = ada
        .post_json(
            "/auth/account/sessions/revoke",
            &json!({ "session_id": long }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn numbers_and_flags_where_text_belongs() {
    let house = House::new();
    let mut client = house.browser();
    let answer = client
        .post_json("/auth/login", &json!({ "email": 1, "password": true }))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = client
        .post_json("/auth/register", &json!({ "email": null, "password": 12 }))
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn requests_may_be_served_from_any_thread() {
    fn is_send<T: Send>(_: T) {}
    async fn drive(house: &House) {
        house.browser().sign_in(ADA, PASSWORD).await;
    }
    let house = House::new();
    is_send(drive(&house));
}
