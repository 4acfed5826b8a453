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
use poem::{Body, Endpoint, EndpointExt as _, Error, Route, get, handler, post};

use crate::*;
use checks::Answer;
use house::House;

#[handler]
fn ask_user(user: User) -> String {
    user.display_name().to_owned()
}

#[handler]
fn ask_user_maybe(user: Option<User>) -> String {
    user.map_or("nobody".into(), |user| user.display_name().to_owned())
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
fn ask_session(session: Session) -> String {
    session.amr.join(" ")
}

#[handler]
fn ask_session_maybe(session: Option<Session>) -> String {
    session.map_or("nobody".into(), |session| session.amr.join(" "))
}

#[handler]
fn ask_scope(scope: Scope) -> String {
    scope.user.display_name().to_owned()
}

#[handler]
fn ask_scope_maybe(scope: Option<Scope>) -> String {
    scope.map_or("nobody".into(), |scope| {
        scope.user.display_name().to_owned()
    })
}

#[handler]
fn ask_all(_user: User, _session: Session, _scope: Scope) -> &'static str {
    "ok"
}

#[handler]
fn ask_token(token: AccessToken) -> String {
    token.client_id().to_owned()
}

#[handler]
fn ask_token_maybe(token: Option<AccessToken>) -> String {
    token.map_or("no token".into(), |token| token.client_id().to_owned())
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
fn ask_caller_maybe(caller: Option<Caller>) -> String {
    caller.map_or("nobody".into(), |caller| name_of(&caller))
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

fn app(auth: &Auth) -> AuthEndpoint {
    let now = Duration::ZERO;
    let deep = Route::new().at("/page", get(ok).with(guard::signed_in()));
    let nested = Route::new()
        .at("/page", get(ok))
        .nest("/deep", deep)
        .with(guard::signed_in());
    calls()
        .at("/user", get(ask_user))
        .at("/user/maybe", get(ask_user_maybe))
        .at("/user/result", get(ask_user_result))
        .at("/session", get(ask_session))
        .at("/session/maybe", get(ask_session_maybe))
        .at("/scope", get(ask_scope))
        .at("/scope/maybe", get(ask_scope_maybe))
        .at("/all", get(ask_all).with(guard::signed_in()))
        .at("/token", get(ask_token))
        .at("/token/maybe", get(ask_token_maybe))
        .at("/page", get(ok).with(guard::signed_in()))
        .at("/api", get(ok.with(guard::signed_in().or_401())))
        .at("/recent", get(ok).with(guard::signed_in_within(now)))
        .at(
            "/recent/api",
            get(ok).with(guard::signed_in_within(now).or_401()),
        )
        .at("/reports", get(ok).with(guard::scope("reports:read")))
        .at("/admin", get(ok).with(guard::scope("admin")))
        .at("/broken", get(broken).with(guard::signed_in()))
        .at("/fails", get(fails).with(guard::signed_in()))
        .nest("/nested", nested)
        .with_auth(auth)
}

fn calls() -> Route {
    let reports = guard::caller_with_scope("reports:read");
    let admin = guard::caller_with_scope("admin");
    let owner = || guard::role("owner");
    Route::new()
        .at("/caller", get(ask_caller))
        .at("/caller/maybe", get(ask_caller_maybe))
        .at("/calls", get(ok).post(ok).with(guard::caller()))
        .at("/calls/reports", get(ok).with(reports))
        .at("/calls/admin", get(ok).with(admin))
        .at("/organization", get(ok).with(guard::organization()))
        .at("/owner", get(ask_scope).with(owner()))
        .at("/owner/api", get(ok).with(owner().or_401()))
        .at("/administrator", get(ok).with(guard::admin()))
        .at("/form", post(ok).with(guard::same_origin()))
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
async fn extractors_tell_somebody_from_nobody() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::extractors(&house, async |request| send(&app, request).await).await;
    checks::one_look_up(&house, async |request| send(&app, request).await).await;
}

#[tokio::test]
async fn an_outage_is_never_nobody() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::outage(&house, async |request| send(&app, request).await).await;
}

#[tokio::test]
async fn guards_hold_wherever_they_are_put() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::guards(&house, async |request| send(&app, request).await).await;
}

#[tokio::test]
async fn whoever_calls_is_known_by_what_it_brings() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::callers(&house, async |request| send(&app, request).await).await;
    checks::roles(&house, async |request| send(&app, request).await).await;
    assert_eq!(
        send(&app, checks::get("/address", &[])).await.text(),
        "unknown"
    );
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
    checks::conversion(async |request| send(&app, request).await).await;
    let response = convert::respond(checks::answer_of_the_core());
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
    house.sessions.down.store(true, SeqCst);
    let app = Route::new().at("/", get(run)).with_auth(&house.auth);
    send(&app, checks::get("/", &[("cookie", &house.cookie)])).await;
    assert!(!RAN.load(SeqCst));
}

// The paused clock jumps to the next timer when nothing else can go on.
#[tokio::test]
async fn threat_45_a_body_that_never_comes_ends_in_time() {
    let house = House::new().await;
    let app = app(&house.auth);
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
    use crate::openapi::{BearerAuth, SessionAuth};

    struct Api;

    #[OpenApi]
    impl Api {
        #[oai(path = "/me", method = "get")]
        async fn me(&self, SessionAuth(user): SessionAuth) -> PlainText<String> {
            PlainText(user.display_name().to_owned())
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
        ] {
            assert!(document.contains(part), "{document}");
        }
        let app = Route::new().nest("/api", api).with_auth(&house.auth);
        let me = send(&app, checks::get("/api/me", &[("cookie", &house.cookie)])).await;
        assert_eq!(me.text(), "alice");
        let bearer = [("authorization", house.bearer.as_str())];
        let client = send(&app, checks::get("/api/client", &bearer)).await;
        assert_eq!(client.text(), "machine");
        for path in ["/api/me", "/api/client"] {
            let nobody = send(&app, checks::get(path, &[])).await;
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
        }
        house.sessions.down.store(true, SeqCst);
        let me = send(&app, checks::get("/api/me", &[("cookie", &house.cookie)])).await;
        assert_eq!(me.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
