//! Between poem's requests and responses and the core's.

use auth_core::auth::Auth;
use auth_core::web::{
    BODY_LIMIT, BODY_TIMEOUT, ClientAddr, PeerCertificate, Problem, Response as CoreResponse, Side,
    too_large_body,
};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use poem::error::ReadBodyError;
use poem::{Body, Request, Response};

/// Hands a request to the core: full URI, client address, bounded body.
pub(crate) async fn handle(auth: Auth, side: Side, mut request: Request) -> Response {
    let parts = request_parts(&request);
    if !parts.method.is_safe() && !auth.tells_clients_apart(&parts) {
        return unknown_client();
    }
    if parts.method == Method::CONNECT {
        // What follows is no body (RFC 9110 §9.3.6), and need not end.
        return answer(&auth, parts, Bytes::new()).await;
    }
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

/// What a route that counts attempts answers when it cannot tell whose they are.
pub(crate) const UNKNOWN_CLIENT: &str = "adapter-poem: the client's address is not known, so throttles cannot tell \
    clients apart. On a Unix socket and in a test, put a `web::ClientAddr` into the request's data, by `.data(…)` or \
    `.before(…)` on the app, or, where peers have none, add `.peers_without_address(true)` to the Auth builder.";

pub(crate) fn unknown_client() -> Response {
    tracing::error!("{UNKNOWN_CLIENT}");
    Response::builder()
        .status(StatusCode::INTERNAL_SERVER_ERROR)
        .content_type("text/plain; charset=utf-8")
        .body(UNKNOWN_CLIENT)
}

/// The head of a request as the core reads it, which is how [`Auth::problem`] takes it.
pub fn request_parts(request: &Request) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    // Under a mount poem shortens the URI; the core wants what the browser asked for. A request that was built by hand,
    // as poem's test tools do, has no original: it says `/`.
    let original = request.original_uri();
    let built = original.path() == "/" && original.query().is_none();
    let full = if built { request.uri() } else { original };
    parts.uri = full.clone();
    parts.headers = request.headers().clone();
    // A host whose listener knows better, as one on a Unix socket, says so in the request's data.
    let said = request.data::<ClientAddr>().copied();
    let peer = request.remote_addr().as_socket_addr();
    if let Some(address) = said.or_else(|| peer.map(|peer| ClientAddr(peer.ip()))) {
        parts.extensions.insert(address);
    }
    // poem's listeners keep it to themselves: it comes from the host's own acceptor, in the request's data.
    if let Some(certificate) = request.data::<PeerCertificate>() {
        parts.extensions.insert(certificate.clone());
    }
    parts
}

/// The core's response as poem's; headers move as they are, several `Set-Cookie` included. For a handler with an answer
/// of the core's own: of [`Auth::problem`], or of a token that was refused.
pub fn respond(response: CoreResponse) -> Response {
    let (parts, body) = response.into_parts();
    let mut response = Response::builder()
        .status(parts.status)
        .body(Body::from(body));
    *response.headers_mut() = parts.headers;
    response
}
