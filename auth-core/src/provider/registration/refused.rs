//! A registration that is refused, as the wire says it (RFC 7591 §3.2.2, RFC 6750 §3).

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use crate::provider::error::OAuthError;
use crate::provider::registry::RegistrationError;
use crate::store::StoreError;
use crate::web::{Response, empty};

/// Why there is no answer.
pub(super) enum Refused {
    /// No token where one is needed: told no more than the scheme (RFC 6750 §3.1).
    NoToken,
    /// Too many from this address; seconds until it may again.
    TooMany(u64),
    /// An error of the protocol.
    Error(OAuthError),
}

impl Refused {
    pub(super) fn too_many(seconds: u64) -> Self {
        Self::TooMany(seconds)
    }

    /// One answer for a wrong token, an unknown client and a deleted one (RFC 7592 §2.1).
    pub(super) fn wrong_token() -> Self {
        Self::Error(OAuthError::invalid_token("the token is not valid"))
    }

    pub(super) fn respond(self) -> Response {
        match self {
            Self::NoToken => challenge(empty(StatusCode::UNAUTHORIZED), ""),
            Self::TooMany(seconds) => {
                let error = OAuthError {
                    status: StatusCode::TOO_MANY_REQUESTS,
                    ..OAuthError::temporarily_unavailable("too many registrations; try again later")
                };
                let mut response = error.respond();
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Error(error) if error.error == "invalid_token" => {
                challenge(error.respond(), ", error=\"invalid_token\"")
            }
            Self::Error(error) => error.respond(),
        }
    }
}

fn challenge(mut response: Response, error: &str) -> Response {
    let text = format!("Bearer realm=\"registration\"{error}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Error(error.into())
    }
}

impl From<RegistrationError> for Refused {
    fn from(error: RegistrationError) -> Self {
        match error {
            RegistrationError::Metadata(error) => Self::Error(error),
            RegistrationError::Store(error) => error.into(),
            // Deleted between the check of its token and the change.
            RegistrationError::Unknown(_) => Self::wrong_token(),
            RegistrationError::Contended(_) => Self::Error(OAuthError::temporarily_unavailable(
                "the client is being changed by others",
            )),
            other @ (RegistrationError::Exists(_) | RegistrationError::HostRegistry) => {
                Self::Error(crate::provider::code::internal(other))
            }
        }
    }
}
