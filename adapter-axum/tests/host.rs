//! A host in a real server: its own sign-in form, and the certificate its acceptor saw.

#![cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod host_checks;

use std::collections::HashMap;
use std::net::SocketAddr;

use adapter_axum::login::{NewUser, SignInRequest};
use adapter_axum::web::{ClientAddr, PeerCertificate, Problem};
use adapter_axum::{Auth, ClientAddress, User, WithAuth as _, guard};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Form, Request};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::map_request;
use axum::response::{AppendHeaders, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Extension, Router};
use host_checks::{Host, certificate, own_sign_in, refused_by_the_wing};
use tokio::net::TcpListener;

async fn sign_in(
    Extension(auth): Extension<Auth>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<impl IntoResponse, StatusCode> {
    if !host_checks::is_known(form.get("code")) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    assert!(address.is_some_and(|address| address.is_loopback()));
    let login = auth.login().unwrap();
    let guest = NewUser {
        username: Some("guest".to_owned()),
        ..NewUser::default()
    };
    let guest = login.ensure_user(guest).await.unwrap();
    let request = SignInRequest {
        headers: &headers,
        address,
        remember: false,
    };
    let user = host_checks::user_of(form.get("code"), &guest.id);
    let session = login.sign_in(&user, &["otp"], request).await;
    let session = session.map_err(|error| Problem::from(error).status)?;
    Ok((set(session.cookies()), Redirect::to("/me")))
}

async fn sign_out(
    Extension(auth): Extension<Auth>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, StatusCode> {
    let cookies = auth.login().unwrap().sign_out(&headers).await;
    let cookies = cookies.map_err(|problem| problem.status)?;
    Ok((set(cookies), Redirect::to("/")))
}

fn set(cookies: Vec<HeaderValue>) -> impl axum::response::IntoResponseParts {
    AppendHeaders(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)))
}

async fn me(user: User) -> String {
    user.display_name().to_owned()
}

async fn shown(certificate: Option<Extension<PeerCertificate>>) -> Vec<u8> {
    certificate.map_or(b"none".to_vec(), |Extension(shown)| shown.0.to_vec())
}

/// What the host's listener knows of a connection; a TLS one would have the certificate from its handshake.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    certificate: PeerCertificate,
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self {
            address: *stream.remote_addr(),
            certificate: certificate(),
        }
    }
}

async fn introduce(ConnectInfo(peer): ConnectInfo<Peer>, mut request: Request) -> Request {
    let address = ClientAddr(peer.address.ip());
    request.extensions_mut().insert(address);
    request.extensions_mut().insert(peer.certificate);
    request
}

/// Ends with the runtime of the test.
async fn serve(auth: &Auth) -> String {
    let app = Router::new()
        .route(
            "/own/sign-in",
            post(sign_in).route_layer(guard::same_origin()),
        )
        .route(
            "/own/sign-out",
            post(sign_out).route_layer(guard::same_origin()),
        )
        .route("/me", get(me))
        .route("/certificate", get(shown))
        .with_auth(auth)
        .layer(map_request(introduce));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let service = app.into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    base
}

#[tokio::test]
async fn a_form_of_the_hosts_own_signs_in_and_out() {
    let host = Host::new().await;
    own_sign_in(&serve(&host.auth).await).await;
}

#[tokio::test]
async fn the_certificate_of_the_peer_reaches_core_and_handler() {
    let host = Host::new().await;
    host.sees_the_certificate(&serve(&host.auth).await).await;
}

#[tokio::test]
async fn whom_the_wing_refuses_is_told_why() {
    let host = Host::new().await;
    refused_by_the_wing(&host.auth, &serve(&host.auth).await).await;
}
