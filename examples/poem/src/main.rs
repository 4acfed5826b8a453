//! Both halves of identity in one poem app: people sign in here, and other apps sign in through it.

#![expect(
    clippy::needless_pass_by_value,
    reason = "handlers take what they extract by value"
)]

use std::process::ExitCode;

use adapter_poem::{AccessToken, Auth, Resource, Scope, User, WithAuth as _, guard};
use example_setup::{GRACE, Setup, SetupError, home_page, stop_signal};
use poem::http::header::CACHE_CONTROL;
use poem::listener::TcpAcceptor;
use poem::web::{Html, Json};
use poem::{EndpointExt as _, IntoResponse, Route, Server, get, handler};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    example_setup::report(run().await)
}

async fn run() -> Result<(), SetupError> {
    let setup = Setup::from_env().await?;
    let auth = setup
        .server
        .mails(Auth::builder(&setup.server.base_url))?
        .secrets(setup.secrets())
        .store(setup.stores.clone())
        .pages(|pages| pages.app_name("Example app"))
        .clustered(setup.clustered)
        .trusted_proxies(setup.server.trusted_proxies())
        .login(setup.server.login()?)
        .provider(setup.server.provider()?)
        .outbound(setup.server.outbound())
        .resource(Resource::default())
        .build()
        .await?;
    setup.seed.apply_users(&auth).await?;
    setup.seed.apply_clients(&auth).await?;

    let app = Route::new()
        .at("/", get(home))
        .at("/healthz", get(healthz))
        .at("/dashboard", get(dashboard).with(guard::signed_in()))
        .at("/team", get(team).with(guard::organization()))
        .at("/staff", get(team).with(guard::admin()))
        .at("/api/me", get(me).with(guard::scope("profile")))
        .with_auth(&auth);

    let listener = TcpAcceptor::from_tokio(setup.server.listen().await?)?;
    let server = Server::new_with_acceptor(listener);
    let server = server.run_with_graceful_shutdown(app, stop_signal(), Some(GRACE));
    let stopped = example_setup::until_stopped(server).await;
    example_setup::flush_audit(&auth).await;
    stopped
}

#[handler]
fn home(user: Option<User>) -> impl IntoResponse {
    let page = home_page(user.as_ref().map(|user| user.display_name()));
    Html(page).with_header(CACHE_CONTROL, "no-store")
}

#[handler]
fn healthz() -> &'static str {
    "ok"
}

#[handler]
fn dashboard(user: User) -> Html<String> {
    Html(home_page(Some(user.display_name())))
}

#[handler]
fn team(scope: Scope) -> Json<Value> {
    Json(json!({
        "organization": scope.organization,
        "role": scope.role,
        "admin": scope.admin,
    }))
}

#[handler]
fn me(token: AccessToken) -> Json<Value> {
    Json(json!({
        "sub": token.subject(),
        "client_id": token.client_id(),
        "scopes": token.scopes().iter().collect::<Vec<_>>(),
    }))
}
