//! How the protocol's requests travel: by the guarded client, and no other.

use bytes::Bytes;
use http::StatusCode;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use std::pin::Pin;

use crate::services::outbound::{Outbound, OutboundError};

/// The guarded client as the `openidconnect` crate wants one.
pub(super) struct Transport<'a>(pub(super) &'a Outbound);

/// Why there is no answer of the protocol. Safe to log.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Not one that the protocol knows: a redirect, a server in trouble.
    #[error("the answer has the status {0}")]
    Status(u16),
}

impl<'c> AsyncHttpClient<'c> for Transport<'_> {
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.send(request.map(Bytes::from)).await?;
            // RFC 6749 §5.2 knows 400 and 401; what else is of that class is read like them.
            let status = answer.status();
            let is_strained = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
            if !(status.is_success() || status.is_client_error()) || is_strained.contains(&status) {
                return Err(TransportError::Status(status.as_u16()));
            }
            Ok(answer.map(Vec::from))
        })
    }
}
