//! The adapter in an app, without a socket.

#[path = "../../../adapter-axum/src/tests/checks.rs"]
mod checks;
#[path = "../../../adapter-axum/src/tests/house.rs"]
mod house;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::ErrorBadGateway;
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{ServiceConfig, get, post, resource};
use actix_web::{App, Error, HttpResponse, ResponseError as _};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};

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
    match user {
        Ok(user) => user.display_name().to_owned(),
        Err(no) if no.status_code() == 401 => "nobody".into(),
        Err(no) => no.to_string(),
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

async fn fails() -> HttpResponse {
    HttpResponse::InternalServerError().finish()
}

async fn broken() -> Result<&'static str, Error> {
    Err(ErrorBadGateway("broken"))
}

fn app(
    auth: &Auth,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let now = Duration::ZERO;
    let on_a_route = get().to(ok).wrap(guard::signed_in());
    let deep = actix_web::web::scope("/deep").route("/page", on_a_route);
    let nested = actix_web::web::scope("/nested")
        .wrap(guard::signed_in())
        .route("/page", get().to(ok))
        .service(deep);
    let recent = || get().to(ok).wrap(guard::signed_in_within(now));
    let recent_api = get().to(ok).wrap(guard::signed_in_within(now).or_401());
    App::new()
        .route("/user", get().to(user))
        .route("/user/maybe", get().to(user_maybe))
        .route("/user/result", get().to(user_result))
        .route("/session", get().to(session))
        .route("/session/maybe", get().to(session_maybe))
        .route("/scope", get().to(scope))
        .route("/scope/maybe", get().to(scope_maybe))
        .route("/all", get().to(all).wrap(guard::signed_in()))
        .route("/token", get().to(token))
        .route("/token/maybe", get().to(token_maybe))
        .service(resource("/page").wrap(guard::signed_in()).to(ok))
        .service(resource("/api").wrap(guard::signed_in().or_401()).to(ok))
        .route("/recent", recent())
        .route("/recent/api", recent_api)
        .route("/reports", get().to(ok).wrap(guard::scope("reports:read")))
        .route("/admin", get().to(ok).wrap(guard::scope("admin")))
        .service(resource("/broken").wrap(guard::signed_in()).to(broken))
        .route("/fails", get().to(fails).wrap(guard::signed_in()))
        .configure(calls)
        .service(nested)
        .with_auth(auth)
}

fn calls(config: &mut ServiceConfig) {
    let reports = guard::caller_with_scope("reports:read");
    let admin = guard::caller_with_scope("admin");
    let owner = || guard::role("owner");
    config
        .route("/caller", get().to(caller))
        .route("/caller/maybe", get().to(caller_maybe))
        .service(resource("/calls").wrap(guard::caller()).to(ok))
        .route("/calls/reports", get().to(ok).wrap(reports))
        .route("/calls/admin", get().to(ok).wrap(admin))
        .route("/organization", get().to(ok).wrap(guard::organization()))
        .route("/owner", get().to(scope).wrap(owner()))
        .route("/owner/api", get().to(ok).wrap(owner().or_401()))
        .route("/administrator", get().to(ok).wrap(guard::admin()))
        .route("/form", post().to(ok).wrap(guard::same_origin()))
        .route("/address", get().to(address));
}

fn request(request: Request<Bytes>) -> TestRequest {
    let (parts, body) = request.into_parts();
    let method = Method::from_bytes(parts.method.as_str().as_bytes()).expect("method");
    let mut request = TestRequest::with_uri(&parts.uri.to_string())
        .method(method)
        .set_payload(body);
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).expect("name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("value");
        request = request.append_header((name, value));
    }
    request
}

async fn answer(response: ServiceResponse) -> Answer {
    let mut headers = convert::headers(response.headers());
    if let BodySize::Sized(length) = response.response().body().size() {
        headers.insert("content-length", length.into());
    }
    Answer {
        status: StatusCode::from_u16(response.status().as_u16()).expect("status"),
        headers,
        body: read_body(response).await,
    }
}

// A service of actix-web has a type that cannot be written down.
macro_rules! site {
    ($app:expr) => {{
        let app = init_service($app).await;
        async move |asked: Request<Bytes>| {
            let response = call_service(&app, request(asked).to_request()).await;
            answer(response.map_into_boxed_body()).await
        }
    }};
}

#[actix_web::test]
async fn extractors_tell_somebody_from_nobody() {
    let house = House::new().await;
    let send = site!(app(&house.auth));
    checks::extractors(&house, &send).await;
    checks::one_look_up(&house, &send).await;
}

#[actix_web::test]
async fn an_outage_is_never_nobody() {
    let house = House::new().await;
    checks::outage(&house, site!(app(&house.auth))).await;
}

#[actix_web::test]
async fn guards_hold_wherever_they_are_put() {
    let house = House::new().await;
    checks::guards(&house, site!(app(&house.auth))).await;
    // On the app itself, around everything.
    let send = site!(app(&house.auth).wrap(guard::signed_in().or_401()));
    let nobody = send(checks::get("/user/maybe", &[])).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let alice = send(checks::get("/user/maybe", &[("cookie", &house.cookie)])).await;
    assert_eq!(alice.text(), "alice");
}

#[actix_web::test]
async fn whoever_calls_is_known_by_what_it_brings() {
    let house = House::new().await;
    let send = site!(app(&house.auth));
    checks::callers(&house, &send).await;
    checks::roles(&house, &send).await;
    assert_eq!(send(checks::get("/address", &[])).await.text(), "unknown");
}

#[actix_web::test]
async fn a_session_in_use_outlives_its_idle_time_whatever_the_handler_answers() {
    let house = House::new().await;
    checks::in_use(&house, site!(app(&house.auth))).await;
}

#[actix_web::test]
async fn a_wing_that_is_not_set_up_is_a_500_that_says_what_to_add() {
    let auth = checks::without_wings().await;
    checks::not_set_up(site!(app(&auth))).await;
}

#[actix_web::test]
async fn nothing_is_lost_between_the_framework_and_the_core() {
    let house = House::new().await;
    checks::conversion(site!(app(&house.auth))).await;
    let response = convert::respond(checks::answer_of_the_core());
    checks::is_the_answer_of_the_core(&convert::headers(response.headers()));
}

#[actix_web::test]
async fn routes_stand_at_the_root_and_in_a_scope_at_the_path_of_the_base_url() {
    let house = House::at("http://localhost:3000/id").await;
    let login = [
        site!(App::new().configure(routes(&house.auth)))(checks::get("/id/auth/login", &[])).await,
        site!(
            App::new()
                .service(actix_web::web::scope("/id").configure(routes_under(&house.auth, "/id")))
        )(checks::get("/id/auth/login", &[]))
        .await,
    ];
    for login in login {
        assert_eq!(login.status, StatusCode::OK);
    }
}

#[actix_web::test]
async fn a_forgotten_set_up_is_a_500_that_says_what_to_add() {
    let send = site!(
        App::new()
            .route("/user", get().to(user))
            .route("/page", get().to(ok).wrap(guard::signed_in()))
    );
    for path in ["/user", "/page"] {
        let answer = send(checks::get(path, &[])).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.text().contains(".with_auth(&auth)"));
    }
}

#[actix_web::test]
async fn an_outage_keeps_the_handler_from_running() {
    static RAN: AtomicBool = AtomicBool::new(false);
    async fn run(_: Option<User>) -> &'static str {
        RAN.store(true, SeqCst);
        "ran"
    }
    let house = House::new().await;
    house.sessions.down.store(true, SeqCst);
    let app = App::new().route("/", get().to(run)).with_auth(&house.auth);
    site!(app)(checks::get("/", &[("cookie", &house.cookie)])).await;
    assert!(!RAN.load(SeqCst));
}

// The paused clock jumps to the next timer when nothing else can go on.
#[actix_web::test]
async fn threat_45_a_body_that_never_comes_ends_in_time() {
    let house = House::new().await;
    let app = init_service(app(&house.auth)).await;
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let asked = TestRequest::post().uri("/oauth/token").to_request();
    let stalled: actix_web::dev::Payload = actix_web::dev::Payload::Stream {
        payload: Box::pin(stream::pending()),
    };
    let (asked, _) = asked.replace_payload(stalled);
    let answer = answer(call_service(&app, asked).await).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text().contains("body_too_slow"), "{}", answer.text());
    assert_eq!(started.elapsed().as_secs(), web::BODY_TIMEOUT.as_secs());
}
