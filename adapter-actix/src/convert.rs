//! Between actix-web's requests and responses (http 0.2) and the core's (http 1). Nothing is unwrapped: a header that
//! one side cannot spell is left out, a URI that is none is a bad request.

use actix_web::http::StatusCode as ActixStatus;
use actix_web::http::header as actix_header;
use actix_web::{HttpRequest, HttpResponse, web};
use auth_core::auth::Auth;
use auth_core::web::{BODY_LIMIT, BODY_TIMEOUT, ClientAddr, Response as CoreResponse};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Uri, header};

/// Hands a request to the core: full URI, bounded body, client address.
pub(crate) async fn handle(
    auth: web::Data<Auth>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let Some(parts) = parts(&request) else {
        return HttpResponse::BadRequest().body("the request could not be read");
    };
    let read = payload.to_bytes_limited(BODY_LIMIT);
    let body = match actix_web::rt::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(_))) => {
            return HttpResponse::BadRequest().body("the request body could not be read");
        }
        // One byte over the limit, so that the core gives its own answer for too large a body.
        Ok(Err(_)) => Bytes::from(vec![0; BODY_LIMIT + 1]),
        Err(_) => return HttpResponse::RequestTimeout().body("the request body took too long"),
    };
    let is_head = parts.method == Method::HEAD;
    respond(
        auth.handle(http::Request::from_parts(parts, body)).await,
        is_head,
    )
}

/// A request's head as the core reads it.
pub(crate) fn parts(request: &HttpRequest) -> Option<Parts> {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    parts.uri = request.uri().to_string().parse::<Uri>().ok()?;
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            parts.headers.append(name, value);
        }
    }
    if let Some(peer) = request.peer_addr() {
        parts.extensions.insert(ClientAddr(peer.ip()));
    }
    Some(parts)
}

/// The core's response as actix-web's; repeated headers stay repeated.
pub(crate) fn respond(response: CoreResponse, is_head: bool) -> HttpResponse {
    let (parts, body) = response.into_parts();
    let status =
        ActixStatus::from_u16(parts.status.as_u16()).unwrap_or(ActixStatus::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    for (name, value) in &parts.headers {
        // actix-web counts a body's length itself, and for HEAD there is none to count.
        if is_head && name == header::CONTENT_LENGTH {
            continue;
        }
        let name = actix_header::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = actix_header::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            builder.append_header((name, value));
        }
    }
    builder.body(body)
}
