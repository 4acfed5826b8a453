//! Why a request was refused, and the answer (RFC 6750 §3, RFC 9470 §3).

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use crate::ground::jose::JoseError;
use crate::web::{Response, json as json_response};

/// Seconds after which trying again makes sense when a store or an issuer is down.
const RETRY_AFTER_SECONDS: u64 = 5;

/// What is wrong with a token. No variant carries anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidToken {
    /// Not a signed JWT where only those are read, too long, `alg: none`, an HMAC, critical extensions.
    Malformed,
    /// `typ` is not `at+jwt` (RFC 9068 §4): an ID token, a logout token, a client assertion. Or it is introspected, and
    /// its `token_type` is no `Bearer`.
    WrongType,
    /// `iss` is no issuer this app trusts.
    UntrustedIssuer,
    /// Signed with an algorithm that is not accepted, or that the key is not for.
    Algorithm,
    /// No key of the issuer has this `kid`.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// A required claim is missing, or a claim is of the wrong JSON type.
    Claims,
    /// `aud` names another resource.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lie in the future.
    NotYetValid,
    /// Bound to a key (`cnf`), so no bearer token (RFC 9449 §7.1, RFC 8705 §3).
    SenderConstrained,
    /// Revoked, by itself or with its grant.
    Revoked,
    /// Its issuer, when asked, called it inactive (RFC 7662 §2.2): expired, revoked, made up, or not ours to ask about.
    Inactive,
    /// No API key of the host's, or one that is no longer good.
    UnknownApiKey,
}

impl InvalidToken {
    /// A stable name, for events and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongType => "wrong_type",
            Self::UntrustedIssuer => "untrusted_issuer",
            Self::Algorithm => "algorithm_not_allowed",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "bad_signature",
            Self::Claims => "bad_claims",
            Self::Audience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::SenderConstrained => "sender_constrained",
            Self::Revoked => "revoked",
            Self::Inactive => "inactive",
            Self::UnknownApiKey => "unknown_api_key",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Malformed => "The access token is not a signed JWT that can be read here.",
            Self::WrongType => {
                "The token is not a bearer access token: the typ of a JWT must be at+jwt."
            }
            Self::UntrustedIssuer => "The access token is from an issuer that is not trusted here.",
            Self::Algorithm => "The access token is signed with an algorithm that is not accepted.",
            Self::UnknownKey => {
                "The access token is signed with a key its issuer does not publish."
            }
            Self::Signature => "The signature of the access token does not verify.",
            Self::Claims => "The access token lacks a required claim or has one of the wrong type.",
            Self::Audience => "The access token is for another resource.",
            Self::Expired => "The access token expired.",
            Self::NotYetValid => "The access token is not valid yet.",
            Self::SenderConstrained => "The access token is bound to a key: it is no bearer token.",
            Self::Revoked => "The access token was revoked.",
            Self::Inactive => "The access token is not active.",
            Self::UnknownApiKey => "The API key is none that is accepted here.",
        }
    }
}

impl From<JoseError> for InvalidToken {
    fn from(error: JoseError) -> Self {
        match error {
            JoseError::UnexpectedType => Self::WrongType,
            JoseError::AlgorithmNotAllowed | JoseError::KeyUnsuitable => Self::Algorithm,
            JoseError::UnknownKey | JoseError::AmbiguousKey => Self::UnknownKey,
            JoseError::InvalidSignature => Self::Signature,
            JoseError::MissingClaim(_)
            | JoseError::WrongClaimType(_)
            | JoseError::ClaimOutOfRange(_)
            | JoseError::LifetimeTooLong
            | JoseError::TooOld => Self::Claims,
            JoseError::IssuerMismatch => Self::UntrustedIssuer,
            JoseError::AudienceMismatch => Self::Audience,
            JoseError::Expired => Self::Expired,
            JoseError::NotYetValid | JoseError::IssuedInFuture => Self::NotYetValid,
            _ => Self::Malformed,
        }
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no bearer token.
    MissingToken,
    /// The `Authorization` header is malformed; with what is wrong.
    InvalidRequest(&'static str),
    /// The token is not accepted.
    InvalidToken(InvalidToken),
    /// The token is good, its scopes are not enough.
    InsufficientScope {
        /// Scopes that would be, separated by spaces.
        scope: String,
    },
    /// The token is good, its user has to sign in anew (RFC 9470).
    InsufficientUserAuthentication {
        /// How long ago the sign-in may be, in seconds.
        max_age: Option<u64>,
        /// Levels of which one is enough, separated by spaces.
        acr_values: Option<String>,
    },
    /// Whether the token is good cannot be found out now: a store or its issuer is down.
    Unavailable,
}

impl Refusal {
    /// A stable name, for events and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidToken(reason) => reason.code(),
            other => other.error(),
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_) => StatusCode::BAD_REQUEST,
            Self::MissingToken
            | Self::InvalidToken(_)
            | Self::InsufficientUserAuthentication { .. } => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope { .. } => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn error(&self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidToken(_) => "invalid_token",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::InsufficientUserAuthentication { .. } => "insufficient_user_authentication",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// Without quotes and backslashes: it stands in a quoted string (RFC 6750 §3).
    const fn description(&self) -> &'static str {
        match self {
            Self::MissingToken => "Send an access token in the header Authorization: Bearer.",
            Self::InvalidRequest(description) => description,
            Self::InvalidToken(reason) => reason.description(),
            Self::InsufficientScope { .. } => "The access token lacks a scope this request needs.",
            Self::InsufficientUserAuthentication { .. } => {
                "The user has to sign in again, or more strongly, for this request."
            }
            Self::Unavailable => "The access token cannot be checked right now. Try again.",
        }
    }
}

impl From<JoseError> for Refusal {
    fn from(error: JoseError) -> Self {
        Self::InvalidToken(error.into())
    }
}

impl From<InvalidToken> for Refusal {
    fn from(reason: InvalidToken) -> Self {
        Self::InvalidToken(reason)
    }
}

/// A refused request: an error that knows its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRefused {
    realm: Arc<str>,
    refusal: Refusal,
}

impl TokenRefused {
    pub(super) fn new(realm: Arc<str>, refusal: Refusal) -> Self {
        Self { realm, refusal }
    }

    /// Why.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.refusal.status()
    }

    /// The answer: the challenge of RFC 6750 §3, or 503 with `Retry-After`, and a JSON body with `error` and
    /// `error_description`.
    pub fn respond(&self) -> Response {
        let refusal = &self.refusal;
        let body = json!({
            "error": refusal.error(),
            "error_description": refusal.description(),
        });
        let mut response = json_response(refusal.status(), &body);
        let headers = response.headers_mut();
        if *refusal == Refusal::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        } else if let Ok(challenge) = HeaderValue::from_str(&self.challenge()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// The value of `WWW-Authenticate`. Without a token there is no error code in it (RFC 6750 §3.1).
    fn challenge(&self) -> String {
        let mut challenge = "Bearer".to_owned();
        attribute(&mut challenge, "realm", &self.realm);
        if self.refusal == Refusal::MissingToken {
            return challenge;
        }
        attribute(&mut challenge, "error", self.refusal.error());
        attribute(
            &mut challenge,
            "error_description",
            self.refusal.description(),
        );
        match &self.refusal {
            Refusal::InsufficientScope { scope } if !scope.is_empty() => {
                attribute(&mut challenge, "scope", scope);
            }
            Refusal::InsufficientUserAuthentication {
                max_age,
                acr_values,
            } => {
                if let Some(seconds) = max_age {
                    attribute(&mut challenge, "max_age", &seconds.to_string());
                }
                if let Some(values) = acr_values {
                    attribute(&mut challenge, "acr_values", values);
                }
            }
            _ => {}
        }
        challenge
    }
}

impl fmt::Display for TokenRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.refusal.description())
    }
}

impl std::error::Error for TokenRefused {}

/// Appends ` name="value"`, after a comma where it is not the first. What may not stand in the string is left out.
fn attribute(challenge: &mut String, name: &str, value: &str) {
    if challenge.contains('=') {
        challenge.push(',');
    }
    challenge.push(' ');
    challenge.push_str(name);
    challenge.push_str("=\"");
    let allowed = |character: &char| {
        matches!(character, ' '..='~') && *character != '"' && *character != '\\'
    };
    challenge.extend(value.chars().filter(allowed));
    challenge.push('"');
}
