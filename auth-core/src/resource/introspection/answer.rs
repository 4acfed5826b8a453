//! From an answer to an [`AccessToken`] (RFC 7662 §2.2, §4).

use serde_json::Value;

use super::Introspection;
use super::answers::Outcome;
use crate::ground::Timestamp;
use crate::ground::jose::{Claims, ClaimsCheck, JoseError};
use crate::resource::AccessToken;
use crate::resource::refused::{InvalidToken, Refusal};

impl Introspection {
    /// The issuer's word that a token is active does not make it one for us, nor a bearer token; and what it leaves
    /// open, such as whether `exp` is of the right type, is not taken on trust.
    pub(super) fn accept(&self, claims: Claims, now: Timestamp) -> Outcome {
        require_active(&claims)?;
        require_bearer(&claims)?;
        let audiences: Vec<_> = self.audiences.iter().map(String::as_str).collect();
        let rule = ClaimsCheck {
            // Optional here, but another one's name is an error.
            issuer: claims.get("iss").map(|_| self.issuer.as_str()),
            audience: Some(&audiences),
            leeway_seconds: self.leeway_seconds,
            ..ClaimsCheck::at(now.seconds())
        };
        rule.check(&claims)?;
        let required = &self.required_claims;
        AccessToken::introspected(claims, self.issuer.clone(), self.realm.clone(), required)
    }
}

/// `active` is true: not the text, not a number.
fn require_active(claims: &Claims) -> Result<(), Refusal> {
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::Bool(false)) => Err(InvalidToken::Inactive.into()),
        Some(_) => Err(JoseError::WrongClaimType("active").into()),
        None => Err(JoseError::MissingClaim("active").into()),
    }
}

/// `token_type` is Bearer, if it is there (RFC 6749 §5.1: whatever its case).
fn require_bearer(claims: &Claims) -> Result<(), Refusal> {
    match claims.optional_str("token_type")? {
        None => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        // Bound to a key, as the scheme says (RFC 9449 §6.2).
        Some(kind) if kind.eq_ignore_ascii_case("dpop") => {
            Err(InvalidToken::SenderConstrained.into())
        }
        Some(_) => Err(InvalidToken::WrongType.into()),
    }
}
