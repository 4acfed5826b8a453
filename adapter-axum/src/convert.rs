//! Between axum's requests and responses and the core's.

use std::net::SocketAddr;

use auth_core::auth::Auth;
use auth_core::web::{BODY_LIMIT, BODY_TIMEOUT, ClientAddr, Response as CoreResponse};
use axum::body::Body;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Puts the peer's address where the core looks for it.
pub(crate) fn note_client_addr(extensions: &mut http::Extensions) {
    if let Some(ConnectInfo(address)) = extensions.get::<ConnectInfo<SocketAddr>>() {
        let address = ClientAddr(address.ip());
        extensions.insert(address);
    }
}

/// Hands a request to the core: full URI, bounded body, client address.
pub(crate) async fn handle(auth: Auth, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(OriginalUri(uri)) = parts.extensions.get::<OriginalUri>() {
        parts.uri = uri.clone();
    }
    note_client_addr(&mut parts.extensions);
    let read = Limited::new(body, BODY_LIMIT).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        // One byte over the limit, so that the core gives its own answer for too large a body.
        Ok(Err(error)) if error.is::<LengthLimitError>() => Bytes::from(vec![0; BODY_LIMIT + 1]),
        Err(_) => {
            return plain(
                StatusCode::REQUEST_TIMEOUT,
                "the request body took too long",
            );
        }
        Ok(Err(_)) => {
            return plain(
                StatusCode::BAD_REQUEST,
                "the request body could not be read",
            );
        }
    };
    respond(auth.handle(http::Request::from_parts(parts, body)).await)
}

/// The core's response as axum's; headers move as they are, several `Set-Cookie` included.
pub(crate) fn respond(response: CoreResponse) -> Response {
    response.map(Body::from)
}

/// A plain text answer for faults of the set-up or the connection.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use auth_core::store::MemoryStore;

    use super::*;

    /// Sends nothing and never ends.
    struct Stalled;

    impl http_body::Body for Stalled {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    // The paused clock jumps to the next timer when nothing else can go on.
    #[tokio::test(start_paused = true)]
    async fn threat_45_a_body_that_never_comes_ends_in_time() {
        let auth = Auth::builder("http://localhost:3000")
            .secret([7; 32])
            .store(MemoryStore::default())
            .prune_every(None)
            .build()
            .await
            .expect("auth");
        let started = tokio::time::Instant::now();
        let response = handle(auth, Request::new(Body::new(Stalled))).await;
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(started.elapsed().as_secs(), BODY_TIMEOUT.as_secs());
    }
}
