//! Both halves of identity in one axum app: people sign in here, and other apps sign in through it.

use std::net::SocketAddr;
use std::process::ExitCode;

use adapter_axum::{AccessToken, Auth, Resource, Scope, User, WithAuth as _, guard};
use axum::http::header::CACHE_CONTROL;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use example_setup::{Setup, SetupError, home_page, stop_signal};
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
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["rotate-keys"] => {
            // Hosts that run on the same stores publish the new keys within a minute and sign with them in ten.
            auth.provider()?.rotate_signing_keys().await?;
            example_setup::flush_audit(&auth).await;
            return Ok(());
        }
        ["invite", email, organization] => {
            return example_setup::invite(&auth, email, organization).await;
        }
        _ => {}
    }
    setup.seed.apply_users(&auth).await?;
    setup.seed.apply_clients(&auth).await?;

    let app = Router::new()
        .route("/", get(home))
        .route("/healthz", get(|| async { "ok" }))
        .route("/dashboard", get(dashboard).route_layer(guard::signed_in()))
        .route("/team", get(team).route_layer(guard::organization()))
        .route("/staff", get(team).route_layer(guard::admin()))
        .route("/api/me", get(me).route_layer(guard::scope("profile")))
        .with_auth(&auth)
        .with_state(auth.clone());

    let listener = setup.server.listen().await?;
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop_signal());
    let stopped = example_setup::until_stopped(server.into_future()).await;
    example_setup::flush_audit(&auth).await;
    stopped
}

async fn home(user: Option<User>) -> impl IntoResponse {
    let page = home_page(user.as_ref().map(|user| user.display_name()));
    ([(CACHE_CONTROL, "no-store")], Html(page))
}

async fn dashboard(user: User) -> Html<String> {
    Html(home_page(Some(user.display_name())))
}

async fn team(scope: Scope) -> Json<Value> {
    Json(json!({
        "organization": scope.organization,
        "role": scope.role,
        "admin": scope.admin,
    }))
}

async fn me(token: AccessToken) -> Json<Value> {
    Json(json!({
        "sub": token.subject(),
        "client_id": token.client_id(),
        "scopes": token.scopes().iter().collect::<Vec<_>>(),
    }))
}
