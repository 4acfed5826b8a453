//! Reading and verifying a JWS in compact form (RFC 7515 section 5.2, with the rules of RFC 8725).

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::claims::{Claims, UnverifiedClaims};
use super::header::{self, Header};
use super::{Algorithm, JoseError, Jwk, VerificationKeys, VerifyingKey, encoding, object};

/// The longest token [`Jws::parse`] reads, in bytes.
pub const MAX_JWS_BYTES: usize = 16 * 1024;

/// A token, read but not believed.
#[derive(Debug)]
pub struct Jws<'a> {
    header: Header,
    encoded_header: &'a str,
    encoded_payload: &'a str,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads a token of at most [`MAX_JWS_BYTES`].
    ///
    /// # Errors
    /// As [`Jws::parse_bounded`].
    pub fn parse(token: &'a str) -> Result<Self, JoseError> {
        Self::parse_bounded(token, MAX_JWS_BYTES)
    }

    /// Reads a token of at most `limit` bytes.
    ///
    /// # Errors
    /// [`JoseError::TokenTooLong`], [`JoseError::NotCompact`], [`JoseError::InvalidBase64`], and for the header
    /// [`JoseError::InvalidHeader`], [`JoseError::DuplicateMember`], [`JoseError::UnsupportedAlgorithm`],
    /// [`JoseError::CriticalHeader`] and [`JoseError::UnencodedPayload`].
    pub fn parse_bounded(token: &'a str, limit: usize) -> Result<Self, JoseError> {
        if token.len() > limit {
            return Err(JoseError::TokenTooLong { limit });
        }
        let (signing_input, encoded_signature) =
            token.rsplit_once('.').ok_or(JoseError::NotCompact)?;
        let (encoded_header, encoded_payload) =
            signing_input.split_once('.').ok_or(JoseError::NotCompact)?;
        if encoded_payload.contains('.') {
            return Err(JoseError::NotCompact);
        }
        let header = Header::parse(&decode(encoded_header, "header")?)?;
        let signature = decode(encoded_signature, "signature")?;
        Ok(Self {
            header,
            encoded_header,
            encoded_payload,
            signing_input,
            signature,
        })
    }

    /// The algorithm the token claims to be signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The key the token claims to be signed with.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// `typ` as it stands in the header; compare with [`Jws::require_typ`].
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Whether `typ` is this media type, `application/` and case aside (RFC 7515 section 4.1.9).
    pub fn has_typ(&self, expected: &str) -> bool {
        same_media_type(self.typ(), expected)
    }

    /// Refuses a token of another type, or of none (RFC 8725 section 3.11): an ID token is no access token.
    ///
    /// # Errors
    /// [`JoseError::UnexpectedType`].
    pub fn require_typ(&self, expected: &str) -> Result<(), JoseError> {
        if self.has_typ(expected) {
            Ok(())
        } else {
            Err(JoseError::UnexpectedType)
        }
    }

    /// Verifies with the key of the set that the token names; `allowed` is what this use permits.
    ///
    /// # Errors
    /// [`JoseError::AlgorithmNotAllowed`]; [`JoseError::UnknownKey`], [`JoseError::KeyUnsuitable`] and
    /// [`JoseError::AmbiguousKey`] for the choice of key; [`JoseError::InvalidSignature`].
    pub fn verify(
        &self,
        keys: &VerificationKeys,
        allowed: &[Algorithm],
    ) -> Result<Verified, JoseError> {
        self.require_allowed(allowed)?;
        let candidates = keys.candidates(self.kid(), self.algorithm())?;
        if candidates.iter().any(|key| self.is_signed_by(key).is_ok()) {
            self.verified()
        } else {
            Err(JoseError::InvalidSignature)
        }
    }

    /// Verifies with this key, whatever `kid` says: for a key known by other means, as that of a DPoP proof.
    ///
    /// # Errors
    /// [`JoseError::AlgorithmNotAllowed`], [`JoseError::KeyUnsuitable`], [`JoseError::InvalidSignature`].
    pub fn verify_with_key(
        &self,
        key: &VerifyingKey,
        allowed: &[Algorithm],
    ) -> Result<Verified, JoseError> {
        self.require_allowed(allowed)?;
        self.is_signed_by(key)?;
        self.verified()
    }

    /// The claims before any check: to find out whose keys to verify with, by `iss`, `sub` or `client_id`, and for
    /// nothing else. Anyone can have written them.
    ///
    /// # Errors
    /// [`JoseError::InvalidBase64`], [`JoseError::InvalidPayload`], [`JoseError::DuplicateMember`].
    pub fn dangerous_unverified_claims(&self) -> Result<UnverifiedClaims, JoseError> {
        let payload = decode(self.encoded_payload, "payload")?;
        Ok(UnverifiedClaims::new(object::parse_claims(&payload)?))
    }

    /// The public key in the header, which whoever wrote the token put there. It proves possession of that key, where
    /// its thumbprint is then bound to something (a DPoP proof, RFC 9449 section 4.3), and nothing about identity.
    /// [`Jws::verify`] never looks at it.
    ///
    /// # Errors
    /// [`JoseError::UnknownKey`] if there is none; else as [`Jwk::from_value`].
    pub fn dangerous_embedded_jwk(&self) -> Result<Jwk, JoseError> {
        header::embedded_jwk(&decode(self.encoded_header, "header")?)?.ok_or(JoseError::UnknownKey)
    }

    fn require_allowed(&self, allowed: &[Algorithm]) -> Result<(), JoseError> {
        if allowed.contains(&self.algorithm()) {
            Ok(())
        } else {
            Err(JoseError::AlgorithmNotAllowed)
        }
    }

    fn is_signed_by(&self, key: &VerifyingKey) -> Result<(), JoseError> {
        key.verify(
            self.algorithm(),
            self.signing_input.as_bytes(),
            &self.signature,
        )
    }

    /// Only to be called once a signature has verified.
    fn verified(&self) -> Result<Verified, JoseError> {
        let payload = decode(self.encoded_payload, "payload")?;
        let Header {
            algorithm,
            kid,
            typ,
        } = &self.header;
        Ok(Verified {
            algorithm: *algorithm,
            kid: kid.clone(),
            typ: typ.clone(),
            payload,
        })
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, JoseError> {
    encoding::decode(part).ok_or(JoseError::InvalidBase64 { part: name })
}

pub(super) fn same_media_type(typ: Option<&str>, expected: &str) -> bool {
    typ.is_some_and(|typ| subtype(typ).eq_ignore_ascii_case(subtype(expected)))
}

/// `application/` may be left out where no other slash follows (RFC 7515 section 4.1.9).
fn subtype(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

/// A token whose signature has been verified with a key that may use its algorithm. Nothing else makes one.
///
/// Its claims are the signer's, but may be old, for someone else, or of another kind of token: see
/// [`ClaimsCheck`](super::ClaimsCheck) and [`Verified::require_typ`].
#[derive(Debug)]
pub struct Verified {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    payload: Vec<u8>,
}

impl Verified {
    /// The algorithm it was verified with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid` of the header.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ` as it stands in the header.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// As [`Jws::require_typ`].
    ///
    /// # Errors
    /// [`JoseError::UnexpectedType`].
    pub fn require_typ(&self, expected: &str) -> Result<(), JoseError> {
        if same_media_type(self.typ(), expected) {
            Ok(())
        } else {
            Err(JoseError::UnexpectedType)
        }
    }

    /// The payload, read as JSON into `T`. Members are refused when repeated at the top, whatever `T` does.
    ///
    /// # Errors
    /// [`JoseError::DuplicateMember`], [`JoseError::InvalidPayload`].
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JoseError> {
        let object = object::parse_claims(&self.payload)?;
        T::deserialize(Value::Object(object)).map_err(|_| JoseError::InvalidPayload)
    }

    /// The claims, to be read one by one and checked.
    ///
    /// # Errors
    /// [`JoseError::DuplicateMember`], [`JoseError::InvalidPayload`].
    pub fn claims_object(&self) -> Result<Claims, JoseError> {
        object::parse_claims(&self.payload).map(Claims::new)
    }
}

#[cfg(test)]
mod tests {
    use super::same_media_type;

    #[test]
    fn media_types_compare_as_rfc_7515_says() {
        for typ in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/AT+jwt",
        ] {
            assert!(same_media_type(Some(typ), "at+jwt"), "{typ}");
            assert!(same_media_type(Some(typ), "application/at+jwt"), "{typ}");
        }
        for typ in [
            "JWT",
            "",
            "application/",
            "text/at+jwt",
            "application/x/at+jwt",
            "at+jwt ",
            "äpplication/at+jwt",
        ] {
            assert!(!same_media_type(Some(typ), "at+jwt"), "{typ}");
        }
        assert!(!same_media_type(None, "at+jwt"));
    }
}
