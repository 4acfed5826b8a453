//! Errors of our own endpoints: a page for people, RFC 9457 problem details for programs.

use http::StatusCode;
use serde_json::{Value, json};

/// What went wrong, in words that may be shown. The cause goes to the log where the problem is made, never in here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// A stable machine-readable name, such as `invalid_credentials`: the member `code`.
    pub code: &'static str,
    /// What happened and what to do, one or two sentences.
    pub detail: String,
    /// Seconds after which trying again makes sense: becomes `Retry-After`.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// With `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// 401: nobody is signed in.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Sign in to go on.",
        )
    }

    /// 403: who is signed in may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
    }

    /// 408: the body did not come within [`BODY_TIMEOUT`](super::BODY_TIMEOUT).
    pub fn body_too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "The body of the request took too long.",
        )
    }

    /// 400: the connection or the encoding of the body broke.
    pub fn body_unreadable() -> Self {
        Self::bad_request("The body of the request could not be read.")
    }

    /// 429 with the time to wait.
    pub fn too_many_attempts(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            "Too many attempts. Wait a while and try again.",
        )
        .retry_after(seconds)
    }

    /// 503: a store or the password hasher cannot serve now.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The service cannot answer right now. Try again in a moment.",
        )
        .retry_after(5)
    }

    /// 500, for a fault of ours; the log has the cause.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "Something went wrong on our side. It has been logged.",
        )
    }

    /// The RFC 9457 object.
    pub fn to_json(&self) -> Value {
        json!({
            "type": "about:blank",
            "title": self.title(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        })
    }

    /// The status in words.
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }
}

impl From<super::ParamsError> for Problem {
    fn from(error: super::ParamsError) -> Self {
        let status = match error {
            super::ParamsError::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(
            status,
            "invalid_request",
            format!("The request cannot be read: {error}."),
        )
    }
}

impl From<super::Forgery> for Problem {
    fn from(error: super::Forgery) -> Self {
        let (code, detail) = match error {
            super::Forgery::CrossSite => (
                "cross_site_request",
                "This request was not accepted: it came from another site.",
            ),
            super::Forgery::Token => (
                "form_expired",
                "This request was not accepted: the form has expired or belongs to another browser. Load it again.",
            ),
        };
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }
}

impl From<crate::store::StoreError> for Problem {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a store failed");
        match error {
            crate::store::StoreError::Unavailable(_) => Self::unavailable(),
            _ => Self::internal(),
        }
    }
}
