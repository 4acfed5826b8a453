//! Both halves of identity in one actix-web app: people sign in here, and other apps sign in through it.

use std::process::ExitCode;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::header::{CACHE_CONTROL, CacheControl, CacheDirective};
use actix_web::web::{Html, Json};
use actix_web::{App, HttpServer, Responder, Route, web};
use adapter_actix::{AccessToken, Auth, Resource, Scope, User, WithAuth as _, guard};
use example_setup::{GRACE, Setup, SetupError, home_page, stop_signal};
use serde_json::{Value, json};

#[actix_web::main]
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

    let kept = auth.clone();
    let app = move || {
        App::new()
            .route("/", get().to(home))
            .route("/healthz", get().to(async || "ok"))
            .route("/dashboard", get().to(dashboard).wrap(guard::signed_in()))
            .route("/team", get().to(team).wrap(guard::organization()))
            .route("/staff", get().to(team).wrap(guard::admin()))
            .route("/api/me", get().to(me).wrap(guard::scope("profile")))
            .with_auth(&auth)
    };

    let listener = setup.server.listen().await?.into_std()?;
    let server = HttpServer::new(app)
        .shutdown_signal(stop_signal())
        .shutdown_timeout(GRACE.as_secs())
        .listen(listener)?
        .run();
    let stopped = example_setup::until_stopped(server).await;
    example_setup::flush_audit(&kept).await;
    stopped
}

/// GET and, unlike `web::get()`, HEAD (RFC 9110 §9.3.2).
fn get() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

async fn home(user: Option<User>) -> impl Responder {
    let page = home_page(user.as_ref().map(|user| user.display_name()));
    let no_store = CacheControl(vec![CacheDirective::NoStore]);
    Html::new(page)
        .customize()
        .insert_header((CACHE_CONTROL, no_store))
}

async fn dashboard(user: User) -> Html {
    Html::new(home_page(Some(user.display_name())))
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
