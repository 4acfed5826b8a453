//! The adapter in an app, without a socket.

mod checks;
mod house;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::Service as _;

use crate::*;
use checks::Answer;
use house::House;

async fn user(user: User) -> String {
    user.display_name().to_owned()
}

async fn user_maybe(user: Option<User>) -> String {
    user.map_or("nobody".into(), |user| user.display_name().to_owned())
}

async fn user_result(user: Result<User, Rejection>) -> String {
    use axum::response::IntoResponse as _;
    match user {
        Ok(user) => user.display_name().to_owned(),
        Err(no) => match no.into_response().status() {
            StatusCode::UNAUTHORIZED => "nobody".into(),
            status => format!("refused with {}", status.as_u16()),
        },
    }
}

async fn session(session: Session) -> String {
    session.amr.join(" ")
}

async fn session_maybe(session: Option<Session>) -> String {
    session.map_or("nobody".into(), |session| session.amr.join(" "))
}

async fn scope(scope: Scope) -> String {
    scope.user.display_name().to_owned()
}

async fn scope_maybe(scope: Option<Scope>) -> String {
    scope.map_or("nobody".into(), |scope| {
        scope.user.display_name().to_owned()
    })
}

async fn all(_: User, _: Session, _: Scope) -> &'static str {
    "ok"
}

async fn token(token: AccessToken) -> String {
    token.client_id().to_owned()
}

async fn token_maybe(token: Option<AccessToken>) -> String {
    token.map_or("no token".into(), |token| token.client_id().to_owned())
}

fn name_of(caller: &Caller) -> String {
    match &**caller {
        auth::Caller::Session(_) => "called".to_owned(),
        other => other.subject().to_owned(),
    }
}

async fn caller(caller: Caller) -> String {
    name_of(&caller)
}

async fn caller_maybe(caller: Option<Caller>) -> String {
    caller.map_or("nobody".into(), |caller| name_of(&caller))
}

async fn address(ClientAddress(address): ClientAddress) -> String {
    address.map_or("unknown".into(), |address| address.to_string())
}

async fn ok() -> &'static str {
    "ok"
}

async fn fails() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn broken() -> Result<&'static str, (StatusCode, &'static str)> {
    Err((StatusCode::BAD_GATEWAY, "broken"))
}

fn app(auth: &Auth) -> Router {
    let now = Duration::ZERO;
    let deep = Router::new().route("/page", get(ok).route_layer(guard::signed_in()));
    let nested = Router::new()
        .route("/page", get(ok))
        .layer(guard::signed_in())
        .nest("/deep", deep);
    Router::new()
        .route("/user", get(user))
        .route("/user/maybe", get(user_maybe))
        .route("/user/result", get(user_result))
        .route("/session", get(session))
        .route("/session/maybe", get(session_maybe))
        .route("/scope", get(scope))
        .route("/scope/maybe", get(scope_maybe))
        .route("/all", get(all).route_layer(guard::signed_in()))
        .route("/token", get(token))
        .route("/token/maybe", get(token_maybe))
        .route("/page", get(ok).route_layer(guard::signed_in()))
        .route("/api", get(ok).route_layer(guard::signed_in().or_401()))
        .route("/recent", get(ok).layer(guard::signed_in_within(now)))
        .route(
            "/recent/api",
            get(ok).layer(guard::signed_in_within(now).or_401()),
        )
        .route(
            "/reports",
            get(ok).route_layer(guard::scope("reports:read")),
        )
        .route("/admin", get(ok).route_layer(guard::scope("admin")))
        .route("/broken", get(broken).route_layer(guard::signed_in()))
        .route("/fails", get(fails).route_layer(guard::signed_in()))
        .merge(calls())
        .nest("/nested", nested)
        .with_auth(auth)
}

fn calls() -> Router {
    let reports = guard::caller_with_scope("reports:read");
    let owner = || guard::role("owner");
    Router::new()
        .route("/caller", get(caller))
        .route("/caller/maybe", get(caller_maybe))
        .route("/calls", get(ok).post(ok).route_layer(guard::caller()))
        .route("/calls/reports", get(ok).route_layer(reports))
        .route(
            "/calls/admin",
            get(ok).route_layer(guard::caller_with_scope("admin")),
        )
        .route("/organization", get(ok).route_layer(guard::organization()))
        .route("/owner", get(scope).route_layer(owner()))
        .route("/owner/api", get(ok).route_layer(owner().or_401()))
        .route("/administrator", get(ok).route_layer(guard::admin()))
        .route("/form", post(ok).route_layer(guard::same_origin()))
        .route("/address", get(address))
}

async fn send(app: &Router, request: Request<impl Into<Body>>) -> Answer {
    let response = app.clone().call(request.map(Into::into)).await;
    let Ok(response) = response;
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.expect("body").to_bytes(),
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
}

#[tokio::test]
async fn routes_merge_at_the_root_and_nest_under_the_path_of_the_base_url() {
    let house = House::at("http://localhost:3000/id").await;
    let merged: Router = Router::new().merge(routes(&house.auth));
    let nested: Router = Router::new().nest("/id", routes_under(&house.auth, "/id"));
    for app in [merged, nested] {
        let login = send(&app, checks::get("/id/auth/login", &[])).await;
        assert_eq!(login.status, StatusCode::OK);
        let login = send(&app, checks::get("/auth/login", &[])).await;
        assert_eq!(login.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_forgotten_set_up_is_a_500_that_says_what_to_add() {
    let app = Router::new()
        .route("/user", get(user))
        .route("/user/maybe", get(user_maybe))
        .route("/page", get(ok).route_layer(guard::signed_in()));
    for path in ["/user", "/user/maybe", "/page"] {
        let answer = send(&app, checks::get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.text().contains(".with_auth(&auth)"));
    }
}

#[derive(Clone)]
struct Host {
    auth: Auth,
    greeting: &'static str,
}

impl FromRef<Host> for Auth {
    fn from_ref(host: &Host) -> Self {
        host.auth.clone()
    }
}

impl FromRef<Host> for &'static str {
    fn from_ref(host: &Host) -> Self {
        host.greeting
    }
}

async fn greet(
    State(auth): State<Auth>,
    State(greeting): State<&'static str>,
    user: User,
) -> String {
    format!("{greeting}, {} of {}", user.display_name(), auth.issuer())
}

#[tokio::test]
async fn a_hosts_own_state_stays_its_own() {
    let house = House::new().await;
    let host = Host {
        auth: house.auth.clone(),
        greeting: "Hello",
    };
    let app = Router::new()
        .route("/", get(greet))
        .with_auth(&house.auth)
        .with_state(host);
    let answer = send(&app, checks::get("/", &[("cookie", &house.cookie)])).await;
    assert_eq!(answer.text(), "Hello, alice of http://localhost:3000");
}

#[tokio::test]
async fn an_outage_keeps_the_handler_from_running() {
    static RAN: AtomicBool = AtomicBool::new(false);
    async fn run(_: Option<User>) {
        RAN.store(true, SeqCst);
    }
    let house = House::new().await;
    house.sessions.down.store(true, SeqCst);
    let app = Router::new().route("/", get(run)).with_auth(&house.auth);
    send(&app, checks::get("/", &[("cookie", &house.cookie)])).await;
    assert!(!RAN.load(SeqCst));
}

/// Sends nothing and never ends.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

// The paused clock jumps to the next timer when nothing else can go on.
#[tokio::test]
async fn threat_45_a_body_that_never_comes_ends_in_time() {
    let house = House::new().await;
    let app = app(&house.auth);
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let request = Request::post("/oauth/token").body(Body::new(Stalled));
    let answer = send(&app, request.expect("request")).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text().contains("body_too_slow"), "{}", answer.text());
    assert_eq!(started.elapsed().as_secs(), web::BODY_TIMEOUT.as_secs());
}
