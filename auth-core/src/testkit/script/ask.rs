//! Requests, as the scenes write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request};
use serde_json::Value;

use super::host::Setting;

pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const JSON: &str = "application/json";

/// A request. A target that begins with `~` lies under the path of the base URL, one of the host's own routes where the
/// app is mounted.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    pub(super) fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(super) fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    pub(super) fn post(target: impl Into<String>) -> Self {
        Self::new(Method::POST, target)
    }

    /// One more header, also of a name that is there; any bytes a connection can carry.
    pub(super) fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
        self.headers.append(name, value);
        self
    }

    /// What the browser's user does on this site.
    pub(super) fn same_origin(self) -> Self {
        self.header("sec-fetch-site", "same-origin")
    }

    pub(super) fn wants_json(self) -> Self {
        self.header("accept", JSON)
    }

    pub(super) fn wants_html(self) -> Self {
        self.header("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    }

    pub(super) fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        let media_type = HeaderValue::from_str(media_type).unwrap();
        self.headers.insert(CONTENT_TYPE, media_type);
        self.body = body.into();
        self
    }

    pub(super) fn form(self, fields: &[(&str, &str)]) -> Self {
        self.body(FORM, encoded(fields))
    }

    pub(super) fn json(self, value: &Value) -> Self {
        self.body(JSON, value.to_string())
    }

    pub(super) fn basic(self, id: &str, secret: &str) -> Self {
        let credentials = STANDARD.encode(format!("{id}:{secret}"));
        self.header("authorization", format!("Basic {credentials}"))
    }

    pub(super) fn bearer(mut self, token: &str) -> Self {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        self.headers.append(AUTHORIZATION, value);
        self
    }

    pub(super) fn request(&self, setting: Setting) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = setting.place(&self.target).parse().unwrap();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// A target with a query.
pub(super) fn with_query(path: &str, fields: &[(&str, &str)]) -> String {
    format!("{path}?{}", encoded(fields))
}
