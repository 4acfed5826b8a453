//! An axum app that people sign in to, and whose own tests (`tests.rs`) use the test kit.

use std::net::SocketAddr;
use std::process::ExitCode;

use adapter_axum::auth::AuthBuilder;
use adapter_axum::services::mail::DevelopmentOutbox;
use adapter_axum::{Auth, Login, User, WithAuth as _, guard};
use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use example_setup::{Setup, SetupError, home_page, page, stop_signal};

#[cfg(test)]
mod tests;

#[tokio::main]
async fn main() -> ExitCode {
    example_setup::report(run().await)
}

async fn run() -> Result<(), SetupError> {
    let setup = Setup::from_env().await?;
    // What the world around the app gives it. A test gives it another one.
    let auth = auth(&setup.server.base_url, Login::default())
        .secrets(setup.secrets())
        .store(setup.stores.clone())
        .mailer(DevelopmentOutbox::default())
        .trusted_proxies(setup.server.trusted_proxies())
        .build()
        .await?;
    setup.seed.apply_users(&auth).await?;

    let listener = setup.server.listen().await?;
    let service = app(&auth).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop_signal());
    let stopped = example_setup::until_stopped(server.into_future()).await;
    example_setup::flush_audit(&auth).await;
    stopped
}

/// What the app decides itself, wherever it runs.
fn auth(base_url: &str, login: Login) -> AuthBuilder {
    Auth::builder(base_url)
        .pages(|pages| pages.app_name("Example app"))
        .login(login)
}

fn app(auth: &Auth) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/dashboard", get(home).route_layer(guard::signed_in()))
        // Whoever left a browser open has not said this.
        .route(
            "/transfer",
            get(transfer).route_layer(guard::recent_sign_in()),
        )
        .route(
            "/api/transfer",
            post(transferred).route_layer(guard::recent_sign_in().or_401()),
        )
        .with_auth(auth)
}

async fn home(user: Option<User>) -> Html<String> {
    Html(home_page(user.as_ref().map(|user| user.display_name())))
}

async fn transfer(_: User) -> Html<String> {
    Html(page("Transfer", "<p>To whom?</p>"))
}

async fn transferred(user: User) -> String {
    format!("transferred for {}", user.id)
}
