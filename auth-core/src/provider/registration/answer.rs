//! The client information response (RFC 7591 §3.2.1, RFC 7592 §3).

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::provider::ProviderWing;
use crate::provider::registry::{ByItself, with_defaults};
use crate::store::Client;
use crate::web::{Response, json as json_response, with_query};

/// What a client is told about itself. No `Debug`: it holds secrets.
pub(super) struct Information<'a> {
    pub client: &'a Client,
    /// One that was made now. Later nobody can show it: a digest is kept.
    pub client_secret: Option<&'a str>,
    pub registration_access_token: &'a str,
}

impl ProviderWing {
    pub(super) fn respond_with_information(
        &self,
        status: StatusCode,
        information: &Information<'_>,
    ) -> Response {
        let client = information.client;
        let mut body = with_defaults(ByItself::strip(client));
        let id = client.client_id.as_str();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("client_id", json!(id));
        put("client_id_issued_at", json!(client.created_at.seconds()));
        if let Some(secret) = information.client_secret {
            put("client_secret", json!(secret));
            // "0 if it will not expire".
            put("client_secret_expires_at", json!(0));
        }
        let token = information.registration_access_token;
        put("registration_access_token", json!(token));
        let uri = with_query(&self.url("/register"), &[("client_id", Some(id))]);
        put("registration_client_uri", json!(uri));
        let mut response = json_response(status, &body);
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            HeaderName::from_static("pragma"),
            HeaderValue::from_static("no-cache"),
        );
        response
    }
}
