//! The adapter in an app, without a socket.

mod checks;
mod house;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{FromRef, State};
use axum::routing::get;
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

async fn scope(scope: Scope) -> String {
    scope.user.display_name().to_owned()
}

async fn all(_: User, _: Session, _: Scope) -> &'static str {
    "ok"
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
        .route("/user/result", get(user_result))
        .route("/scope", get(scope))
        .route("/all", get(all).route_layer(guard::signed_in()))
        .route("/page", get(ok).route_layer(guard::signed_in()))
        .route("/recent", get(ok).layer(guard::signed_in_within(now)))
        .route(
            "/recent/api",
            get(ok).layer(guard::signed_in_within(now).or_401()),
        )
        .route(
            "/reports",
            get(ok).route_layer(guard::scope("reports:read")),
        )
        .route("/broken", get(broken).route_layer(guard::signed_in()))
        .route("/fails", get(fails).route_layer(guard::signed_in()))
        .merge(calls())
        .nest("/nested", nested)
        .with_auth(auth)
}

fn calls() -> Router {
    let reports = guard::caller_with_scope("reports:read");
    Router::new()
        .route("/caller", get(caller))
        .route("/calls/reports", get(ok).route_layer(reports))
        .route("/owner", get(scope).route_layer(guard::role("owner")))
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
async fn what_is_found_out_is_asked_once_and_told_by_results() {
    let house = House::new().await;
    let app = app(&house.auth);
    checks::one_look_up(&house, async |request| send(&app, request).await).await;
    checks::results(&house, async |request| send(&app, request).await).await;
}

fn known_peer() -> MockConnectInfo<SocketAddr> {
    MockConnectInfo(([192, 0, 2, 7], 443).into())
}

#[tokio::test]
async fn threat_04_an_address_that_was_forgotten_is_a_500_that_says_what_to_add() {
    let house = House::new().await;
    let forgotten = app(&house.auth);
    let told = app(&house.auth).layer(known_peer());
    let without = app(&checks::without_addresses().await);
    checks::unknown_client(
        async |request| send(&forgotten, request).await,
        async |request| send(&told, request).await,
        async |request| send(&without, request).await,
    )
    .await;
    let said = axum::Extension(web::ClientAddr([192, 0, 2, 8].into()));
    let said = app(&house.auth).layer(said).layer(known_peer());
    let answer = send(&said, checks::get("/address", &[])).await;
    assert_eq!(answer.text(), "192.0.2.8");
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

#[test]
fn nothing_is_lost_between_the_framework_and_the_core() {
    let response = respond(checks::answer_of_the_core());
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
        .route("/page", get(ok).route_layer(guard::signed_in()));
    for path in ["/user", "/page"] {
        let answer = send(&app, checks::get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.text().contains(".with_auth(&auth)"));
    }
    // Outside of `with_auth` nothing is known either.
    let house = House::new().await;
    let outside = app.with_auth(&house.auth).layer(guard::signed_in());
    let answer = send(&outside, checks::get("/user", &[])).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let inside = Router::new().route("/user", get(user));
    let inside = inside.layer(guard::signed_in()).with_auth(&house.auth);
    for (path, status) in [("/user", 303), ("/auth/login", 200)] {
        let answer = send(&inside, checks::get(path, &[])).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
#[should_panic(expected = "` already exists")]
async fn twice_is_a_panic_that_names_the_route() {
    let house = House::new().await;
    drop(app(&house.auth).with_auth(&house.auth));
}

#[tokio::test]
async fn connect_has_no_body() {
    let house = House::new().await;
    let app = app(&house.auth).layer(known_peer());
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let request = Request::connect("/oauth/token").body(Body::new(Stalled));
    let answer = send(&app, request.expect("request")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(started.elapsed().as_secs(), 0);
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
    house.sessions.set_down(true);
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
    let app = app(&house.auth).layer(known_peer());
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let request = Request::post("/oauth/token").body(Body::new(Stalled));
    let answer = send(&app, request.expect("request")).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text().contains("body_too_slow"), "{}", answer.text());
    assert_eq!(started.elapsed().as_secs(), web::BODY_TIMEOUT.as_secs());
}
