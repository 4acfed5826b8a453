//! The HTTP script through the adapter, over a socket: the bare core's answers, to the byte.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "tests; handlers take what they extract by value"
)]

use std::net::SocketAddr;
use std::time::Duration;

use adapter_poem::{
    AccessToken, Auth, Caller, ClientAddress, Scope, Session, User, WithAuth as _, guard,
    routes_outside,
};
use auth_core::testkit::script::{Script, Setting, Socket, host_routes as at};
use http::StatusCode;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::listener::TcpAcceptor;
use poem::{EndpointExt as _, IntoResponse as _, Response, Route, Server, get, handler, post};

#[handler]
fn say_user(user: User) -> String {
    user.display_name().to_owned()
}

#[handler]
fn say_optional_user(user: Option<User>) -> String {
    user.map_or("nobody".into(), |user| user.display_name().to_owned())
}

#[handler]
fn say_session(session: Session) -> String {
    session.amr.join(" ")
}

#[handler]
fn say_optional_session(session: Option<Session>) -> String {
    session.map_or("nobody".into(), |session| session.amr.join(" "))
}

fn facts(scope: &Scope) -> String {
    format!("{} admin={}", scope.user.display_name(), scope.admin)
}

#[handler]
fn say_scope(scope: Scope) -> String {
    facts(&scope)
}

#[handler]
fn say_optional_scope(scope: Option<Scope>) -> String {
    scope.map_or("nobody".into(), |scope| facts(&scope))
}

#[handler]
fn say_token(token: AccessToken) -> String {
    token.client_id().to_owned()
}

#[handler]
fn say_optional_token(token: Option<AccessToken>) -> String {
    token.map_or("no token".into(), |token| token.client_id().to_owned())
}

#[handler]
fn say_caller(caller: Caller) -> String {
    at::name_of(&caller)
}

#[handler]
fn say_optional_caller(caller: Option<Caller>) -> String {
    caller.map_or("nobody".into(), |caller| at::name_of(&caller))
}

#[handler]
fn say_address(ClientAddress(address): ClientAddress) -> String {
    address.map_or("unknown".into(), |address| address.to_string())
}

#[handler]
fn say_broken() -> Response {
    "broken"
        .with_status(StatusCode::INTERNAL_SERVER_ERROR)
        .into_response()
}

fn extractors() -> Route {
    Route::new()
        .at(at::USER, get(say_user))
        .at(at::OPTIONAL_USER, get(say_optional_user))
        .at(at::SESSION, get(say_session))
        .at(at::OPTIONAL_SESSION, get(say_optional_session))
        .at(at::SCOPE, get(say_scope))
        .at(at::OPTIONAL_SCOPE, get(say_optional_scope))
        .at(at::TOKEN, get(say_token))
        .at(at::OPTIONAL_TOKEN, get(say_optional_token))
        .at(at::CALLER, get(say_caller))
        .at(at::OPTIONAL_CALLER, get(say_optional_caller))
        .at(at::ADDRESS, get(say_address))
}

fn guarded(to: Route) -> Route {
    let say = |text: &'static str| make_sync(move |_| text);
    let behind = |said, guard| get(say(said)).with(guard);
    let both = |said, guard| get(say(said)).post(say(said)).with(guard);
    let reports = guard::scope("reports:read");
    let calls = guard::caller_with_scope("reports:read");
    let nested = Route::new().at("/page", behind("nested", guard::signed_in()));
    let form = post(say("form")).with(guard::same_origin());
    let owner = || guard::role("owner");
    let recent = guard::recent_sign_in;
    let within = guard::token_within(Duration::from_mins(10));
    to.at(at::PAGE, both("page", guard::signed_in()))
        .at(at::BROKEN_PAGE, get(say_broken).with(guard::signed_in()))
        .at(at::API, behind("api", guard::signed_in().or_401()))
        .at(at::RECENT, behind("recent", recent()))
        .at(at::RECENT_API, behind("recent", recent().or_401()))
        .at(
            at::ORGANIZATION,
            behind("organization", guard::organization()),
        )
        .at(at::OWNER, behind("owner", owner()))
        .at(at::OWNER_API, behind("owner", owner().or_401()))
        .at(at::BUYER, behind("buyer", guard::role("buyer")))
        .at(at::ADMINISTRATOR, behind("administrator", guard::admin()))
        .at(at::REPORTS, get(say_token).with(reports))
        .at(at::ADMIN, behind("admin", guard::scope("admin")))
        .at(at::RECENT_TOKEN, behind("recent", within))
        .at(
            at::STRONG_TOKEN,
            behind("strong", guard::token_acr(["gold", "silver"])),
        )
        .at(at::CALLS, both("called", guard::caller()))
        .at(at::CALLS_REPORTS, behind("called", calls))
        .at(
            at::CALLS_ADMIN,
            behind("called", guard::caller_with_scope("admin")),
        )
        .at(at::FORM, form)
        .nest("/host/nested", nested)
}

fn app(auth: &Auth, mount: &str) -> BoxEndpoint<'static, Response> {
    let app = guarded(extractors());
    if mount.is_empty() {
        return app.with_auth(auth).boxed();
    }
    let root = Route::new().nest(mount, app.with_auth_under(auth, mount));
    routes_outside(root, auth, mount).boxed()
}

async fn play(setting: Setting, reach: fn(SocketAddr) -> Socket) -> Socket {
    let script = Script::new().await;
    let host = script.host(setting).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let socket = reach(listener.local_addr().unwrap());
    let acceptor = TcpAcceptor::from_std(listener).unwrap();
    let app = app(&host.auth, setting.mount());
    // Ends with the runtime of the test.
    tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(app).await });
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
