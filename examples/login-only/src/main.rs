//! One half of identity in an axum app: people sign in here, and no other app signs in through it. Its own API knows
//! them by their session.

use std::net::SocketAddr;
use std::process::ExitCode;

use adapter_axum::{Auth, Session, User, WithAuth as _, guard};
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
        .outbound(setup.server.outbound())
        .build()
        .await?;
    setup.seed.apply_users(&auth).await?;

    let app = Router::new()
        .route("/", get(home))
        .route("/healthz", get(|| async { "ok" }))
        .route("/dashboard", get(dashboard).route_layer(guard::signed_in()))
        // Without a provider there are no tokens: the app's own front end calls with its session cookie.
        .route("/api/me", get(me).route_layer(guard::signed_in().or_401()))
        .with_auth(&auth);

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

async fn me(user: User, session: Session) -> Json<Value> {
    Json(json!({
        "sub": user.id,
        "name": user.display_name(),
        "signed_in_at": session.auth_time.rfc3339(),
    }))
}
