//! An answer as [`Claims`].
//!
//! The ground makes claims of a signed token only, and reads them with all its rules: each of its type, none twice, not
//! too deep. What vouches for an answer is TLS to the endpoint the operator named; so the wing, which asked, signs what
//! it was told, with a key that lives and dies in memory, and reads that.

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::ground::base64url;
use crate::ground::jose::{Algorithm, Claims, JoseError, Jws, SigningKey, VerifyingKey};

pub(super) struct Seal {
    pair: Ed25519KeyPair,
    key: VerifyingKey,
}

impl Seal {
    pub(super) fn new() -> Result<Self, JoseError> {
        let generated = SigningKey::generate(Algorithm::EdDsa)?;
        let pair = Ed25519KeyPair::from_pkcs8(&generated.pkcs8);
        Ok(Self {
            pair: pair.map_err(|_| JoseError::KeyGeneration)?,
            key: VerifyingKey::new(generated.key.public_jwk())?,
        })
    }

    /// The members of the JSON object. Its length is the outbound client's to bound.
    pub(super) fn claims(&self, json: &[u8]) -> Result<Claims, JoseError> {
        let header = base64url(br#"{"alg":"EdDSA"}"#);
        let input = format!("{header}.{}", base64url(json));
        let signature = self.pair.sign(input.as_bytes());
        let sealed = format!("{input}.{}", base64url(signature.as_ref()));
        Jws::parse_bounded(&sealed, usize::MAX)?
            .verify_with_key(&self.key, &[Algorithm::EdDsa])?
            .claims_object()
    }
}
