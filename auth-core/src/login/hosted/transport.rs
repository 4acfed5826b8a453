//! The `workos` crate's requests, through the house's outbound client: one place bounds size, time and redirects.

use async_trait::async_trait;
use workos::transport::{HttpRequest, HttpResponse, HttpTransport, TransportError};

use crate::services::outbound::{Outbound, OutboundError};

pub(super) struct Transport(pub(super) Outbound);

#[async_trait]
impl HttpTransport for Transport {
    async fn execute(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut outgoing = http::Request::builder()
            .method(request.method)
            .uri(request.url)
            .body(request.body.unwrap_or_default())
            .map_err(TransportError::other)?;
        *outgoing.headers_mut() = request.headers;
        let answer = self.0.send(outgoing).await.map_err(|error| match error {
            OutboundError::Timeout => TransportError::timeout(error),
            OutboundError::Unreachable(_) => TransportError::connect(error),
            error => TransportError::other(error),
        })?;
        let (parts, body) = answer.into_parts();
        Ok(HttpResponse {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }
}
