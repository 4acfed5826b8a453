//! What holds in every framework, for an app with these routes:
//!
//! | path | asks for |
//! |---|---|
//! | `/user`, `/user/maybe`, `/user/result` | `User`, `Option<User>`, `Result<User, …>`: the name, `nobody` |
//! | `/session`, `/session/maybe` | `Session`, `Option<Session>`: `amr`, `nobody` |
//! | `/scope`, `/scope/maybe` | `Scope`, `Option<Scope>`: the name, `nobody` |
//! | `/all` | `User`, `Session` and `Scope` behind `signed_in`: `ok` |
//! | `/token`, `/token/maybe` | `AccessToken`, `Option<AccessToken>`: the client, `no token` |
//! | `/page`, `/api`, `/recent`, `/recent/api` | `signed_in`, `.or_401()`, `signed_in_within(0)`, `.or_401()` |
//! | `/reports`, `/admin` | `scope("reports:read")`, `scope("admin")` |
//! | `/broken` | `signed_in`, and the handler fails |
//! | `/nested/page`, `/nested/deep/page` | a guard on a mounted router, and one on a route in two of them |

use std::sync::atomic::Ordering::SeqCst;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::house::House;

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("header");
        value.to_str().expect("text")
    }
}

pub(super) fn get(path: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::new()).expect("request")
}

pub(super) async fn extractors(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    let nobody = async |path: &str| send(get(path, &[])).await;
    let cookie = [("cookie", house.cookie.as_str())];
    let alice = async |path: &str| send(get(path, &cookie)).await;
    for (path, found) in [("/user", "alice"), ("/session", "pwd"), ("/scope", "alice")] {
        assert_eq!(
            nobody(path).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        assert_eq!(alice(path).await.text(), found);
        let maybe = format!("{path}/maybe");
        assert_eq!(nobody(&maybe).await.text(), "nobody");
        assert_eq!(alice(&maybe).await.text(), found);
    }
    assert_eq!(nobody("/user/result").await.text(), "nobody");
    assert_eq!(alice("/user/result").await.text(), "alice");

    assert_eq!(nobody("/token").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody("/token/maybe").await.text(), "no token");
    for path in ["/token", "/token/maybe"] {
        let good = send(get(path, &[("authorization", &house.bearer)])).await;
        assert_eq!(good.text(), "machine");
        let bad = send(get(path, &[("authorization", "Bearer a.b.c")])).await;
        assert_eq!(bad.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(bad.header("www-authenticate").contains("invalid_token"));
    }
}

pub(super) async fn one_look_up(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    house.sessions.asked.store(0, SeqCst);
    let answer = send(get("/all", &[("cookie", &house.cookie)])).await;
    assert_eq!(answer.text(), "ok");
    assert_eq!(house.sessions.asked.load(SeqCst), 1);
}

pub(super) async fn outage(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    house.sessions.down.store(true, SeqCst);
    for path in [
        "/user",
        "/user/maybe",
        "/user/result",
        "/session",
        "/session/maybe",
        "/scope",
        "/scope/maybe",
        "/all",
        "/page",
        "/api",
        "/nested/page",
    ] {
        let answer = send(get(path, &[("cookie", &house.cookie)])).await;
        if path == "/user/result" && answer.status == StatusCode::OK {
            assert_eq!(answer.text(), "refused with 503");
            continue;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // Who brings nothing needs no store.
    assert_eq!(send(get("/user/maybe", &[])).await.text(), "nobody");
}

pub(super) async fn guards(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    let cookie = [("cookie", house.cookie.as_str())];
    for (path, back) in [
        ("/page?x=1", "%2Fpage%3Fx%3D1"),
        ("/nested/page?x=1", "%2Fnested%2Fpage%3Fx%3D1"),
        ("/nested/deep/page", "%2Fnested%2Fdeep%2Fpage"),
    ] {
        let answer = send(get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let to = format!("/auth/login?return_to={back}");
        assert_eq!(answer.header("location"), to);
        let answer = send(get(path, &cookie)).await;
        assert_eq!(answer.text(), "ok", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let broken = send(get("/broken", &cookie)).await;
    assert_eq!(broken.status, StatusCode::BAD_GATEWAY);
    assert_eq!(broken.text(), "broken");
    assert_eq!(broken.header("cache-control"), "no-store");
    assert_eq!(
        send(get("/api", &[])).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(send(get("/api", &cookie)).await.text(), "ok");

    // The clock counts milliseconds: in the first one everybody is recent.
    while send(get("/recent/api", &cookie)).await.status == StatusCode::OK {}
    let stale = send(get("/recent/api", &cookie)).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    let stale = send(get("/recent", &cookie)).await;
    assert!(stale.header("location").ends_with("&reauthenticate=1"));

    let bearer = [("authorization", house.bearer.as_str())];
    assert_eq!(send(get("/reports", &bearer)).await.text(), "ok");
    let none = send(get("/reports", &[])).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    let short = send(get("/admin", &bearer)).await;
    assert_eq!(short.status, StatusCode::FORBIDDEN);
    assert!(
        short
            .header("www-authenticate")
            .contains("insufficient_scope")
    );
}

pub(super) async fn conversion(send: impl AsyncFn(Request<Bytes>) -> Answer) {
    let whole = send(get("/oauth/jwks", &[])).await;
    let mut head = get("/oauth/jwks", &[]);
    *head.method_mut() = http::Method::HEAD;
    let head = send(head).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    assert!(head.body.is_empty());

    let post = |body: Vec<u8>| {
        Request::post("/auth/login")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(Bytes::from(body))
            .expect("request")
    };
    let empty = send(post(Vec::new())).await;
    assert!(empty.status.is_client_error(), "{}", empty.status);
    let large = send(post(vec![b'x'; 300 * 1024])).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.text().contains("body_too_large"), "{}", large.text());

    let mut odd = get("/auth/login", &[]);
    let value = HeaderValue::from_bytes(b"\xff\xfe").expect("header");
    odd.headers_mut().insert("x-odd", value);
    assert_eq!(send(odd).await.status, StatusCode::OK);

    for path in [
        "/auth/%6Cogin",
        "/auth/login/",
        "/auth//login",
        "/auth/login%00",
        "/auth/%ff",
        "/auth/../auth/login",
        "/%2Fauth%2Flogin",
        "/auth/login;x=1",
        "/auth/login%3Fx",
    ] {
        let answer = send(get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        "/auth/login?%zz",
        "/auth/login?&&=&%ff",
        "/auth/login?a=b?c=d",
    ] {
        let answer = send(get(path, &[])).await;
        assert!(!answer.status.is_server_error(), "{path}");
        assert_ne!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let put = Request::put("/oauth/token").body(Bytes::new());
    let put = send(put.expect("request")).await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(put.header("allow"), "POST, OPTIONS");
}

/// Two cookies, and a header that is no text.
pub(super) fn answer_of_the_core() -> http::Response<Bytes> {
    http::Response::builder()
        .header("set-cookie", "a=1")
        .header("set-cookie", "b=2")
        .header("x-odd", HeaderValue::from_bytes(b"\xff").expect("header"))
        .body(Bytes::from_static(b"x"))
        .expect("response")
}

pub(super) fn is_the_answer_of_the_core(headers: &HeaderMap) {
    let cookies = headers.get_all("set-cookie").iter().collect::<Vec<_>>();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(headers["x-odd"].as_bytes(), b"\xff");
}
