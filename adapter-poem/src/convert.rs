//! Between poem's requests and responses and the core's.

use auth_core::auth::Auth;
use auth_core::web::{
    BODY_LIMIT, BODY_TIMEOUT, ClientAddr, PeerCertificate, Problem, Response as CoreResponse, Side,
    too_large_body,
};
use bytes::Bytes;
use http::request::Parts;
use poem::error::ReadBodyError;
use poem::{Body, Request, Response};

/// Hands a request to the core: full URI, client address, bounded body.
pub(crate) async fn handle(auth: Auth, side: Side, mut request: Request) -> Response {
    let parts = parts(&request);
    let read = request.take_body().into_bytes_limit(BODY_LIMIT);
    let fault = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => return answer(&auth, parts, body).await,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => {
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

/// A request's head as the core reads it.
pub(crate) fn parts(request: &Request) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    // Under a mount poem shortens the URI; the core wants what the browser asked for. A request that was built by hand,
    // as poem's test tools do, has no original: it says `/`.
    let original = request.original_uri();
    let built = original.path() == "/" && original.query().is_none();
    let full = if built { request.uri() } else { original };
    parts.uri = full.clone();
    parts.headers = request.headers().clone();
    if let Some(peer) = request.remote_addr().as_socket_addr() {
        parts.extensions.insert(ClientAddr(peer.ip()));
    }
    // poem's listeners keep it to themselves: it comes from the host's own acceptor, in the request's data.
    if let Some(certificate) = request.data::<PeerCertificate>() {
        parts.extensions.insert(certificate.clone());
    }
    parts
}

/// The core's response as poem's; headers move as they are, several `Set-Cookie` included.
pub(crate) fn respond(response: CoreResponse) -> Response {
    let (parts, body) = response.into_parts();
    let mut response = Response::builder()
        .status(parts.status)
        .body(Body::from(body));
    *response.headers_mut() = parts.headers;
    response
}
