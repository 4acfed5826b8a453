//! Between axum's requests and responses and the core's.

use std::net::SocketAddr;

use auth_core::auth::Auth;
use auth_core::web::{
    BODY_LIMIT, BODY_TIMEOUT, ClientAddr, Problem, Response as CoreResponse, Side, too_large_body,
};
use axum::body::Body;
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Hands a request to the core: full URI, client address, bounded body.
pub(crate) async fn handle(auth: Auth, side: Side, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    enter(&mut parts);
    if !parts.method.is_safe() && !auth.tells_clients_apart(&parts) {
        return unknown_client();
    }
    if parts.method == Method::CONNECT {
        // What follows is no body (RFC 9110 §9.3.6), and need not end.
        return answer(&auth, parts, Bytes::new()).await;
    }
    let read = Limited::new(body, BODY_LIMIT).collect();
    let fault = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => return answer(&auth, parts, body.to_bytes()).await,
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return answer(&auth, parts, too_large_body()).await;
        }
        Ok(Err(_)) => Problem::body_unreadable(),
        Err(_) => Problem::body_too_slow(),
    };
    respond(auth.problem(&parts, side, &fault))
}

async fn answer(auth: &Auth, parts: Parts, body: Bytes) -> Response {
    respond(auth.handle(http::Request::from_parts(parts, body)).await)
}

/// Shows the core what the client asked for and from where. Returns the URI that a router above left for those below:
/// it goes back to `parts.uri` when the core has answered.
pub(crate) fn enter(parts: &mut Parts) -> Uri {
    // `ClientAddr` and `PeerCertificate` of a host with a listener of its own are in the extensions already.
    if parts.extensions.get::<ClientAddr>().is_none() {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(peer)| peer.ip());
        let mock = || parts.extensions.get::<MockConnectInfo<SocketAddr>>();
        if let Some(peer) = peer.or_else(|| mock().map(|MockConnectInfo(peer)| peer.ip())) {
            parts.extensions.insert(ClientAddr(peer));
        }
    }
    let full = match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri.clone(),
        None => parts.uri.clone(),
    };
    std::mem::replace(&mut parts.uri, full)
}

/// What a route that counts attempts answers when it cannot tell whose they are.
pub(crate) fn unknown_client() -> Response {
    let text = "adapter-axum: the client's address is not known, so throttles cannot tell clients apart. Serve \
                `app.into_make_service_with_connect_info::<SocketAddr>()`, or put a `web::ClientAddr` into the request's \
                extensions, or, where peers have none, add `.peers_without_address(true)` to the Auth builder. In a \
                test, add the layer `MockConnectInfo(SocketAddr::…)`.";
    tracing::error!("{text}");
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

/// The core's response as axum's; headers move as they are, several `Set-Cookie` included. For a handler with an answer
/// of the core's own: of [`Auth::problem`], or of a token that was refused.
pub fn respond(response: CoreResponse) -> Response {
    response.map(Body::from)
}
