//! Between actix-web's requests and responses (http 0.2) and the core's (http 1). Nothing is unwrapped: a header that
//! one side cannot spell is left out, an address that is none is nobody's route.

use std::convert::Infallible;
use std::pin::Pin;
#[cfg(any(feature = "login", feature = "resource"))]
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::error::PayloadError;
use actix_web::http::header as actix_header;
use actix_web::http::{Method as ActixMethod, StatusCode as ActixStatus, Version};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use auth_core::auth::Auth;
use auth_core::web::{
    BODY_LIMIT, BODY_TIMEOUT, ClientAddr, PeerCertificate, Problem, Response as CoreResponse, Side,
    too_large_body,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Hands a request to the core: full URI, client address, bounded body.
pub(crate) async fn handle(
    auth: Auth,
    side: Side,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let parts = request_parts(&request);
    if !parts.method.is_safe() && !auth.tells_clients_apart(&parts) {
        return unknown_client();
    }
    let length = body_length(&request);
    let fault = match tokio::time::timeout(BODY_TIMEOUT, read(payload, length)).await {
        Ok(Ok(Some(body))) => return answer(&auth, parts, body).await,
        Ok(Ok(None)) => return answer(&auth, parts, too_large_body()).await,
        Ok(Err(_)) => Problem::body_unreadable(),
        Err(_) => Problem::body_too_slow(),
    };
    respond(auth.problem(&parts, side, &fault))
}

/// The length of the body as its framing says (RFC 9112 §6.3), if that says it beforehand. With `Upgrade: websocket` and
/// on CONNECT, actix-web's payload is what comes on the connection from here on, without an end.
fn body_length(request: &HttpRequest) -> Option<usize> {
    if request.method() == ActixMethod::CONNECT {
        return Some(0);
    }
    let headers = request.headers();
    let length = headers.get(actix_header::CONTENT_LENGTH);
    if let Some(length) = length.and_then(|length| length.to_str().ok()?.parse().ok()) {
        return Some(length);
    }
    let framed = headers.contains_key(actix_header::TRANSFER_ENCODING)
        // HTTP/2 frames bodies by itself.
        || request.version() > Version::HTTP_11;
    (!framed).then_some(0)
}

/// The body: `length` bytes, or all there are. `None` when these are more than are read.
async fn read(
    mut payload: web::Payload,
    length: Option<usize>,
) -> Result<Option<Bytes>, PayloadError> {
    let mut body = BytesMut::new();
    while length.is_none_or(|length| body.len() < length) {
        let Some(piece) = payload.next().await else {
            break;
        };
        body.extend_from_slice(&piece?);
        if body.len() > BODY_LIMIT {
            return Ok(None);
        }
    }
    body.truncate(length.unwrap_or(body.len()));
    Ok(Some(body.freeze()))
}

/// What a route that counts attempts answers when it cannot tell whose they are.
pub(crate) const UNKNOWN_CLIENT: &str = "adapter-actix: the client's address is not known, so throttles cannot tell \
    clients apart. On a Unix socket, put a `web::ClientAddr` into the request's extensions or the connection's data, or \
    add `.peers_without_address(true)` to the Auth builder. In a test, call `TestRequest::peer_addr(…)`.";

pub(crate) fn unknown_client() -> HttpResponse {
    tracing::error!("{UNKNOWN_CLIENT}");
    HttpResponse::InternalServerError()
        .content_type("text/plain; charset=utf-8")
        .body(UNKNOWN_CLIENT)
}

async fn answer(auth: &Auth, parts: Parts, body: Bytes) -> HttpResponse {
    respond(auth.handle(http::Request::from_parts(parts, body)).await)
}

/// The head of a request as the core reads it, which is how [`Auth::problem`] takes it. A scope leaves the URI whole, so
/// it is the full one.
pub fn request_parts(request: &HttpRequest) -> Parts {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    // Both versions of http know the same methods and addresses. Should they ever differ, no route answers these.
    parts.method =
        Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or(Method::TRACE);
    parts.uri = request.uri().to_string().parse().unwrap_or_default();
    parts.headers = headers(request.headers());
    // A host whose listener knows better, as one on a Unix socket, says so for the request or the connection.
    let said = request.extensions().get::<ClientAddr>().copied();
    let said = said.or_else(|| request.conn_data::<ClientAddr>().copied());
    let peer = || request.peer_addr().map(|peer| ClientAddr(peer.ip()));
    if let Some(address) = said.or_else(peer) {
        parts.extensions.insert(address);
    }
    // A host puts it into the connection's data, by `HttpServer::on_connect`.
    if let Some(certificate) = request.conn_data::<PeerCertificate>() {
        parts.extensions.insert(certificate.clone());
    }
    parts
}

/// The head of a request, with what the core found out about it: one for guards and extractors alike.
#[cfg(any(feature = "login", feature = "resource"))]
pub(crate) type Head = Rc<tokio::sync::Mutex<Parts>>;

/// The head of this request, made when it is asked for first.
#[cfg(any(feature = "login", feature = "resource"))]
pub(crate) fn head(request: &HttpRequest) -> Head {
    if let Some(head) = request.extensions().get::<Head>() {
        return Rc::clone(head);
    }
    let head = Head::new(request_parts(request).into());
    request.extensions_mut().insert(Rc::clone(&head));
    head
}

/// The headers of a request as `http` 1 has them, which is how [`login`](crate::login) takes them.
#[cfg(feature = "login")]
pub fn request_headers(request: &HttpRequest) -> HeaderMap {
    headers(request.headers())
}

/// Appends `Set-Cookie` values, such as those of a [`NewSession`](crate::login::NewSession), to a response.
#[cfg(feature = "login")]
pub fn append_cookies(response: &mut HttpResponse, cookies: impl IntoIterator<Item = HeaderValue>) {
    for cookie in cookies {
        if let Some((name, value)) = to_actix((&header::SET_COOKIE, &cookie)) {
            response.headers_mut().append(name, value);
        }
    }
}

/// actix-web's headers as the core reads them; repeated ones stay repeated, in their order.
pub(crate) fn headers(from: &actix_header::HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(from.len());
    for (name, value) in from {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// A header of the core's as actix-web's.
pub(crate) fn to_actix(
    (name, value): (&HeaderName, &HeaderValue),
) -> Option<(actix_header::HeaderName, actix_header::HeaderValue)> {
    let name = actix_header::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
    let value = actix_header::HeaderValue::from_bytes(value.as_bytes()).ok()?;
    Some((name, value))
}

/// The core's response as actix-web's; repeated headers stay repeated. For a handler with an answer of the core's own:
/// of [`Auth::problem`], or of a token that was refused.
pub fn respond(response: CoreResponse) -> HttpResponse {
    let (mut parts, body) = response.into_parts();
    let status = ActixStatus::from_u16(parts.status.as_u16());
    let mut builder = HttpResponse::build(status.unwrap_or(ActixStatus::INTERNAL_SERVER_ERROR));
    // actix-web takes the length from the body. The answer to HEAD has none, but a length.
    let length = parts.headers.remove(header::CONTENT_LENGTH);
    for header in parts.headers.iter().filter_map(to_actix) {
        builder.append_header(header);
    }
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    match length.filter(|_| body.is_empty()) {
        Some(length) => builder.body(BoxBody::new(Unsent(length))),
        None => builder.body(body),
    }
}

/// A body of which only the length is told.
struct Unsent(u64);

impl MessageBody for Unsent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}
