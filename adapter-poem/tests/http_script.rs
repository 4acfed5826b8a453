//! The HTTP script through the adapter, over a socket: the bare core's answers, to the byte.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "tests; handlers take what they extract by value"
)]

use adapter_poem::{AccessToken, Auth, Scope, Session, User, WithAuth as _, guard};
use auth_core::testkit::script::{Script, Setting, Socket, host_routes as at};
use http::StatusCode;
use poem::endpoint::make_sync;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Response, Route, Server, get, handler};

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
fn say_scope(scope: Scope) -> String {
    format!("{} admin={}", scope.user.display_name(), scope.admin)
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
fn say_broken() -> Response {
    "broken"
        .with_status(StatusCode::INTERNAL_SERVER_ERROR)
        .into_response()
}

fn app(auth: &Auth) -> impl Endpoint + 'static {
    let say = |text: &'static str| make_sync(move |_| text);
    let page = get(say("page")).post(say("page"));
    let nested = get(say("nested")).with(guard::signed_in());
    Route::new()
        .at(at::USER, get(say_user))
        .at(at::OPTIONAL_USER, get(say_optional_user))
        .at(at::SESSION, get(say_session))
        .at(at::SCOPE, get(say_scope))
        .at(at::TOKEN, get(say_token))
        .at(at::OPTIONAL_TOKEN, get(say_optional_token))
        .at(at::PAGE, page.with(guard::signed_in()))
        .at(at::BROKEN_PAGE, get(say_broken).with(guard::signed_in()))
        .at(at::API, get(say("api")).with(guard::signed_in().or_401()))
        .at(at::RECENT, get(say("recent")).with(guard::recent_sign_in()))
        .at(
            at::RECENT_API,
            get(say("recent")).with(guard::recent_sign_in().or_401()),
        )
        .at(
            at::REPORTS,
            get(say_token).with(guard::scope("reports:read")),
        )
        .at(at::ADMIN, get(say("admin")).with(guard::scope("admin")))
        .nest("/host/nested", Route::new().at("/page", nested))
        .with_auth(auth)
}

async fn play(setting: Setting) {
    let script = Script::new().await;
    let host = script.host(setting).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TcpAcceptor::from_std(listener).unwrap();
    let app = app(&host.auth);
    // Ends with the runtime of the test.
    tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(app).await });
    script.compare(&host, &Socket::at(address)).await;
}

#[tokio::test]
async fn at_the_root() {
    play(Setting::Root).await;
}

#[tokio::test]
async fn under_a_prefix_behind_a_proxy() {
    play(Setting::Prefix).await;
}

#[tokio::test]
async fn on_a_developers_machine() {
    play(Setting::Loopback).await;
}
