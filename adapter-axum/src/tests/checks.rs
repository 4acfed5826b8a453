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
//! | `/fails` | `signed_in`, and the handler answers 500 |
//! | `/caller`, `/caller/maybe` | `Caller`, `Option<Caller>`: `called` for a person, else the subject; `nobody` |
//! | `/calls` | GET, POST, behind `caller`: `ok` |
//! | `/calls/reports`, `/calls/admin` | `caller_with_scope("reports:read")`, `caller_with_scope("admin")`: `ok` |
//! | `/organization`, `/owner`, `/owner/api`, `/administrator` | `organization`, `role("owner")` and `Scope`, `.or_401()`, `admin` |
//! | `/form` | POST, behind `same_origin`: `ok` |
//! | `/address` | `ClientAddress`: the address, `unknown` |
//! | `/nested/page`, `/nested/deep/page` | a guard on a mounted router, and one on a route in two of them |

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use super::house::{House, KEY, TOKEN_COOKIE};

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

    assert_eq!(send(get("/recent/api", &cookie)).await.text(), "ok");
    house.clock.advance(Duration::from_millis(1));
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

pub(super) async fn callers(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    let cookie = ("cookie", house.cookie.as_str());
    let bearer = ("authorization", house.bearer.as_str());
    let key = ("x-api-key", KEY);
    let text = async |path: &str, headers: &[(&str, &str)]| {
        send(get(path, headers)).await.text().to_owned()
    };
    for path in ["/caller", "/caller/maybe"] {
        assert_eq!(text(path, &[cookie]).await, "called");
        assert_eq!(text(path, &[bearer]).await, "machine");
        assert_eq!(text(path, &[key]).await, "billing");
        // A bad one is refused, whatever else there is.
        for bad in [("authorization", "Bearer a.b.c"), ("x-api-key", "other")] {
            let refused = send(get(path, &[cookie, bad])).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(refused.header("www-authenticate").contains("invalid_token"));
        }
        let both = send(get(path, &[bearer, key])).await;
        assert_eq!(both.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let nobody = send(get("/caller", &[])).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert!(nobody.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(text("/caller/maybe", &[]).await, "nobody");

    let status = async |request| send(request).await.status.as_u16();
    for (credential, admin) in [(cookie, 200), (bearer, 403), (key, 403)] {
        assert_eq!(status(get("/calls", &[credential])).await, 200);
        assert_eq!(status(get("/calls/reports", &[credential])).await, 200);
        assert_eq!(status(get("/calls/admin", &[credential])).await, admin);
    }
    for path in ["/calls", "/calls/reports"] {
        assert_eq!(status(get(path, &[])).await, 401);
    }

    // A cookie changes nothing unless a page of this origin sent the request.
    let token = house.bearer.trim_start_matches("Bearer ");
    let token = format!("{TOKEN_COOKIE}={token}");
    let token = ("cookie", token.as_str());
    assert_eq!(text("/token", &[token]).await, "machine");
    let here = ("sec-fetch-site", "same-origin");
    for credential in [cookie, token] {
        assert_eq!(status(post("/calls", &[credential])).await, 403);
        assert_eq!(status(post("/calls", &[credential, here])).await, 200);
    }
    assert_eq!(status(post("/calls", &[key])).await, 200);
    assert_eq!(status(post("/form", &[])).await, 403);
    assert_eq!(status(post("/form", &[here])).await, 200);
}

pub(super) async fn roles(house: &House, send: impl AsyncFn(Request<Bytes>) -> Answer) {
    let cookie = [("cookie", house.cookie.as_str())];
    for path in ["/organization", "/owner", "/administrator"] {
        let led = send(get(path, &[])).await;
        assert_eq!(led.status, StatusCode::SEE_OTHER, "{path}");
    }
    let nobody = send(get("/owner/api", &[])).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(send(get("/organization", &cookie)).await.text(), "ok");
    house.loaded.store(0, SeqCst);
    assert_eq!(send(get("/owner", &cookie)).await.text(), "alice");
    // The guard asked, and the extractor behind it did not.
    assert_eq!(house.loaded.load(SeqCst), 1);
    assert_eq!(send(get("/owner/api", &cookie)).await.text(), "ok");
    let short = send(get("/administrator", &cookie)).await;
    assert_eq!(short.status, StatusCode::FORBIDDEN);
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
