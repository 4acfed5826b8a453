//! Who this app is to an endpoint that asks.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use reqwest::RequestBuilder;
use zeroize::Zeroizing;

/// A client id and its secret, sent as HTTP Basic (`client_secret_basic`, RFC 6749 §2.3.1). No `Debug`: it holds a
/// secret.
#[derive(Clone)]
pub struct ClientCredentials {
    client_id: String,
    client_secret: Zeroizing<String>,
}

impl ClientCredentials {
    /// As the other side registered them; they are encoded when they are sent.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: Zeroizing::new(client_secret.into()),
        }
    }

    /// The id alone, which is no secret.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether one of the two is missing: credentials nobody accepts.
    pub fn is_incomplete(&self) -> bool {
        self.client_id.is_empty() || self.client_secret.is_empty()
    }

    /// Each part is form-urlencoded before both are joined (RFC 6749 §2.3.1), so a colon in the id stays in the id. The
    /// header is marked as sensitive, so the `Debug` of the request hides it.
    pub(super) fn authenticate(&self, request: RequestBuilder) -> RequestBuilder {
        let secret = Zeroizing::new(form_encode(&self.client_secret));
        request.basic_auth(form_encode(&self.client_id), Some(secret.as_str()))
    }
}

impl PartialEq for ClientCredentials {
    fn eq(&self, other: &Self) -> bool {
        let (own, others) = (&self.client_secret, &other.client_secret);
        self.client_id == other.client_id
            && verify_slices_are_equal(own.as_bytes(), others.as_bytes()).is_ok()
    }
}

impl Eq for ClientCredentials {}

fn form_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
