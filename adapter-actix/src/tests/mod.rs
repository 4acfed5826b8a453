//! The adapter in an app, without a socket.

#[path = "../../../adapter-axum/src/tests/checks.rs"]
mod checks;
#[path = "../../../adapter-axum/src/tests/house.rs"]
mod house;

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::ErrorBadGateway;
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{App, Error, HttpMessage as _, HttpResponse, ResponseError as _};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};

use crate::*;
use checks::Answer;
use house::House;

async fn user(user: User) -> String {
    user.display_name().to_owned()
}

async fn user_result(user: Result<User, Rejection>) -> String {
    match user {
        Ok(user) => user.display_name().to_owned(),
        Err(no) if no.status_code() == 401 => "nobody".into(),
        Err(no) => no.to_string(),
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
        .route("/user/result", get().to(user_result))
        .route("/scope", get().to(scope))
        .route("/all", get().to(all).wrap(guard::signed_in()))
        .service(resource("/page").wrap(guard::signed_in()).to(ok))
        .route("/recent", recent())
        .route("/recent/api", recent_api)
        .route("/reports", get().to(ok).wrap(guard::scope("reports:read")))
        .service(resource("/broken").wrap(guard::signed_in()).to(broken))
        .route("/fails", get().to(fails).wrap(guard::signed_in()))
        .configure(calls)
        .service(nested)
        .with_auth(auth)
}

fn calls(config: &mut ServiceConfig) {
    let reports = guard::caller_with_scope("reports:read");
    config
        .route("/caller", get().to(caller))
        .route("/calls/reports", get().to(ok).wrap(reports))
        .route("/owner", get().to(scope).wrap(guard::role("owner")))
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
async fn what_is_found_out_is_asked_once_and_told_by_results() {
    let house = House::new().await;
    let send = site!(app(&house.auth));
    checks::one_look_up(&house, &send).await;
    checks::results(&house, &send).await;
}

#[actix_web::test]
async fn threat_04_an_address_that_was_forgotten_is_a_500_that_says_what_to_add() {
    let house = House::new().await;
    let forgotten = site!(app(&house.auth));
    // As a host at a Unix socket does.
    let told = site!(app(&house.auth).wrap_fn(|request, service| {
        let address = web::ClientAddr([192, 0, 2, 7].into());
        request.extensions_mut().insert(address);
        service.call(request)
    }));
    let without = site!(app(&checks::without_addresses().await));
    checks::unknown_client(forgotten, told, without).await;
    let app = init_service(app(&house.auth)).await;
    let asked = TestRequest::with_uri("/address").peer_addr(([192, 0, 2, 7], 443).into());
    let response = call_service(&app, asked.to_request()).await;
    assert_eq!(
        answer(response.map_into_boxed_body()).await.text(),
        "192.0.2.7"
    );
}

#[actix_web::test]
async fn guards_hold_wherever_they_are_put() {
    let house = House::new().await;
    checks::guards(&house, site!(app(&house.auth))).await;
    // On the app itself, around everything: the way to the sign-in page stays free.
    let inside = App::new().route("/user", get().to(user));
    let send = site!(inside.wrap(guard::signed_in()).with_auth(&house.auth));
    for (path, status) in [("/user", 303), ("/auth/login", 200), ("/user/none", 303)] {
        let answer = send(checks::get(path, &[])).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
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

#[test]
fn nothing_is_lost_between_the_framework_and_the_core() {
    let response = respond(checks::answer_of_the_core());
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
    // Outside of `with_auth` nothing is known either.
    let house = House::new().await;
    let send = site!(app(&house.auth).wrap(guard::signed_in()));
    let answer = send(checks::get("/user", &[])).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[actix_web::test]
async fn an_outage_keeps_the_handler_from_running() {
    static RAN: AtomicBool = AtomicBool::new(false);
    async fn run(_: Option<User>) -> &'static str {
        RAN.store(true, SeqCst);
        "ran"
    }
    let house = House::new().await;
    house.sessions.set_down(true);
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
    let asked = TestRequest::post()
        .uri("/oauth/token")
        .peer_addr(([192, 0, 2, 7], 443).into())
        .append_header(("transfer-encoding", "chunked"))
        .to_request();
    let stalled: actix_web::dev::Payload = actix_web::dev::Payload::Stream {
        payload: Box::pin(stream::pending()),
    };
    let (asked, _) = asked.replace_payload(stalled);
    let answer = answer(call_service(&app, asked).await).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert!(answer.text().contains("body_too_slow"), "{}", answer.text());
    assert_eq!(started.elapsed().as_secs(), web::BODY_TIMEOUT.as_secs());
}
