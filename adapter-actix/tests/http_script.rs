//! The HTTP script through the adapter, over a socket: the bare core's answers, to the byte.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig, get, post};
use actix_web::{App, HttpServer};
use adapter_actix::{AccessToken, Scope, Session, User, WithAuth as _, guard};
use auth_core::testkit::script::{Script, Setting, Socket, host_routes as at};

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

fn routes(config: &mut ServiceConfig) {
    let say = |text: &'static str| move || async move { text };
    let broken = || async { ("broken", StatusCode::INTERNAL_SERVER_ERROR) };
    let page = web::resource(at::PAGE)
        .wrap(guard::signed_in())
        .route(get().to(say("page")))
        .route(post().to(say("page")));
    let nested = get().to(say("nested")).wrap(guard::signed_in());
    config
        .route(at::USER, get().to(user))
        .route(at::OPTIONAL_USER, get().to(optional_user))
        .route(at::SESSION, get().to(session))
        .route(at::SCOPE, get().to(scope))
        .route(at::TOKEN, get().to(token))
        .route(at::OPTIONAL_TOKEN, get().to(optional_token))
        .service(page)
        .route(at::BROKEN_PAGE, get().to(broken).wrap(guard::signed_in()))
        .route(
            at::API,
            get().to(say("api")).wrap(guard::signed_in().or_401()),
        )
        .route(
            at::RECENT,
            get().to(say("recent")).wrap(guard::recent_sign_in()),
        )
        .route(
            at::RECENT_API,
            get()
                .to(say("recent"))
                .wrap(guard::recent_sign_in().or_401()),
        )
        .route(
            at::REPORTS,
            get().to(token).wrap(guard::scope("reports:read")),
        )
        .route(
            at::ADMIN,
            get().to(say("admin")).wrap(guard::scope("admin")),
        )
        .service(web::scope("/host/nested").route("/page", nested));
}

async fn play(setting: Setting) {
    let script = Script::new().await;
    let host = script.host(setting).await;
    let auth = host.auth.clone();
    let server = HttpServer::new(move || App::new().configure(routes).with_auth(&auth));
    let server = server.workers(1).bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    script.compare(&host, &Socket::at(address)).await;
    handle.stop(false).await;
}

#[actix_web::test]
async fn at_the_root() {
    play(Setting::Root).await;
}

#[actix_web::test]
async fn under_a_prefix_behind_a_proxy() {
    play(Setting::Prefix).await;
}

#[actix_web::test]
async fn on_a_developers_machine() {
    play(Setting::Loopback).await;
}
