//! What a request offers to prove its client (RFC 6749 §2.3.1, RFC 7523 §2.2).

use std::borrow::Cow;

use http::HeaderMap;

use super::Failure;
use crate::ground::jose::Jws;
use crate::provider::client::AuthMethod;
use crate::provider::error::OAuthError;
use crate::web::{BasicCredentials, Params};

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Exactly one way of proof. No `Debug`: it holds secrets.
pub(super) enum Presented<'a> {
    /// A client secret, by header or in the body.
    Secret {
        client_id: Cow<'a, str>,
        secret: Cow<'a, str>,
        method: AuthMethod,
    },
    /// A signed assertion.
    Assertion {
        client_id: Option<Cow<'a, str>>,
        assertion: &'a str,
    },
    /// A `client_id` alone.
    Nothing { client_id: Option<&'a str> },
}

impl<'a> Presented<'a> {
    pub(super) fn read(headers: &HeaderMap, params: &'a Params) -> Result<Self, Failure> {
        let basic = BasicCredentials::from_headers(headers)
            .map_err(|_| Failure::Refused("the Basic header cannot be read"))?;
        let in_body = params.get("client_id");
        let secret = params.get("client_secret");
        let assertion = params.get("client_assertion");
        let assertion_type = params.get("client_assertion_type");
        match (basic, secret, assertion.or(assertion_type)) {
            (Some(basic), None, None) => {
                // Many clients repeat their id in the body; it must be the same one.
                if in_body.is_some_and(|id| id != basic.username) {
                    return Err(two_methods());
                }
                Ok(Self::Secret {
                    client_id: Cow::Owned(basic.username),
                    secret: Cow::Owned(basic.password),
                    method: AuthMethod::ClientSecretBasic,
                })
            }
            (None, Some(secret), None) => Ok(Self::Secret {
                client_id: Cow::Borrowed(in_body.unwrap_or_default()),
                secret: Cow::Borrowed(secret),
                method: AuthMethod::ClientSecretPost,
            }),
            (None, None, Some(_)) => read_assertion(in_body, assertion, assertion_type),
            (None, None, None) => Ok(Self::Nothing { client_id: in_body }),
            _ => Err(two_methods()),
        }
    }

    /// Who the client says it is.
    pub(super) fn client_id(&self) -> Option<&str> {
        let id = match self {
            Self::Secret { client_id, .. } => Some(&**client_id),
            Self::Assertion { client_id, .. } => client_id.as_deref(),
            Self::Nothing { client_id } => *client_id,
        };
        id.filter(|id| !id.is_empty())
    }

    pub(super) fn method(&self) -> AuthMethod {
        match self {
            Self::Secret { method, .. } => *method,
            Self::Assertion { .. } => AuthMethod::PrivateKeyJwt,
            Self::Nothing { .. } => AuthMethod::None,
        }
    }
}

/// The client is `client_id`, or who the assertion says it is about (RFC 7523 §3 item 2); both must agree, which the
/// check of the assertion sees to.
fn read_assertion<'a>(
    client_id: Option<&'a str>,
    assertion: Option<&'a str>,
    assertion_type: Option<&'a str>,
) -> Result<Presented<'a>, Failure> {
    let (Some(assertion), Some(JWT_BEARER)) = (assertion, assertion_type) else {
        return Err(Failure::Refused(
            "the assertion is incomplete or of another type",
        ));
    };
    let claimed = || {
        let claims = Jws::parse(assertion)
            .ok()?
            .dangerous_unverified_claims()
            .ok()?;
        claims.str("sub").map(|sub| Cow::Owned(sub.to_owned()))
    };
    Ok(Presented::Assertion {
        client_id: client_id.map(Cow::Borrowed).or_else(claimed),
        assertion,
    })
}

fn two_methods() -> Failure {
    Failure::Error(OAuthError::invalid_request(
        "the request uses more than one way to authenticate the client",
    ))
}
