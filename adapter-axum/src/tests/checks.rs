//! What holds in every framework, for an app with these routes:
//!
//! | path | asks for |
//! |---|---|
//! | `/user`, `/user/result` | `User`, `Result<User, …>`: the name, `nobody` |
//! | `/scope` | `Scope`: the name |
//! | `/all` | `User`, `Session` and `Scope` behind `signed_in`: `ok` |
//! | `/page`, `/recent`, `/recent/api` | `signed_in`, `signed_in_within(0)`, `.or_401()` |
//! | `/reports` | `scope("reports:read")` |
//! | `/broken` | `signed_in`, and the handler fails |
//! | `/fails` | `signed_in`, and the handler answers 500 |
//! | `/caller` | `Caller`: `called` for a person |
//! | `/calls/reports` | `caller_with_scope("reports:read")`: `ok` |
//! | `/owner` | `role("owner")` and `Scope`: the name |
//! | `/address` | `ClientAddress`: the address, `unknown` |
//! | `/nested/page`, `/nested/deep/page` | a guard on a mounted router, and one on a route in two of them |
//!
//! What an answer is to the byte is in the HTTP script.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

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

fn post(path: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut request = get(path, headers);
    *request.method_mut() = http::Method::POST;
    request
}

pub(super) async fn one_look_up(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    house.sessions.take_asked();
    let answer = send(get("/all", &[("cookie", &house.cookie)])).await;
    assert_eq!(answer.text(), "ok");
    assert_eq!(house.sessions.take_asked(), 1);
    // The guard asked the loader, and the extractor behind it did not.
    house.loaded.store(0, SeqCst);
    let answer = send(get("/owner", &[("cookie", &house.cookie)])).await;
    assert_eq!(answer.text(), "alice");
    assert_eq!(house.loaded.load(SeqCst), 1);
}

/// `Result<T, …>` of an extractor is an `Err` for "nobody", and never runs on in an outage without having been told.
pub(super) async fn results(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    let cookie = [("cookie", house.cookie.as_str())];
    assert_eq!(send(get("/user/result", &[])).await.text(), "nobody");
    assert_eq!(send(get("/user/result", &cookie)).await.text(), "alice");
    house.sessions.set_down(true);
    let answer = send(get("/user/result", &cookie)).await;
    if answer.status == StatusCode::OK {
        assert_eq!(answer.text(), "refused with 503");
    } else {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    // A guard answers for all behind it.
    let answer = send(get("/all", &cookie)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
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
    assert_eq!(send(get("/recent/api", &cookie)).await.text(), "ok");
    house.clock.advance(Duration::from_millis(1));
    let stale = send(get("/recent/api", &cookie)).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN);
    let stale = send(get("/recent", &cookie)).await;
    assert!(stale.header("location").ends_with("&reauthenticate=1"));

    let bearer = [("authorization", house.bearer.as_str())];
    assert_eq!(send(get("/reports", &bearer)).await.text(), "ok");
}

/// Use alone keeps a session: whatever the handler answers, and without a cookie set anew. The cookie's life is that of
/// the session at the longest, so the browser never drops it too early, and the store alone says when it is over.
pub(super) async fn in_use(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    const ALMOST_IDLE: Duration = Duration::from_mins(29);
    let cookie = [("cookie", house.cookie.as_str())];
    for (path, status) in [
        ("/fails", 500),
        ("/broken", 502),
        ("/user", 200),
        ("/caller", 200),
        ("/fails", 500),
    ] {
        house.clock.advance(ALMOST_IDLE);
        let answer = send(get(path, &cookie)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert!(!answer.headers.contains_key("set-cookie"), "{path}");
    }
    house.clock.advance(Duration::from_mins(31));
    let answer = send(get("/user", &cookie)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

pub(super) async fn not_set_up(send: impl AsyncFn(Request<Bytes>) -> Answer) {
    for (path, fix) in [
        ("/scope", ".login("),
        ("/page", ".login("),
        ("/owner", ".login("),
        ("/reports", ".resource("),
        ("/caller", ".resource("),
        ("/calls/reports", ".resource("),
    ] {
        let answer = send(get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert!(answer.text().contains(fix), "{path}: {}", answer.text());
    }
}

/// A house whose peers have no address.
pub(super) async fn without_addresses() -> auth_core::auth::Auth {
    auth_core::auth::Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(auth_core::store::MemoryStore::default())
        .login(auth_core::login::Login::default())
        .provider(auth_core::provider::Provider::default())
        .peers_without_address(true)
        .prune_every(None)
        .build()
        .await
        .expect("auth")
}

/// A house without wings.
pub(super) async fn without_wings() -> auth_core::auth::Auth {
    auth_core::auth::Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(auth_core::store::MemoryStore::default())
        .prune_every(None)
        .build()
        .await
        .expect("auth")
}

/// Who is at the other end must be known where attempts are counted; see `peers_without_address`.
pub(super) async fn unknown_client(
    send: impl AsyncFn(Request<Bytes>) -> Answer,
    told: impl AsyncFn(Request<Bytes>) -> Answer,
    without: impl AsyncFn(Request<Bytes>) -> Answer,
) {
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
        ("accept", "application/json"),
    ];
    for path in ["/auth/login", "/oauth/token"] {
        let answer = send(post(path, &form)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let said = answer.text().contains(".peers_without_address(true)");
        assert!(said, "{}", answer.text());
        let answers = [
            told(post(path, &form)).await,
            without(post(path, &form)).await,
        ];
        for answer in answers {
            assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        }
    }
    // What counts nothing needs to know nobody.
    assert_eq!(send(get("/auth/login", &[])).await.status, StatusCode::OK);
    let address = send(get("/address", &[])).await;
    assert_eq!(address.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(told(get("/address", &[])).await.text(), "192.0.2.7");
    assert_eq!(without(get("/address", &[])).await.text(), "unknown");
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
