//! A host in a real server: its own sign-in form, and the certificate its acceptor saw.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../adapter-axum/tests/host_checks/mod.rs"]
mod host_checks;

use std::any::Any;
use std::collections::HashMap;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::error::ErrorUnauthorized;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Form, ServiceConfig, get, post};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer};
use adapter_actix::login::{NewUser, SignInRequest};
use adapter_actix::web::{PeerCertificate, Side};
use adapter_actix::{
    Auth, ClientAddress, User, WithAuth as _, append_cookies, guard, request_parts, respond,
};
use host_checks::{Host, certificate, own_sign_in, refused_by_the_wing};

async fn sign_in(
    auth: Data<Auth>,
    ClientAddress(address): ClientAddress,
    request: HttpRequest,
    form: Form<HashMap<String, String>>,
) -> Result<HttpResponse, Error> {
    if !host_checks::is_known(form.get("code")) {
        return Err(ErrorUnauthorized("wrong code"));
    }
    assert!(address.is_some_and(|address| address.is_loopback()));
    let login = auth.login().unwrap();
    let guest = NewUser {
        username: Some("guest".to_owned()),
        ..NewUser::default()
    };
    let guest = login.ensure_user(guest).await.unwrap();
    let parts = request_parts(&request);
    let request = SignInRequest {
        headers: &parts.headers,
        address,
        remember: false,
    };
    let user = host_checks::user_of(form.get("code"), &guest.id);
    let session = match login.sign_in(&user, &["otp"], request).await {
        Ok(session) => session,
        Err(error) => return Ok(respond(auth.problem(&parts, Side::Page, &error.into()))),
    };
    let mut response = see_other("/me");
    append_cookies(&mut response, session.cookies());
    Ok(response)
}

async fn sign_out(auth: Data<Auth>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let parts = request_parts(&request);
    let cookies = match auth.login().unwrap().sign_out(&parts.headers).await {
        Ok(cookies) => cookies,
        Err(problem) => return Ok(respond(auth.problem(&parts, Side::Page, &problem))),
    };
    let mut response = see_other("/");
    append_cookies(&mut response, cookies);
    Ok(response)
}

fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .finish()
}

async fn me(user: User) -> String {
    user.display_name().to_owned()
}

async fn shown(request: HttpRequest) -> Vec<u8> {
    let certificate = request.conn_data::<PeerCertificate>();
    certificate.map_or(b"none".to_vec(), |shown| shown.0.to_vec())
}

fn routes(config: &mut ServiceConfig) {
    config
        .route(
            "/own/sign-in",
            post().to(sign_in).wrap(guard::same_origin()),
        )
        .route(
            "/own/sign-out",
            post().to(sign_out).wrap(guard::same_origin()),
        )
        .route("/me", get().to(me))
        .route("/certificate", get().to(shown));
}

/// `connection` is the stream; a TLS one would have the certificate from its handshake.
fn introduce(connection: &dyn Any, data: &mut Extensions) {
    assert!(connection.is::<actix_web::rt::net::TcpStream>());
    data.insert(certificate());
}

fn serve(auth: &Auth) -> (String, ServerHandle) {
    let auth = auth.clone();
    let server = HttpServer::new(move || App::new().configure(routes).with_auth(&auth))
        .on_connect(introduce)
        .workers(1)
        .bind("127.0.0.1:0")
        .unwrap();
    let base = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (base, handle)
}

#[actix_web::test]
async fn a_form_of_the_hosts_own_signs_in_and_out() {
    let host = Host::new().await;
    let (base, server) = serve(&host.auth);
    own_sign_in(&base).await;
    server.stop(false).await;
}

#[actix_web::test]
async fn the_certificate_of_the_peer_reaches_core_and_handler() {
    let host = Host::new().await;
    let (base, server) = serve(&host.auth);
    host.sees_the_certificate(&base).await;
    server.stop(false).await;
}

#[actix_web::test]
async fn whom_the_wing_refuses_is_told_why() {
    let host = Host::new().await;
    let (base, server) = serve(&host.auth);
    refused_by_the_wing(&host.auth, &base).await;
    server.stop(false).await;
}
