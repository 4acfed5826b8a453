//! One half of identity in an axum app: an API that accepts access tokens of an issuer elsewhere. It keeps nothing, and
//! finds the issuer's keys by discovery when the first token comes: either may start first.
//!
//! Environment beside what every example reads: `ISSUER` (`http://localhost:3000`) and `AUDIENCE`, whom the tokens must
//! be for (the issuer itself, as its tokens say by default). `PORT` is 5000 here.

use std::net::SocketAddr;
use std::process::ExitCode;

use adapter_axum::ground::Timestamp;
use adapter_axum::{
    AccessToken, Auth, MemoryStore, OutboundPolicy, Resource, WithAuth as _, guard,
};
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use example_setup::{Server, SetupError, escape, page, stop_signal, variable};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    example_setup::report(run().await)
}

async fn run() -> Result<(), SetupError> {
    let server = Server::from_env(5000)?;
    let issuer = variable("ISSUER").unwrap_or_else(|| "http://localhost:3000".to_owned());
    let audience = variable("AUDIENCE").unwrap_or_else(|| issuer.clone());
    let auth = Auth::builder(&server.base_url)
        // Nothing is sealed or stored here, so a secret that ends with the process will do.
        .secret(example_setup::ephemeral_secret())
        .store(MemoryStore::default())
        .trusted_proxies(server.trusted_proxies())
        .resource(Resource::default().issuer(&issuer, &audience))
        .outbound(reach(&issuer))
        .build()
        .await?;

    let about = about(&issuer, &audience);
    let app = Router::new()
        .route("/", get(|| async { Html(about) }))
        .route("/healthz", get(|| async { "ok" }))
        .route("/api/me", get(me).route_layer(guard::scope("profile")))
        .route(
            "/api/sign-in",
            get(sign_in).route_layer(guard::scope("openid")),
        )
        .with_auth(&auth);

    let listener = server.listen().await?;
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop_signal());
    example_setup::until_stopped(server.into_future()).await
}

/// Public addresses over https. An issuer named by http can only be one on this machine, for development.
fn reach(issuer: &str) -> OutboundPolicy {
    let policy = OutboundPolicy::default();
    if issuer.starts_with("http://") {
        policy.dangerous_allow_loopback()
    } else {
        policy
    }
}

fn about(issuer: &str, audience: &str) -> String {
    let (issuer, audience) = (escape(issuer), escape(audience));
    page(
        "Example API",
        &format!(
            "<p>This is an API. It accepts access tokens that <code>{issuer}</code> issued for \
             <code>{audience}</code>.</p>\
             <p><code>GET /api/me</code> wants the scope <code>profile</code>, <code>GET /api/sign-in</code> the scope \
             <code>openid</code>.</p>"
        ),
    )
}

async fn me(token: AccessToken) -> Json<Value> {
    Json(json!({
        "sub": token.subject(),
        "client_id": token.client_id(),
        "scopes": token.scopes().iter().collect::<Vec<_>>(),
    }))
}

/// When and how the person signed in there: what an API would decide on before it does something grave.
async fn sign_in(token: AccessToken) -> Json<Value> {
    Json(json!({
        "sub": token.subject(),
        "issuer": token.issuer(),
        "auth_time": token.auth_time().map(Timestamp::rfc3339),
        "amr": token.amr(),
    }))
}
