//! Keys that verify, parsed once.

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};

use super::algorithm::Verifier;
use super::jwk::Material;
use super::{Algorithm, JoseError, Jwk, JwkSet};

/// The most keys one token is tried against. More is a denial of service, not a key set.
pub const MAX_CANDIDATES: usize = 4;

/// A public key, parsed, with the algorithms it may verify: the key decides, not the token (RFC 8725 section 3.1).
///
/// Cloning shares the parsed key.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    /// The library binds a parsed key to one algorithm, so an RSA key without `alg` is here six times.
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

impl VerifyingKey {
    /// Parses a key.
    ///
    /// # Errors
    /// [`JoseError::UnsupportedKey`] if it may verify nothing (`use: enc`, an `alg` that is not of its type);
    /// [`JoseError::InvalidKey`] if it is not a point of its curve.
    pub fn new(jwk: &Jwk) -> Result<Self, JoseError> {
        let parsed: Vec<_> = jwk
            .algorithms()
            .into_iter()
            .map(|algorithm| Ok((algorithm, parse(&jwk.material, algorithm)?)))
            .collect::<Result<_, JoseError>>()?;
        if parsed.is_empty() {
            return Err(JoseError::UnsupportedKey);
        }
        Ok(Self {
            kid: jwk.kid.clone(),
            parsed,
        })
    }

    /// The key's name in its set.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms it may verify; never empty.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.parsed.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether it may verify this algorithm.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|own| own == algorithm)
    }

    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), JoseError> {
        let (_, key) = self
            .parsed
            .iter()
            .find(|(own, _)| *own == algorithm)
            .ok_or(JoseError::KeyUnsuitable)?;
        key.verify_sig(message, signature)
            .map_err(|_| JoseError::InvalidSignature)
    }
}

fn parse(material: &Material, algorithm: Algorithm) -> Result<ParsedPublicKey, JoseError> {
    let parsed = match (material, algorithm.verifier()) {
        (Material::Rsa { n, e }, Verifier::Rsa(parameters)) => RsaPublicKeyComponents {
            n: n.as_slice(),
            e: e.as_slice(),
        }
        .to_parsed_public_key(parameters),
        (Material::Ec { .. } | Material::Ed25519 { .. }, Verifier::Curve(curve)) => {
            // The library refuses a point that is not on the curve.
            let point = material.encoded_point().unwrap_or_default();
            ParsedPublicKey::new(curve, point)
        }
        (Material::Rsa { .. } | Material::X25519 { .. }, Verifier::Curve(_))
        | (_, Verifier::Rsa(_)) => {
            return Err(JoseError::KeyUnsuitable);
        }
    };
    parsed.map_err(|_| JoseError::InvalidKey("not a point of its curve, or not a key"))
}

/// The keys that may have signed a token: those of one issuer, or of one client.
#[derive(Debug, Clone, Default)]
pub struct VerificationKeys {
    keys: Vec<VerifyingKey>,
}

impl VerificationKeys {
    /// Parses the keys of a set; those that cannot verify are left out, so the result may be empty.
    pub fn from_set(set: &JwkSet) -> Self {
        set.keys()
            .iter()
            .filter_map(|jwk| VerifyingKey::new(jwk).ok())
            .collect()
    }

    /// Just one key.
    ///
    /// # Errors
    /// As [`VerifyingKey::new`].
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JoseError> {
        Ok(Self {
            keys: vec![VerifyingKey::new(jwk)?],
        })
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// Whether a key has this name: if not, the set may have been rotated since it was fetched.
    pub fn contains_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The keys worth trying: those with the token's `kid`, or, if it names none, all that fit its algorithm.
    pub(super) fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<&VerifyingKey>, JoseError> {
        let named = |key: &&VerifyingKey| kid.is_none_or(|kid| key.kid() == Some(kid));
        let fitting = |key: &&VerifyingKey| key.allows(algorithm);
        let candidates: Vec<_> = self
            .keys
            .iter()
            .filter(named)
            .filter(fitting)
            .take(MAX_CANDIDATES + 1)
            .collect();
        match candidates.len() {
            0 if kid.is_some_and(|kid| self.contains_kid(kid)) => Err(JoseError::KeyUnsuitable),
            0 => Err(JoseError::UnknownKey),
            1..=MAX_CANDIDATES => Ok(candidates),
            _ => Err(JoseError::AmbiguousKey),
        }
    }
}

impl FromIterator<VerifyingKey> for VerificationKeys {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        Self {
            keys: keys.into_iter().collect(),
        }
    }
}
