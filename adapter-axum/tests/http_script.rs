//! The HTTP script through the adapter, over a socket: the bare core's answers, to the byte.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use adapter_axum::{AccessToken, Auth, Scope, Session, User, WithAuth as _, guard};
use auth_core::testkit::script::{Script, Setting, Socket, host_routes as at};
use axum::Router;
use axum::routing::get;
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

async fn scope(scope: Scope) -> String {
    format!("{} admin={}", scope.user.display_name(), scope.admin)
}

async fn token(token: AccessToken) -> String {
    token.client_id().to_owned()
}

async fn optional_token(token: Option<AccessToken>) -> String {
    token.map_or("no token".into(), |token| token.client_id().to_owned())
}

fn app(auth: &Auth) -> Router {
    let say = |text: &'static str| move || async move { text };
    let page = get(say("page")).post(say("page"));
    let broken = || async { (StatusCode::INTERNAL_SERVER_ERROR, "broken") };
    let nested = get(say("nested")).route_layer(guard::signed_in());
    Router::new()
        .route(at::USER, get(user))
        .route(at::OPTIONAL_USER, get(optional_user))
        .route(at::SESSION, get(session))
        .route(at::SCOPE, get(scope))
        .route(at::TOKEN, get(token))
        .route(at::OPTIONAL_TOKEN, get(optional_token))
        .route(at::PAGE, page.route_layer(guard::signed_in()))
        .route(at::BROKEN_PAGE, get(broken).route_layer(guard::signed_in()))
        .route(
            at::API,
            get(say("api")).route_layer(guard::signed_in().or_401()),
        )
        .route(
            at::RECENT,
            get(say("recent")).route_layer(guard::recent_sign_in()),
        )
        .route(
            at::RECENT_API,
            get(say("recent")).route_layer(guard::recent_sign_in().or_401()),
        )
        .route(
            at::REPORTS,
            get(token).route_layer(guard::scope("reports:read")),
        )
        .route(
            at::ADMIN,
            get(say("admin")).route_layer(guard::scope("admin")),
        )
        .nest("/host/nested", Router::new().route("/page", nested))
        .with_auth(auth)
}

async fn play(setting: Setting) {
    let script = Script::new().await;
    let host = script.host(setting).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app(&host.auth).into_make_service_with_connect_info::<SocketAddr>();
    // Ends with the runtime of the test.
    tokio::spawn(async move { axum::serve(listener, service).await });
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
