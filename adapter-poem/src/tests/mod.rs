//! The adapter in an app, without a socket.

#![expect(
    clippy::needless_pass_by_value,
    reason = "handlers take what they extract by value"
)]

#[path = "../../../adapter-axum/src/tests/checks.rs"]
mod checks;
#[path = "../../../adapter-axum/src/tests/house.rs"]
mod house;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Body, Endpoint, EndpointExt as _, Error, Route, get, handler};

use crate::*;
use checks::Answer;
use house::House;

#[handler]
fn ask_user(user: User) -> String {
    user.display_name().to_owned()
}

#[handler]
fn ask_user_result(user: poem::Result<User>) -> String {
    match user {
        Ok(user) => user.display_name().to_owned(),
        Err(no) if no.is::<Rejection>() && no.status() == 401 => "nobody".into(),
        Err(no) => no.to_string(),
    }
}

#[handler]
fn ask_scope(scope: Scope) -> String {
    scope.user.display_name().to_owned()
}

#[handler]
fn ask_all(_user: User, _session: Session, _scope: Scope) -> &'static str {
    "ok"
}

fn name_of(caller: &Caller) -> String {
    match &**caller {
        auth::Caller::Session(_) => "called".to_owned(),
        other => other.subject().to_owned(),
    }
}

#[handler]
fn ask_caller(caller: Caller) -> String {
    name_of(&caller)
}

#[handler]
fn ask_address(ClientAddress(address): ClientAddress) -> String {
    address.map_or("unknown".into(), |address| address.to_string())
}

#[handler]
fn ok() -> &'static str {
    "ok"
}

#[handler]
fn fails() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

#[handler]
fn broken() -> poem::Result<&'static str> {
    Err(Error::from_string("broken", StatusCode::BAD_GATEWAY))
}

fn app(auth: &Auth) -> AuthEndpoint<Route> {
    let now = Duration::ZERO;
    let deep = Route::new().at("/page", get(ok).with(guard::signed_in()));
    let nested = Route::new()
        .at("/page", get(ok))
        .nest("/deep", deep)
        .with(guard::signed_in());
    calls()
        .at("/user", get(ask_user))
        .at("/user/result", get(ask_user_result))
        .at("/scope", get(ask_scope))
        .at("/all", get(ask_all).with(guard::signed_in()))
        .at("/page", get(ok).with(guard::signed_in()))
        .at("/recent", get(ok).with(guard::signed_in_within(now)))
        .at(
            "/recent/api",
            get(ok).with(guard::signed_in_within(now).or_401()),
        )
        .at("/reports", get(ok).with(guard::scope("reports:read")))
        .at("/broken", get(broken).with(guard::signed_in()))
        .at("/fails", get(fails).with(guard::signed_in()))
        .nest("/nested", nested)
        .with_auth(auth)
}

fn calls() -> Route {
    let reports = guard::caller_with_scope("reports:read");
    Route::new()
        .at("/caller", get(ask_caller))
        .at("/calls/reports", get(ok).with(reports))
        .at("/owner", get(ask_scope).with(guard::role("owner")))
        .at("/address", get(ask_address))
}

// As the server does, so that a mount has an original URI to restore.
fn asked(request: Request<impl Into<Body>>) -> poem::Request {
    let (parts, body) = request.into_parts();
    let (local, remote) = (LocalAddr::default(), RemoteAddr::default());
    let parts = (parts, local, remote, http::uri::Scheme::HTTP);
    poem::Request::from_parts(parts.into(), body.into())
}

async fn send(app: &impl Endpoint, request: Request<impl Into<Body>>) -> Answer {
    let (parts, body) = app.get_response(asked(request)).await.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.into_bytes().await.expect("body"),
    }
}

#[tokio::test]
async fn what_is_found_out_is_asked_once_and_told_by_results() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::one_look_up(&house, async |request| send(&app, request).await).await;
    checks::results(&house, async |request| send(&app, request).await).await;
}

fn known_peer() -> web::ClientAddr {
    web::ClientAddr([192, 0, 2, 7].into())
}

#[tokio::test]
async fn threat_04_an_address_that_was_forgotten_is_a_500_that_says_what_to_add() {
    let house = House::new().await;
    let forgotten = app(&house.auth);
    let told = app(&house.auth).data(known_peer());
    let without = app(&checks::without_addresses().await);
    checks::unknown_client(
        async |request| send(&forgotten, request).await,
        async |request| send(&told, request).await,
        async |request| send(&without, request).await,
    )
    .await;
}

#[tokio::test]
async fn guards_hold_wherever_they_are_put() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::guards(&house, async |request| send(&app, request).await).await;
}

#[tokio::test]
async fn a_session_in_use_outlives_its_idle_time_whatever_the_handler_answers() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::in_use(&house, async |request| send(&app, request).await).await;
}

#[tokio::test]
async fn a_wing_that_is_not_set_up_is_a_500_that_says_what_to_add() {
    let app = app(&checks::without_wings().await);
    checks::not_set_up(async |request| send(&app, request).await).await;
}

#[tokio::test]
async fn nothing_is_lost_between_the_framework_and_the_core() {
    let house = House::new().await;
    let app = app(&house.auth);
    let response = respond(checks::answer_of_the_core());
    checks::is_the_answer_of_the_core(response.headers());
    // poem's own test tools build a request without an original URI.
    let built = poem::Request::builder().uri_str("/auth/login").finish();
    assert_eq!(app.get_response(built).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn routes_stand_at_the_root_and_nest_under_the_path_of_the_base_url() {
    let house = House::at("http://localhost:3000/id").await;
    let added = routes(&house.auth).at("/own", get(ok));
    let whole = Route::new().nest("/", routes(&house.auth));
    let nested = Route::new().nest("/id", routes_under(&house.auth, "/id"));
    for app in [added, whole, nested] {
        let login = send(&app, checks::get("/id/auth/login", &[])).await;
        assert_eq!(login.status, StatusCode::OK);
        let login = send(&app, checks::get("/auth/login", &[])).await;
        assert_eq!(login.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_forgotten_set_up_is_a_500_that_says_what_to_add() {
    let app = Route::new()
        .at("/user", get(ask_user))
        .at("/page", get(ok).with(guard::signed_in()));
    for path in ["/user", "/page"] {
        let answer = send(&app, checks::get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.text().contains(".with_auth(&auth)"));
    }
    // Outside of `with_auth` nothing is known either.
    let house = House::new().await;
    let outside = Route::new()
        .at("/user", get(ask_user))
        .with_auth(&house.auth)
        .with(guard::signed_in());
    let answer = send(&outside, checks::get("/user", &[])).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn any_endpoint_takes_auth_and_handlers_find_it() {
    #[handler]
    fn issuer(poem::web::Data(auth): poem::web::Data<&Auth>) -> String {
        auth.issuer().to_owned()
    }
    let house = House::new().await;
    let app = Route::new()
        .at("/issuer", get(issuer))
        .at("/page", get(ok))
        .with(guard::signed_in())
        .with(poem::middleware::NormalizePath::new(
            poem::middleware::TrailingSlash::Trim,
        ))
        .catch_all_error(async |_| "own page")
        .with_auth(&house.auth);
    let cookie = [("cookie", house.cookie.as_str())];
    let found = send(&app, checks::get("/issuer/", &cookie)).await;
    assert_eq!(found.text(), "http://localhost:3000");
    let nowhere = send(&app, checks::get("/nowhere", &cookie)).await;
    assert_eq!(nowhere.text(), "own page");
    // Once more changes nothing.
    let twice = app.with_auth(&house.auth);
    for (path, status) in [("/page", 303), ("/auth/login", 200)] {
        let answer = Box::pin(send(&twice, checks::get(path, &[]))).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn connect_has_no_body() {
    let house = House::new().await;
    let app = app(&house.auth).data(known_peer());
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let stalled = Body::from_bytes_stream(stream::pending::<std::io::Result<Bytes>>());
    let request = Request::connect("/oauth/token").body(stalled);
    let answer = send(&app, request.expect("request")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(started.elapsed().as_secs(), 0);
}

#[tokio::test]
async fn errors_keep_their_type_for_the_host() {
    let house = House::new().await;
    let app = Route::new()
        .at("/user", get(ask_user))
        .at("/page", get(broken).with(guard::signed_in()))
        .catch_error(|_: Rejection| async { "own page" });
    let app = Route::new().nest("/", app).with_auth(&house.auth);
    let answer = send(&app, checks::get("/user", &[])).await;
    assert_eq!(answer.text(), "own page");
}

#[tokio::test]
async fn an_outage_keeps_the_handler_from_running() {
    static RAN: AtomicBool = AtomicBool::new(false);
    #[handler]
    fn run(_user: Option<User>) {
        RAN.store(true, SeqCst);
    }
    let house = House::new().await;
    house.sessions.set_down(true);
    let app = Route::new().at("/", get(run)).with_auth(&house.auth);
    send(&app, checks::get("/", &[("cookie", &house.cookie)])).await;
    assert!(!RAN.load(SeqCst));
}

// The paused clock jumps to the next timer when nothing else can go on.
#[tokio::test]
async fn threat_45_a_body_that_never_comes_ends_in_time() {
    let house = House::new().await;
    let app = app(&house.auth).data(known_peer());
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let stalled = Body::from_bytes_stream(stream::pending::<std::io::Result<Bytes>>());
    let request = Request::post("/oauth/token").body(stalled);
    let answer = send(&app, request.expect("request")).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text().contains("body_too_slow"), "{}", answer.text());
    assert_eq!(started.elapsed().as_secs(), web::BODY_TIMEOUT.as_secs());
}

#[cfg(feature = "openapi")]
mod openapi {
    #![expect(
        clippy::unused_async,
        reason = "poem-openapi takes async functions only"
    )]

    use poem_openapi::payload::PlainText;
    use poem_openapi::{OpenApi, OpenApiService};

    use super::*;
    use crate::openapi::{ApiKeyAuth, BearerAuth, MaybeSessionAuth, SessionAuth};

    struct Api;

    #[OpenApi]
    impl Api {
        #[oai(path = "/me", method = "get")]
        async fn me(&self, SessionAuth(user): SessionAuth) -> PlainText<String> {
            PlainText(user.display_name().to_owned())
        }

        #[oai(path = "/me/maybe", method = "get")]
        async fn me_maybe(&self, MaybeSessionAuth(user): MaybeSessionAuth) -> PlainText<String> {
            PlainText(user.map_or("nobody".into(), |user| user.display_name().to_owned()))
        }

        #[oai(path = "/key", method = "get")]
        async fn key(&self, ApiKeyAuth(key): ApiKeyAuth) -> PlainText<String> {
            PlainText(key.subject)
        }

        #[oai(path = "/client", method = "get")]
        async fn client(&self, BearerAuth(token): BearerAuth) -> PlainText<String> {
            PlainText(token.client_id().to_owned())
        }
    }

    #[tokio::test]
    async fn schemes_are_in_the_document_and_hold() {
        let house = House::new().await;
        let api = OpenApiService::new(Api, "Host", "1");
        let document = api.spec();
        for part in [
            "__Host-auth_session",
            "\"cookie\"",
            "\"bearer\"",
            "SessionAuth",
            "BearerAuth",
            "ApiKeyAuth",
            "X-API-Key",
        ] {
            assert!(document.contains(part), "{document}");
        }
        let app = Route::new().nest("/api", api).with_auth(&house.auth);
        let me = send(&app, checks::get("/api/me", &[("cookie", &house.cookie)])).await;
        assert_eq!(me.text(), "alice");
        let bearer = [("authorization", house.bearer.as_str())];
        let client = send(&app, checks::get("/api/client", &bearer)).await;
        assert_eq!(client.text(), "machine");
        let key = [("x-api-key", house::KEY)];
        let billing = send(&app, checks::get("/api/key", &key)).await;
        assert_eq!(billing.text(), "billing");
        let cookie = [("cookie", house.cookie.as_str())];
        let maybe = send(&app, checks::get("/api/me/maybe", &cookie)).await;
        assert_eq!(maybe.text(), "alice");
        let nobody = send(&app, checks::get("/api/me/maybe", &[])).await;
        assert_eq!(nobody.text(), "nobody");
        for other in [&cookie, &bearer] {
            let person = send(&app, checks::get("/api/key", other)).await;
            assert_eq!(person.status, StatusCode::UNAUTHORIZED);
        }
        for path in ["/api/me", "/api/client", "/api/key"] {
            let nobody = send(&app, checks::get(path, &[])).await;
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
        }
        house.sessions.set_down(true);
        let me = send(&app, checks::get("/api/me", &[("cookie", &house.cookie)])).await;
        assert_eq!(me.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
