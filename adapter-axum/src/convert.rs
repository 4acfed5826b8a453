//! Between axum's requests and responses and the core's.

use std::net::SocketAddr;

use auth_core::auth::Auth;
use auth_core::web::{
    BODY_LIMIT, BODY_TIMEOUT, ClientAddr, Problem, Response as CoreResponse, Side, too_large_body,
};
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::response::Response;
use http::Uri;
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Hands a request to the core: full URI, client address, bounded body.
pub(crate) async fn handle(auth: Auth, side: Side, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    enter(&mut parts);
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

async fn answer(auth: &Auth, parts: Parts, body: bytes::Bytes) -> Response {
    respond(auth.handle(http::Request::from_parts(parts, body)).await)
}

/// Shows the core what the client asked for and from where. Returns the URI that a router above left for those below:
/// it goes back to `parts.uri` when the core has answered.
pub(crate) fn enter(parts: &mut Parts) -> Uri {
    if let Some(ConnectInfo(address)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() {
        let address = ClientAddr(address.ip());
        parts.extensions.insert(address);
    }
    // `ClientAddr` and `PeerCertificate` of a host with a listener of its own are in the extensions already.
    let full = match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri.clone(),
        None => parts.uri.clone(),
    };
    std::mem::replace(&mut parts.uri, full)
}

/// The core's response as axum's; headers move as they are, several `Set-Cookie` included.
pub(crate) fn respond(response: CoreResponse) -> Response {
    response.map(Body::from)
}
