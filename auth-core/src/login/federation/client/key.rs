//! A provider's key as the `openidconnect` crate wants one, verified by ours: the crate's own cryptography is slower by
//! an order, and here the key decides the algorithm (RFC 8725 §3.1).

use std::fmt;
use std::sync::Arc;

use openidconnect::core::{CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, SignatureVerificationError};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ground::jose::{Algorithm, Jwk, VerifyingKey};

/// A key, parsed once for all that is verified with it.
#[derive(Clone)]
pub(in crate::login) struct ProviderKey(Arc<Inner>);

struct Inner {
    id: Option<JsonWebKeyId>,
    kind: CoreJsonWebKeyType,
    /// The one algorithm it may verify, where it is one.
    algorithm: Option<CoreJwsSigningAlgorithm>,
    /// None for a shared secret, which verifies nothing here.
    public: Option<(Jwk, VerifyingKey)>,
}

impl ProviderKey {
    /// `None` for a key that verifies nothing.
    pub(super) fn new(jwk: &Jwk) -> Option<Self> {
        let verifying = VerifyingKey::new(jwk).ok()?;
        let kind = match jwk.kty() {
            "RSA" => CoreJsonWebKeyType::RSA,
            "EC" => CoreJsonWebKeyType::EllipticCurve,
            _ => CoreJsonWebKeyType::OctetKeyPair,
        };
        let mut algorithms = verifying.algorithms();
        let algorithm = match (algorithms.next(), algorithms.next()) {
            (Some(only), None) => Some(to_theirs(only)),
            _ => None,
        };
        drop(algorithms);
        Some(Self(Arc::new(Inner {
            id: verifying.kid().map(|kid| JsonWebKeyId::new(kid.to_owned())),
            kind,
            algorithm,
            public: Some((jwk.clone(), verifying)),
        })))
    }
}

impl ProviderKey {
    /// Whether a token may be signed with it that is signed by this algorithm and names this key, or none.
    pub(super) fn fits(&self, algorithm: Algorithm, kid: Option<&str>) -> bool {
        let public = self.0.public.as_ref();
        public.is_some_and(|(_, key)| {
            key.allows(algorithm) && kid.is_none_or(|kid| key.kid() == Some(kid))
        })
    }
}

impl JsonWebKey for ProviderKey {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = CoreJwsSigningAlgorithm;

    fn key_id(&self) -> Option<&JsonWebKeyId> {
        self.0.id.as_ref()
    }

    fn key_type(&self) -> &CoreJsonWebKeyType {
        &self.0.kind
    }

    /// Keys for another use are never made.
    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        None
    }

    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&CoreJwsSigningAlgorithm> {
        match &self.0.algorithm {
            Some(algorithm) => JsonWebKeyAlgorithm::Algorithm(algorithm),
            None => JsonWebKeyAlgorithm::Unspecified,
        }
    }

    fn new_symmetric(_key: Vec<u8>) -> Self {
        Self(Arc::new(Inner {
            id: None,
            kind: CoreJsonWebKeyType::Symmetric,
            algorithm: None,
            public: None,
        }))
    }

    fn verify_signature(
        &self,
        algorithm: &CoreJwsSigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        let unsuitable =
            || SignatureVerificationError::InvalidKey("not for this algorithm".to_owned());
        let algorithm = to_ours(algorithm).ok_or_else(unsuitable)?;
        let (_, key) = self.0.public.as_ref().ok_or_else(unsuitable)?;
        key.verify(algorithm, message, signature)
            .map_err(|error| SignatureVerificationError::CryptoError(error.to_string()))
    }

    fn hash_bytes(
        &self,
        bytes: &[u8],
        algorithm: &CoreJwsSigningAlgorithm,
    ) -> Result<Vec<u8>, String> {
        let algorithm = to_ours(algorithm).ok_or("an algorithm without a hash")?;
        Ok(algorithm.hash(bytes).as_ref().to_vec())
    }
}

impl fmt::Debug for ProviderKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProviderKey")
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}

impl Serialize for ProviderKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.public {
            Some((jwk, _)) => jwk.serialize(serializer),
            None => Err(S::Error::custom("a shared secret")),
        }
    }
}

impl<'de> Deserialize<'de> for ProviderKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jwk = Jwk::deserialize(deserializer)?;
        Self::new(&jwk).ok_or_else(|| D::Error::custom("a key that verifies nothing"))
    }
}

/// The crate's name for an algorithm of ours.
pub(super) fn to_theirs(algorithm: Algorithm) -> CoreJwsSigningAlgorithm {
    match algorithm {
        Algorithm::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
        Algorithm::Rs384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        Algorithm::Rs512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
        Algorithm::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        Algorithm::Ps384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
        Algorithm::Ps512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
        Algorithm::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        Algorithm::Es384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        Algorithm::Es512 => CoreJwsSigningAlgorithm::EcdsaP521Sha512,
        Algorithm::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
    }
}

/// Ours, of which `none` and the HMACs are none.
fn to_ours(algorithm: &CoreJwsSigningAlgorithm) -> Option<Algorithm> {
    Algorithm::ALL
        .into_iter()
        .find(|own| to_theirs(*own) == *algorithm)
}

#[cfg(test)]
mod tests {
    use openidconnect::{JsonWebKeySet, PrivateSigningKey};
    use serde_json::json;

    use super::*;
    use crate::ground::jose::SigningKey;

    #[test]
    fn every_algorithm_has_both_names() {
        for algorithm in Algorithm::ALL {
            let theirs = to_theirs(algorithm);
            assert_eq!(
                serde_json::to_value(&theirs).unwrap(),
                json!(algorithm.name())
            );
            assert_eq!(to_ours(&theirs), Some(algorithm));
        }
        for none_of_ours in [
            CoreJwsSigningAlgorithm::None,
            CoreJwsSigningAlgorithm::HmacSha256,
        ] {
            assert_eq!(to_ours(&none_of_ours), None);
        }
    }

    /// What the crate signs with its own cryptography, ours verifies; and hashes alike.
    #[test]
    fn agrees_with_the_crates_own_cryptography() {
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                   -----END PRIVATE KEY-----\n";
        let theirs =
            openidconnect::core::CoreEdDsaPrivateSigningKey::from_ed25519_pem(pem, None).unwrap();
        let public = theirs.as_verification_key();
        let set = serde_json::to_value(&public).unwrap();
        let key: ProviderKey = serde_json::from_value(set.clone()).unwrap();
        let algorithm = CoreJwsSigningAlgorithm::EdDsa;
        let signature = theirs.sign(&algorithm, b"message").unwrap();
        assert!(
            key.verify_signature(&algorithm, b"message", &signature)
                .is_ok()
        );
        assert!(
            key.verify_signature(&algorithm, b"massage", &signature)
                .is_err()
        );
        assert_eq!(
            key.hash_bytes(b"x", &algorithm).unwrap(),
            public.hash_bytes(b"x", &algorithm).unwrap()
        );
        let written = serde_json::to_value(&key).unwrap();
        assert_eq!((&written["kty"], &written["x"]), (&set["kty"], &set["x"]));
    }

    #[test]
    fn threat_21_a_shared_secret_verifies_nothing() {
        let key = ProviderKey::new_symmetric(b"secret".to_vec());
        let hmac = CoreJwsSigningAlgorithm::HmacSha256;
        assert!(key.verify_signature(&hmac, b"x", b"x").is_err());
        let generated = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = ProviderKey::new(generated.key.public_jwk()).unwrap();
        for other in [
            hmac,
            CoreJwsSigningAlgorithm::None,
            CoreJwsSigningAlgorithm::EdDsa,
        ] {
            assert!(key.verify_signature(&other, b"x", b"x").is_err());
        }
        // Skipped, as a set with keys for other uses has to be readable.
        let set = json!({ "keys": [{ "kty": "oct", "k": "AA" }, generated.key.public_jwk()] });
        let set: JsonWebKeySet<ProviderKey> = serde_json::from_value(set).unwrap();
        assert_eq!(set.keys().len(), 1);
    }
}
