//! Software statements (RFC 7591 §2.3): metadata that somebody vouches for.

use serde_json::{Map, Value};

use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, ClaimsCheck, JoseError, Jws};
use crate::provider::ProviderWing;
use crate::provider::error::OAuthError;

/// How far an issuer's clock may be from ours, in seconds.
const LEEWAY: i64 = 30;

/// Claims about the statement, not about the software.
const ABOUT_ITSELF: [&str; 8] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "software_statement",
];

enum Refusal {
    Invalid,
    Unapproved,
}

impl From<JoseError> for Refusal {
    fn from(_: JoseError) -> Self {
        Self::Invalid
    }
}

impl ProviderWing {
    /// Reads a software statement and puts its claims over the plain members (§2.3: "the value of the software
    /// statement MUST take precedence"). The claims come back; `None` without a statement.
    ///
    /// # Errors
    /// `invalid_software_statement` when it does not verify, `unapproved_software_statement` when nobody here trusts
    /// its issuer (§3.2.2).
    pub(super) fn apply_statement(
        &self,
        metadata: &mut Map<String, Value>,
        now: Timestamp,
    ) -> Result<Option<Map<String, Value>>, OAuthError> {
        let claims = match metadata.get("software_statement") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(statement)) => self.read_statement(statement, now),
            Some(_) => {
                return Err(OAuthError::invalid_client_metadata(
                    "software_statement must be a string",
                ));
            }
        };
        let claims = claims.map_err(|refusal| match refusal {
            Refusal::Invalid => {
                OAuthError::invalid_software_statement("the software statement does not verify")
            }
            Refusal::Unapproved => OAuthError::unapproved_software_statement(
                "the issuer of the software statement is not trusted here",
            ),
        })?;
        for (name, value) in &claims {
            if !ABOUT_ITSELF.contains(&name.as_str()) {
                metadata.insert(name.clone(), value.clone());
            }
        }
        Ok(Some(claims))
    }

    fn read_statement(
        &self,
        statement: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let jws = Jws::parse(statement)?;
        // An issuer signs other things too: an ID token or access token of its is no word about software.
        if jws.typ().is_some() && !jws.has_typ("JWT") {
            return Err(Refusal::Invalid);
        }
        // Only to find the keys it must verify with (§2.3: it "MUST contain an iss claim").
        let claimed = jws.dangerous_unverified_claims()?;
        let issuer = claimed.str("iss").ok_or(Refusal::Invalid)?;
        let trusted = &self.settings.registration.statement_issuers;
        let trusted = trusted.iter().find(|own| own.issuer == issuer);
        let trusted = trusted.ok_or(Refusal::Unapproved)?;
        let verified = jws.verify(&trusted.keys, &Algorithm::ALL)?;
        let claims = verified.claims_object()?;
        let here = [self.core.base.issuer(), &self.url("/register")];
        let check = ClaimsCheck {
            issuer: Some(&trusted.issuer),
            // RFC 7519 §4.1.3: one that names an audience must name this one.
            audience: claims.get("aud").is_some().then_some(&here),
            leeway_seconds: LEEWAY,
            require_exp: false,
            ..ClaimsCheck::at(now.seconds())
        };
        check.check(&claims)?;
        Ok(claims.into_object())
    }
}
