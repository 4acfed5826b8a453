//! An app of its own that lets people sign in through one of the example hosts, with OpenID Connect.
//!
//! It shares no code with the host: what it knows, it reads from the host's discovery document. Environment, all
//! optional: `HOST` (127.0.0.1), `PORT` (4000), `ISSUER` (`http://localhost:3000`), `CLIENT_ID` and `CLIENT_SECRET`
//! (those the example hosts register for a demo), `API_URL` (the issuer's own `/api/me`; the resource server's is
//! `http://localhost:5000/api/me`).

mod http_client;
mod oidc;
mod pages;
mod sessions;

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use openidconnect::url::form_urlencoded;

use crate::oidc::{CallbackParams, Oidc};
use crate::pages::Problem;
use crate::sessions::Sessions;

type StartError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone)]
struct App {
    oidc: Arc<Oidc>,
    sessions: Arc<Sessions>,
}

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let host: IpAddr = variable("HOST", "127.0.0.1")?;
    let port: u16 = variable("PORT", "4000")?;
    let issuer: String = variable("ISSUER", "http://localhost:3000")?;
    let own_api = format!("{}/api/me", issuer.trim_end_matches('/'));
    let app = App {
        oidc: Arc::new(Oidc::new(
            issuer,
            variable("CLIENT_ID", "third-party-demo")?,
            variable(
                "CLIENT_SECRET",
                "third-party-demo-secret-not-for-production",
            )?,
            &format!("http://localhost:{port}"),
            variable("API_URL", &own_api)?,
        )?),
        sessions: Arc::default(),
    };
    let router = Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", get(callback))
        // What changes something is a POST; the session cookie is SameSite=Lax, so no other site can press these.
        .route("/call-api", post(call_api))
        .route("/refresh", post(refresh))
        .route("/logout", post(logout))
        .route("/healthz", get(|| async { "ok" }))
        .with_state(app);

    let listener = tokio::net::TcpListener::bind(SocketAddr::new(host, port)).await?;
    announce(listener.local_addr()?, port);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop_signal())
        .await?;
    Ok(())
}

async fn home(State(app): State<App>, headers: HeaderMap) -> Html<String> {
    match app.sessions.signed_in(&headers) {
        None => pages::signed_out(),
        Some(person) => pages::signed_in(&person, None),
    }
}

/// Sends the browser to the issuer; what the answer must match stays here, with this browser's session.
async fn login(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let (url, attempt) = app.oidc.start().await?;
    let cookie = app.sessions.remember_attempt(&headers, attempt);
    Ok((cookie, Redirect::to(url.as_str())).into_response())
}

/// The issuer's answer. Only the browser that asked can bring it.
async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let answer = CallbackParams::read(query.as_deref().unwrap_or_default())?;
    let attempt = app
        .sessions
        .take_attempt(&headers, &answer.state)
        .ok_or_else(|| {
            Problem::bad_request("This browser did not start that sign-in, or it was already used.")
        })?;
    let person = app.oidc.finish(answer, attempt).await?;
    // A new session id: one planted before the sign-in is worth nothing after it.
    let cookie = app.sessions.sign_in(&headers, person);
    Ok((cookie, Redirect::to("/")).into_response())
}

async fn call_api(State(app): State<App>, headers: HeaderMap) -> Result<Html<String>, Problem> {
    let person = app
        .sessions
        .signed_in(&headers)
        .ok_or_else(Problem::sign_in_first)?;
    let answer = app.oidc.call_api(&person).await?;
    Ok(pages::signed_in(&person, Some(&answer)))
}

async fn refresh(State(app): State<App>, headers: HeaderMap) -> Result<Redirect, Problem> {
    let person = app
        .sessions
        .signed_in(&headers)
        .ok_or_else(Problem::sign_in_first)?;
    let refreshed = app.oidc.refresh(person).await?;
    app.sessions.update(&headers, refreshed);
    Ok(Redirect::to("/"))
}

/// Signs out here, then at the issuer, which sends the browser back.
async fn logout(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let Some(person) = app.sessions.sign_out(&headers) else {
        return Ok(Redirect::to("/").into_response());
    };
    let url = app.oidc.logout_url(&person).await?;
    Ok(Redirect::to(url.as_str()).into_response())
}

impl CallbackParams {
    /// Reads the query; a parameter that comes twice is an attack or a fault (RFC 6749 §3.1).
    fn read(query: &str) -> Result<Self, Problem> {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "state" => &mut params.state,
                "code" => &mut params.code,
                "iss" => &mut params.iss,
                "error" => &mut params.error,
                "error_description" => &mut params.error_description,
                _ => continue,
            };
            if !slot.is_empty() {
                return Err(Problem::bad_request(format!(
                    "The answer has {name} twice."
                )));
            }
            *slot = value.into_owned();
        }
        Ok(params)
    }
}

fn variable<T>(name: &str, default: &str) -> Result<T, StartError>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value
        .as_deref()
        .unwrap_or(default)
        .parse()
        .map_err(|error| format!("{name} is not valid: {error}").into())
}

#[expect(clippy::print_stdout, reason = "the one line a person waits for")]
fn announce(bound: SocketAddr, port: u16) {
    println!("Listening on http://{bound}: open http://localhost:{port}");
}

/// Resolves when the process is asked to stop (SIGTERM, Ctrl-C).
async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
