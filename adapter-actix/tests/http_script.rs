//! The HTTP script through the adapter, over a socket: the bare core's answers, to the byte.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig, get, post};
use actix_web::{App, HttpServer};
use adapter_actix::{
    AccessToken, Caller, ClientAddress, Scope, Session, User, WithAuth as _, WithAuthUnder as _,
    guard, routes_outside,
};
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

fn extractors(config: &mut ServiceConfig) {
    config
        .route(at::USER, get().to(user))
        .route(at::OPTIONAL_USER, get().to(optional_user))
        .route(at::SESSION, get().to(session))
        .route(at::OPTIONAL_SESSION, get().to(optional_session))
        .route(at::SCOPE, get().to(scope))
        .route(at::OPTIONAL_SCOPE, get().to(optional_scope))
        .route(at::TOKEN, get().to(token))
        .route(at::OPTIONAL_TOKEN, get().to(optional_token))
        .route(at::CALLER, get().to(caller))
        .route(at::OPTIONAL_CALLER, get().to(optional_caller))
        .route(at::ADDRESS, get().to(address));
}

fn guarded(config: &mut ServiceConfig) {
    let text = |text: &'static str| move || async move { text };
    let behind = |said, guard| get().to(text(said)).wrap(guard);
    let both = |path: &str, said, guard| {
        let resource = web::resource(path).route(get().to(text(said)));
        resource.route(post().to(text(said))).wrap(guard)
    };
    let reports = guard::scope("reports:read");
    let calls = guard::caller_with_scope("reports:read");
    let broken = || async { ("broken", StatusCode::INTERNAL_SERVER_ERROR) };
    let nested = web::scope("/host/nested").route("/page", behind("nested", guard::signed_in()));
    let form = post().to(text("form")).wrap(guard::same_origin());
    let owner = || guard::role("owner");
    let recent = guard::recent_sign_in;
    let within = guard::token_within(Duration::from_mins(10));
    config
        .service(both(at::PAGE, "page", guard::signed_in()))
        .route(at::BROKEN_PAGE, get().to(broken).wrap(guard::signed_in()))
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
        .route(at::REPORTS, get().to(token).wrap(reports))
        .route(at::ADMIN, behind("admin", guard::scope("admin")))
        .route(at::RECENT_TOKEN, behind("recent", within))
        .route(
            at::STRONG_TOKEN,
            behind("strong", guard::token_acr(["gold", "silver"])),
        )
        .service(both(at::CALLS, "called", guard::caller()))
        .route(at::CALLS_REPORTS, behind("called", calls))
        .route(
            at::CALLS_ADMIN,
            behind("called", guard::caller_with_scope("admin")),
        )
        .route(at::FORM, form)
        .service(nested);
}

async fn play(setting: Setting, reach: fn(SocketAddr) -> Socket) -> Socket {
    let script = Script::new().await;
    let host = script.host(setting).await;
    let (auth, mount) = (host.auth.clone(), setting.mount());
    // Each of the two is an app of its own type.
    let server = if mount.is_empty() {
        let app = move || {
            let app = App::new().configure(extractors).configure(guarded);
            app.with_auth(&auth)
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        (server.addrs()[0], server.run())
    } else {
        let app = move || {
            let scope = web::scope(mount).configure(extractors).configure(guarded);
            App::new()
                .service(scope.with_auth_under(&auth, mount))
                .configure(routes_outside(&auth, mount))
        };
        let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
        (server.addrs()[0], server.run())
    };
    let (address, server) = server;
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let socket = reach(address);
    script.compare(&host, &socket).await;
    handle.stop(false).await;
    socket
}

#[actix_web::test]
async fn at_the_root() {
    play(Setting::Root, Socket::at).await;
}

#[actix_web::test]
async fn under_a_prefix_behind_a_proxy() {
    play(Setting::Prefix, Socket::at).await;
}

#[actix_web::test]
async fn mounted_by_the_framework() {
    play(Setting::Nested, Socket::at).await;
}

#[actix_web::test]
async fn on_a_developers_machine_over_connections_that_are_kept() {
    let socket = play(Setting::Loopback, Socket::keeping_alive).await;
    // Of thousands of requests, few end their connection.
    assert!(socket.connections() < 250, "{}", socket.connections());
}
