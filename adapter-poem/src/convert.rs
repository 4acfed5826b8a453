//! Between poem's requests and responses and the core's.

use auth_core::auth::Auth;
use auth_core::web::{BODY_LIMIT, BODY_TIMEOUT, ClientAddr, Response as CoreResponse};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use poem::error::ReadBodyError;
use poem::{Body, Request, Response};

/// Hands a request to the core: full URI, bounded body, client address.
pub(crate) async fn handle(auth: &Auth, mut request: Request) -> Response {
    let parts = parts(&request);
    let read = request.take_body().into_bytes_limit(BODY_LIMIT);
    let body = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => body,
        // One byte over the limit, so that the core gives its own answer for too large a body.
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Bytes::from(vec![0; BODY_LIMIT + 1]),
        Ok(Err(_)) => {
            return Response::builder()
                .status(StatusCode::BAD_REQUEST)
                .body("the request body could not be read");
        }
        Err(_) => {
            return Response::builder()
                .status(StatusCode::REQUEST_TIMEOUT)
                .body("the request body took too long");
        }
    };
    respond(auth.handle(http::Request::from_parts(parts, body)).await)
}

/// A request's head as the core reads it.
pub(crate) fn parts(request: &Request) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    // Under a mount poem shortens the URI; the core wants what the browser asked for.
    parts.uri = request.original_uri().clone();
    parts.headers = request.headers().clone();
    if let Some(peer) = request.remote_addr().as_socket_addr() {
        parts.extensions.insert(ClientAddr(peer.ip()));
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
