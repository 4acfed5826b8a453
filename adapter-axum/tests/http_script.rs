//! The HTTP script through the adapter, over a socket: the bare core's answers, to the byte.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::time::Duration;

use adapter_axum::{
    AccessToken, Auth, Caller, ClientAddress, Scope, Session, User, WithAuth as _, guard,
    routes_outside,
};
use auth_core::testkit::script::{Script, Setting, Socket, host_routes as at};
use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;
use tokio::net::TcpListener;

async fn user(user: User) -> String {
    user.display_name().to_owned()
}

async fn optional_user(user: Option<User>) -> String {
    user.map_or("nobody".into(), |user| user.display_name().to_owned())
}

async fn session(session: Session) -> String {
    session.amr.join(" ")
}

async fn optional_session(session: Option<Session>) -> String {
    session.map_or("nobody".into(), |session| session.amr.join(" "))
}

fn facts(scope: &Scope) -> String {
    format!("{} admin={}", scope.user.display_name(), scope.admin)
}

async fn scope(scope: Scope) -> String {
    facts(&scope)
}

async fn optional_scope(scope: Option<Scope>) -> String {
    scope.map_or("nobody".into(), |scope| facts(&scope))
}

async fn token(token: AccessToken) -> String {
    token.client_id().to_owned()
}

async fn optional_token(token: Option<AccessToken>) -> String {
    token.map_or("no token".into(), |token| token.client_id().to_owned())
}

async fn caller(caller: Caller) -> String {
    at::name_of(&caller)
}

async fn optional_caller(caller: Option<Caller>) -> String {
    caller.map_or("nobody".into(), |caller| at::name_of(&caller))
}

async fn address(ClientAddress(address): ClientAddress) -> String {
    address.map_or("unknown".into(), |address| address.to_string())
}

fn extractors() -> Router {
    Router::new()
        .route(at::USER, get(user))
        .route(at::OPTIONAL_USER, get(optional_user))
        .route(at::SESSION, get(session))
        .route(at::OPTIONAL_SESSION, get(optional_session))
        .route(at::SCOPE, get(scope))
        .route(at::OPTIONAL_SCOPE, get(optional_scope))
        .route(at::TOKEN, get(token))
        .route(at::OPTIONAL_TOKEN, get(optional_token))
        .route(at::CALLER, get(caller))
        .route(at::OPTIONAL_CALLER, get(optional_caller))
        .route(at::ADDRESS, get(address))
}

fn guarded() -> Router {
    let text = |text: &'static str| move || async move { text };
    let say = |said| get(text(said));
    let behind = |said, guard| get(text(said)).route_layer(guard);
    let reports = guard::scope("reports:read");
    let calls = guard::caller_with_scope("reports:read");
    let broken = || async { (StatusCode::INTERNAL_SERVER_ERROR, "broken") };
    let nested = Router::new().route("/page", behind("nested", guard::signed_in()));
    let page = say("page").post(text("page"));
    let calling = say("called").post(text("called"));
    let form = post(text("form")).route_layer(guard::same_origin());
    let owner = || guard::role("owner");
    let recent = guard::recent_sign_in;
    let within = guard::token_within(Duration::from_mins(10));
    Router::new()
        .route(at::PAGE, page.route_layer(guard::signed_in()))
        .route(at::BROKEN_PAGE, get(broken).route_layer(guard::signed_in()))
        .route(at::API, behind("api", guard::signed_in().or_401()))
        .route(at::RECENT, behind("recent", recent()))
        .route(at::RECENT_API, behind("recent", recent().or_401()))
        .route(
            at::ORGANIZATION,
            behind("organization", guard::organization()),
        )
        .route(at::OWNER, behind("owner", owner()))
        .route(at::OWNER_API, behind("owner", owner().or_401()))
        .route(at::BUYER, behind("buyer", guard::role("buyer")))
        .route(at::ADMINISTRATOR, behind("administrator", guard::admin()))
        .route(at::REPORTS, get(token).route_layer(reports))
        .route(at::ADMIN, behind("admin", guard::scope("admin")))
        .route(at::RECENT_TOKEN, behind("recent", within))
        .route(
            at::STRONG_TOKEN,
            behind("strong", guard::token_acr(["gold", "silver"])),
        )
        .route(at::CALLS, calling.route_layer(guard::caller()))
        .route(at::CALLS_REPORTS, behind("called", calls))
        .route(
            at::CALLS_ADMIN,
            behind("called", guard::caller_with_scope("admin")),
        )
        .route(at::FORM, form)
        .nest("/host/nested", nested)
}

fn app(auth: &Auth, mount: &str) -> Router {
    let app = extractors().merge(guarded());
    if mount.is_empty() {
        return app.with_auth(auth);
    }
    Router::new()
        .nest(mount, app.with_auth_under(auth, mount))
        .merge(routes_outside(auth, mount))
}

async fn play(setting: Setting, reach: fn(SocketAddr) -> Socket) -> Socket {
    let script = Script::new().await;
    let host = script.host(setting).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = reach(listener.local_addr().unwrap());
    let app = app(&host.auth, setting.mount());
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    // Ends with the runtime of the test.
    tokio::spawn(async move { axum::serve(listener, service).await });
    script.compare(&host, &socket).await;
    socket
}

#[tokio::test]
async fn at_the_root() {
    play(Setting::Root, Socket::at).await;
}

#[tokio::test]
async fn under_a_prefix_behind_a_proxy() {
    play(Setting::Prefix, Socket::at).await;
}

#[tokio::test]
async fn mounted_by_the_framework() {
    play(Setting::Nested, Socket::at).await;
}

#[tokio::test]
async fn on_a_developers_machine_over_connections_that_are_kept() {
    let socket = play(Setting::Loopback, Socket::keeping_alive).await;
    // Of thousands of requests, few end their connection.
    assert!(socket.connections() < 250, "{}", socket.connections());
}
