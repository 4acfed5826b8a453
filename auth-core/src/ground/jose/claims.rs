//! Registered claims, each of the JSON type RFC 7519 section 4.1 gives it, or an error: a claim of another type is
//! never taken for absent (CVE-2026-25537).

use serde_json::{Map, Value};

use super::JoseError;

/// The last second of 9999. A later time, such as one in milliseconds, is a mistake of the issuer.
const MAX_TIME: i64 = 253_402_300_799;

/// The claims of a [`Verified`](super::Verified) token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// Claims that somebody vouches for other than by a signature: a TLS connection to a party the operator named (an
    /// introspection answer, RFC 7662 §2.2). Read with the same rules: an object, no member twice, not too deep.
    ///
    /// # Errors
    /// [`JoseError::DuplicateMember`], [`JoseError::InvalidPayload`].
    pub fn from_vouched_json(json: &[u8]) -> Result<Self, JoseError> {
        super::object::parse_claims(json).map(Self)
    }

    /// The claim as it is, of whatever type.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All claims.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All claims, given away.
    pub fn into_object(self) -> Map<String, Value> {
        self.0
    }

    /// A string that has to be there.
    ///
    /// # Errors
    /// [`JoseError::MissingClaim`], [`JoseError::WrongClaimType`].
    pub fn require_str(&self, name: &'static str) -> Result<&str, JoseError> {
        self.optional_str(name)?
            .ok_or(JoseError::MissingClaim(name))
    }

    /// A string that may be absent; `null` is not absent.
    ///
    /// # Errors
    /// [`JoseError::WrongClaimType`].
    pub fn optional_str(&self, name: &'static str) -> Result<Option<&str>, JoseError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(JoseError::WrongClaimType(name)),
        }
    }

    /// A `NumericDate` that has to be there, in seconds since 1970; a fraction is cut off (RFC 7519 section 2).
    ///
    /// # Errors
    /// [`JoseError::MissingClaim`], [`JoseError::WrongClaimType`], [`JoseError::ClaimOutOfRange`].
    pub fn require_time(&self, name: &'static str) -> Result<i64, JoseError> {
        self.optional_time(name)?
            .ok_or(JoseError::MissingClaim(name))
    }

    /// A `NumericDate` that may be absent; `null` is not absent.
    ///
    /// # Errors
    /// [`JoseError::WrongClaimType`], [`JoseError::ClaimOutOfRange`].
    pub fn optional_time(&self, name: &'static str) -> Result<Option<i64>, JoseError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let Value::Number(number) = value else {
            return Err(JoseError::WrongClaimType(name));
        };
        let seconds = match (number.as_i64(), number.as_f64()) {
            (Some(seconds), _) => seconds,
            (None, Some(seconds)) => {
                whole_seconds(seconds).ok_or(JoseError::ClaimOutOfRange(name))?
            }
            (None, None) => return Err(JoseError::ClaimOutOfRange(name)),
        };
        if (0..=MAX_TIME).contains(&seconds) {
            Ok(Some(seconds))
        } else {
            Err(JoseError::ClaimOutOfRange(name))
        }
    }

    /// `aud`: a string, or an array of strings; absent is none (RFC 7519 section 4.1.3).
    ///
    /// # Errors
    /// [`JoseError::WrongClaimType`], also for a single element of another type.
    pub fn audiences(&self) -> Result<Vec<&str>, JoseError> {
        const WRONG: JoseError = JoseError::WrongClaimType("aud");
        match self.0.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(audience)) => Ok(vec![audience]),
            Some(Value::Array(audiences)) => audiences
                .iter()
                .map(|audience| audience.as_str().ok_or(WRONG))
                .collect(),
            Some(_) => Err(WRONG),
        }
    }
}

fn whole_seconds(seconds: f64) -> Option<i64> {
    #[expect(clippy::cast_precision_loss, reason = "the bound is below 2^53")]
    let in_range = (0.0..=MAX_TIME as f64).contains(&seconds);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and the fraction is meant to go"
    )]
    in_range.then_some(seconds as i64)
}

/// Claims nobody has vouched for: good for finding the key, and for nothing else. Cannot be checked, so cannot be
/// mistaken for [`Claims`].
#[derive(Debug)]
pub struct UnverifiedClaims(Map<String, Value>);

impl UnverifiedClaims {
    pub(super) fn new(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// The claim, if it is a string.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Claims, JoseError};

    fn claims(value: Value) -> Claims {
        let Value::Object(object) = value else {
            panic!("an object")
        };
        Claims::new(object)
    }

    #[test]
    fn times_are_numbers_in_range() {
        for (value, seconds) in [
            (json!(0), 0),
            (json!(1_300_819_380), 1_300_819_380),
            (json!(12.9), 12),
            (json!(1.5e9), 1_500_000_000),
        ] {
            assert_eq!(
                claims(json!({ "exp": value })).require_time("exp"),
                Ok(seconds)
            );
        }
        for value in [
            json!(-1),
            json!(-0.5),
            json!(1_700_000_000_000_i64),
            json!(u64::MAX),
            json!(1e300),
        ] {
            assert_eq!(
                claims(json!({ "exp": value })).require_time("exp"),
                Err(JoseError::ClaimOutOfRange("exp"))
            );
        }
        assert_eq!(
            claims(json!({})).require_time("exp"),
            Err(JoseError::MissingClaim("exp"))
        );
        assert_eq!(claims(json!({})).optional_time("nbf"), Ok(None));
    }

    #[test]
    fn threat_20_a_time_of_another_type_is_an_error() {
        for value in [
            json!("1300819380"),
            json!(null),
            json!(true),
            json!([1]),
            json!({}),
        ] {
            let claims = claims(json!({ "exp": value, "nbf": value }));
            assert_eq!(
                claims.require_time("exp"),
                Err(JoseError::WrongClaimType("exp"))
            );
            assert_eq!(
                claims.optional_time("nbf"),
                Err(JoseError::WrongClaimType("nbf"))
            );
        }
    }

    #[test]
    fn strings_and_audiences() {
        let good = claims(json!({ "iss": "i", "aud": ["a", "b"] }));
        assert_eq!(good.require_str("iss"), Ok("i"));
        assert_eq!(good.require_str("sub"), Err(JoseError::MissingClaim("sub")));
        assert_eq!(good.audiences().unwrap(), ["a", "b"]);
        assert_eq!(claims(json!({ "aud": "a" })).audiences().unwrap(), ["a"]);
        assert!(claims(json!({})).audiences().unwrap().is_empty());
        for aud in [
            json!(null),
            json!(1),
            json!({}),
            json!(["a", 1]),
            json!([["a"]]),
        ] {
            assert_eq!(
                claims(json!({ "aud": aud })).audiences(),
                Err(JoseError::WrongClaimType("aud"))
            );
        }
        assert_eq!(
            claims(json!({ "iss": null })).optional_str("iss"),
            Err(JoseError::WrongClaimType("iss"))
        );
    }
}
