//! One half of identity in an axum app: it has accounts and a sign-in form of its own, and other apps sign in through it.
//!
//! What joins the two is `resolver.rs`: the provider's questions about accounts, answered from this app's tables.
//! Accounts come from the seed file (without one, a demo account is made and told) and lie in `accounts.db` in the data
//! folder, beside what the environment names for the provider's own records.

mod accounts;
mod passwords;
mod resolver;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::process::ExitCode;

use adapter_axum::web::private_headers;
use adapter_axum::{AccessToken, Auth, Resource, WithAuth as _, guard};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use example_setup::{Setup, SetupError, stop_signal};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::resolver::Resolver;
use crate::sign_in::{Door, SignedIn};

#[tokio::main]
async fn main() -> ExitCode {
    example_setup::report(run().await)
}

async fn run() -> Result<(), SetupError> {
    let setup = Setup::from_env().await?;
    let (app, auth) = app(&setup).await?;
    let listener = setup.server.listen().await?;
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop_signal());
    let stopped = example_setup::until_stopped(server.into_future()).await;
    example_setup::flush_audit(&auth).await;
    stopped
}

async fn app(setup: &Setup) -> Result<(Router, Auth), SetupError> {
    if setup.clustered {
        return Err("CLUSTERED: the accounts of this example are a SQLite file, which other nodes cannot see".into());
    }
    let accounts = Accounts::open(setup.data_folder()?).await?;
    for user in &setup.seed.users {
        accounts.ensure(user).await?;
    }
    // For a first try on this machine; elsewhere accounts come from a seed.
    if setup.seed.users.is_empty() && setup.server.base_url.starts_with("http://") {
        offer_demo(&accounts).await?;
    }
    let auth = Auth::builder(&setup.server.base_url)
        .secrets(setup.secrets())
        .store(setup.stores.clone())
        .pages(|pages| pages.app_name("Example app"))
        .trusted_proxies(setup.server.trusted_proxies())
        .provider(
            setup
                .server
                .provider()?
                .accounts(Resolver::new(accounts.clone(), setup)?),
        )
        .outbound(setup.server.outbound())
        .resource(Resource::default())
        .build()
        .await?;
    setup.seed.apply_clients(&auth).await?;

    let door = Door::new(setup, accounts, auth.clone())?;
    let app = Router::new()
        .route("/", get(sign_in::home))
        .route("/healthz", get(|| async { "ok" }))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", axum::routing::post(sign_in::sign_out))
        .route("/dashboard", get(dashboard))
        .route("/api/me", get(me).route_layer(guard::scope("profile")))
        .with_auth(&auth)
        .with_state(door);
    Ok((app, auth))
}

/// An account with a password drawn now and told once, where there is none yet.
#[expect(
    clippy::print_stdout,
    reason = "for the person at the terminal; no log has it"
)]
async fn offer_demo(accounts: &Accounts) -> Result<(), SetupError> {
    if !accounts.is_empty().await? {
        return Ok(());
    }
    let (email, password) = ("demo@example.com", example_setup::ephemeral_secret());
    let demo = json!({ "email": email, "password": password, "name": "Demo" });
    accounts.ensure(&serde_json::from_value(demo)?).await?;
    println!("Sign in as {email} with the password {password}");
    Ok(())
}

async fn dashboard(SignedIn(account): SignedIn) -> Response {
    let name = example_setup::escape(account.display_name());
    let body = format!(
        "<p id=\"who\">Signed in as <strong>{name}</strong>.</p><p><a href=\"/\">Home</a></p>"
    );
    let mut response = Html(example_setup::page("Dashboard", &body)).into_response();
    private_headers(response.headers_mut());
    response
}

async fn me(token: AccessToken) -> Json<Value> {
    Json(json!({
        "sub": token.subject(),
        "client_id": token.client_id(),
        "scopes": token.scopes().iter().collect::<Vec<_>>(),
    }))
}
