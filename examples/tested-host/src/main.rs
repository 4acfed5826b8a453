//! An axum app that people sign in to, and whose own tests (`tests.rs`) use the test kit.

use std::net::SocketAddr;

use adapter_axum::auth::AuthBuilder;
use adapter_axum::services::mail::DevelopmentOutbox;
use adapter_axum::{Auth, Login, MemoryStore, User, WithAuth as _, guard};
use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;

#[cfg(test)]
mod tests;

/// Serves the app on <http://localhost:3000>. It forgets everybody when it stops; `example-login-only` does not.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What the world around the app gives it. A test gives it another one.
    let auth = auth(Login::default())
        .secret_from_env("AUTH_SECRET")
        .store(MemoryStore::new())
        .mailer(DevelopmentOutbox::default())
        .build()
        .await?;
    let service = app(&auth).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(TcpListener::bind("127.0.0.1:3000").await?, service).await?;
    Ok(())
}

/// What the app decides itself, wherever it runs.
fn auth(login: Login) -> AuthBuilder {
    Auth::builder("http://localhost:3000")
        .pages(|pages| pages.app_name("Example app"))
        .login(login)
}

fn app(auth: &Auth) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/dashboard", get(home).route_layer(guard::signed_in()))
        // Whoever finds a browser left open gets no further than the dashboard.
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

async fn home(user: Option<User>) -> String {
    match user {
        Some(user) => format!("Signed in as {}.", user.display_name()),
        None => "Nobody is signed in.".to_owned(),
    }
}

async fn transfer(_: User) -> &'static str {
    "To whom?"
}

async fn transferred(user: User) -> String {
    format!("transferred for {}", user.id)
}
