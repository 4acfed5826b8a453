//! Building responses.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG,
    HeaderValue, IF_NONE_MATCH, LOCATION,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::ground::Digest32;

/// A response on `http` types.
pub type Response = http::Response<Bytes>;

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// 204.
pub fn no_content() -> Response {
    empty(StatusCode::NO_CONTENT)
}

/// A JSON response. A value that cannot be serialized (none of ours) gives a bare 500.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(value) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    typed(status, "application/json", Bytes::from(body))
}

/// A response with a content type.
fn typed(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An HTML response.
pub fn html(status: StatusCode, body: String) -> Response {
    typed(status, "text/html; charset=utf-8", Bytes::from(body))
}

/// A static file whose name changes with its content: cached for a year.
pub fn asset(content_type: &'static str, body: &'static [u8]) -> Response {
    let mut response = typed(StatusCode::OK, content_type, Bytes::from_static(body));
    response.headers_mut().insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}

/// Public JSON served from memory with an `ETag`: 304 when the client has it (RFC 9110 §13.1.2).
pub fn conditional_json(request: &HeaderMap, body: &Bytes, max_age: u32) -> Response {
    let etag = format!("\"{}\"", Digest32::of(body).to_text());
    let known = request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| matches!(tag.trim().trim_start_matches("W/"), tag if tag == etag || tag == "*"));
    let mut response = if known {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        typed(StatusCode::OK, "application/json", body.clone())
    };
    let headers = response.headers_mut();
    insert(
        headers,
        CACHE_CONTROL,
        &format!("public, max-age={max_age}"),
    );
    insert(headers, ETAG, &etag);
    response
}

/// 303 to a location: the method becomes GET and no credential travels on (RFC 9700 §4.12). The location is a URL
/// already serialized by a parser; one that is no header value gives a bare 500.
pub fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = empty(StatusCode::SEE_OTHER);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// Opens a response to browser clients of any origin, without credentials.
pub fn with_cors(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate"),
    );
    response
}

/// The answer to a CORS preflight.
pub fn preflight(methods: &str) -> Response {
    let mut response = with_cors(no_content());
    let headers = response.headers_mut();
    insert(headers, ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
