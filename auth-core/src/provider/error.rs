//! The protocol's errors.

use std::borrow::Cow;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::account::AccountError;
use crate::store::StoreError;
use crate::web::{ParamsError, Response, json as json_response};

/// An error as RFC 6749 §5.2 and §4.1.2.1 name it. Made from an internal error in one place each, so that no cause
/// reaches a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct OAuthError {
    /// The registered code.
    pub error: &'static str,
    /// One sentence for the client's developer: printable ASCII without `"` and `\` (RFC 6749 §5.2).
    pub description: Cow<'static, str>,
    /// The status where the error is a direct answer.
    pub status: StatusCode,
}

macro_rules! errors {
    ($($(#[$meta:meta])* $name:ident = $status:ident;)*) => {
        impl OAuthError {
            $($(#[$meta])*
            pub fn $name(description: impl Into<Cow<'static, str>>) -> Self {
                Self { error: stringify!($name), description: description.into(), status: StatusCode::$status }
            })*
        }
    };
}

errors! {
    /// RFC 6749 §5.2.
    invalid_request = BAD_REQUEST;
    /// RFC 6749 §5.2. One description for every reason: a client that guesses learns nothing.
    invalid_client = UNAUTHORIZED;
    /// RFC 6749 §5.2.
    invalid_grant = BAD_REQUEST;
    /// RFC 6749 §5.2.
    unauthorized_client = BAD_REQUEST;
    /// RFC 6749 §5.2.
    unsupported_grant_type = BAD_REQUEST;
    /// RFC 6749 §5.2.
    invalid_scope = BAD_REQUEST;
    /// RFC 6749 §4.1.2.1.
    unsupported_response_type = BAD_REQUEST;
    /// RFC 6749 §4.1.2.1.
    access_denied = FORBIDDEN;
    /// RFC 6749 §4.1.2.1.
    server_error = INTERNAL_SERVER_ERROR;
    /// RFC 6749 §4.1.2.1.
    temporarily_unavailable = SERVICE_UNAVAILABLE;
    /// OpenID Connect Core §3.1.2.6.
    login_required = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    interaction_required = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    account_selection_required = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    consent_required = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    request_not_supported = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    request_uri_not_supported = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    registration_not_supported = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    invalid_request_object = BAD_REQUEST;
    /// OpenID Connect Core §3.1.2.6.
    invalid_request_uri = BAD_REQUEST;
    /// RFC 6750 §3.1.
    invalid_token = UNAUTHORIZED;
    /// RFC 6750 §3.1.
    insufficient_scope = FORBIDDEN;
    /// RFC 8707 §2.
    invalid_target = BAD_REQUEST;
    /// RFC 7009 §2.2.1.
    unsupported_token_type = BAD_REQUEST;
    /// RFC 7591 §3.2.2.
    invalid_client_metadata = BAD_REQUEST;
    /// RFC 7591 §3.2.2.
    invalid_redirect_uri = BAD_REQUEST;
    /// RFC 7591 §3.2.2.
    invalid_software_statement = BAD_REQUEST;
    /// RFC 7591 §3.2.2.
    unapproved_software_statement = BAD_REQUEST;
}

impl OAuthError {
    /// The direct JSON answer (RFC 6749 §5.2). `invalid_client` names the Basic scheme, as a client that used it
    /// must be told.
    pub fn respond(&self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = json_response(self.status, &body);
        let headers = response.headers_mut();
        if self.error == "invalid_client" {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"oauth\", charset=\"UTF-8\""),
            );
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a store failed");
        match error {
            StoreError::Unavailable(_) => {
                Self::temporarily_unavailable("the server cannot answer right now")
            }
            _ => Self::server_error("the server failed; the cause is in its log"),
        }
    }
}

impl From<AccountError> for OAuthError {
    fn from(error: AccountError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the account resolver failed"
        );
        match error {
            AccountError::Unavailable(_) => {
                Self::temporarily_unavailable("the server cannot answer right now")
            }
            AccountError::Failed(_) => {
                Self::server_error("the server failed; the cause is in its log")
            }
        }
    }
}

impl From<ParamsError> for OAuthError {
    fn from(error: ParamsError) -> Self {
        // The name of a repeated parameter is the client's own text: printed only when it is plain.
        match error {
            ParamsError::Repeated(name)
                if name.len() <= 64
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
            {
                Self::invalid_request(format!("the parameter {name} is repeated"))
            }
            ParamsError::Repeated(_) => Self::invalid_request("a parameter is repeated"),
            other => Self::invalid_request(other.to_string()),
        }
    }
}
