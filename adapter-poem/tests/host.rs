//! A host in a real server: its own sign-in form, and the certificate its acceptor saw.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "handlers take what they extract by value"
)]

#[path = "../../adapter-axum/tests/host_checks/mod.rs"]
mod host_checks;

use std::collections::HashMap;

use adapter_poem::login::{NewUser, SignInRequest};
use adapter_poem::web::{PeerCertificate, Problem};
use adapter_poem::{Auth, ClientAddress, User, WithAuth as _, guard};
use host_checks::{Host, certificate, own_sign_in, refused_by_the_wing};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use poem::listener::TcpAcceptor;
use poem::web::{Data, Form};
use poem::{EndpointExt as _, Error, Request, Response, Result, Route, Server, get, handler, post};

#[handler]
async fn sign_in(
    Data(auth): Data<&Auth>,
    ClientAddress(address): ClientAddress,
    headers: &HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response> {
    if !host_checks::is_known(form.get("code")) {
        return Err(Error::from_status(StatusCode::UNAUTHORIZED));
    }
    assert!(address.is_some_and(|address| address.is_loopback()));
    let login = auth.login().unwrap();
    let guest = NewUser {
        username: Some("guest".to_owned()),
        ..NewUser::default()
    };
    let guest = login.ensure_user(guest).await.unwrap();
    let request = SignInRequest {
        headers,
        address,
        remember: false,
    };
    let user = host_checks::user_of(form.get("code"), &guest.id);
    let session = login.sign_in(&user, &["otp"], request).await;
    let session = session.map_err(|error| Error::from_status(Problem::from(error).status))?;
    Ok(see_other("/me", session.cookies()))
}

#[handler]
async fn sign_out(Data(auth): Data<&Auth>, headers: &HeaderMap) -> Result<Response> {
    let cookies = auth.login().unwrap().sign_out(headers).await;
    let cookies = cookies.map_err(|problem| Error::from_status(problem.status))?;
    Ok(see_other("/", cookies))
}

fn see_other(to: &str, cookies: Vec<HeaderValue>) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(LOCATION, to)
        .finish();
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[handler]
fn me(user: User) -> String {
    user.display_name().to_owned()
}

#[handler]
fn shown(request: &Request) -> Vec<u8> {
    let certificate = request.data::<PeerCertificate>();
    certificate.map_or(b"none".to_vec(), |shown| shown.0.to_vec())
}

/// Ends with the runtime of the test.
fn serve(auth: &Auth) -> String {
    let app = Route::new()
        .at("/own/sign-in", post(sign_in).with(guard::same_origin()))
        .at("/own/sign-out", post(sign_out).with(guard::same_origin()))
        .at("/me", get(me))
        .at("/certificate", get(shown))
        .with_auth(auth)
        // A TLS acceptor of the host's would have the certificate from its handshake.
        .before(async |mut request: Request| {
            request.extensions_mut().insert(certificate());
            Ok(request)
        });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let acceptor = TcpAcceptor::from_std(listener).unwrap();
    tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(app).await });
    base
}

#[tokio::test]
async fn a_form_of_the_hosts_own_signs_in_and_out() {
    let host = Host::new().await;
    own_sign_in(&serve(&host.auth)).await;
}

#[tokio::test]
async fn the_certificate_of_the_peer_reaches_core_and_handler() {
    let host = Host::new().await;
    host.sees_the_certificate(&serve(&host.auth)).await;
}

#[tokio::test]
async fn whom_the_wing_refuses_is_told_why() {
    let host = Host::new().await;
    refused_by_the_wing(&host.auth, &serve(&host.auth)).await;
}
