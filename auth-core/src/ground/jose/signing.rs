//! Signing a JWS in compact form (RFC 7515 section 5.1).

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaSignatureEncoding,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::algorithm::Signer;
use super::jwk::Material;
use super::{Algorithm, JoseError, Jwk, KeyUse, encoding};

/// The types of token made all day; their headers are encoded once.
const CACHED_TYPES: [&str; 3] = ["JWT", "at+jwt", "logout+jwt"];

/// The size of a generated RSA key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RsaKeySize {
    /// 2048 bits, the least RFC 7518 section 3.3 allows.
    #[default]
    Bits2048,
    /// 3072 bits.
    Bits3072,
    /// 4096 bits: slower to sign with, several times over.
    Bits4096,
}

/// A new key, with its private half for the caller to seal and store. The key itself cannot be exported later.
pub struct GeneratedKey {
    /// The key, ready to sign.
    pub key: SigningKey,
    /// The private key as PKCS#8 DER, for [`SigningKey::from_pkcs8`]; wiped when dropped.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GeneratedKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A private key, parsed once, for one algorithm. `Debug` shows its name, never the key.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
    public: Jwk,
    kid: String,
    /// The encoded header without `typ`, then those of [`CACHED_TYPES`]; each ends in a dot.
    bare_header: String,
    typed_headers: [String; CACHED_TYPES.len()],
}

enum Pair {
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a key; for RSA of 2048 bits. An RSA key takes a good part of a second: not on an async thread.
    ///
    /// # Errors
    /// [`JoseError::KeyGeneration`].
    pub fn generate(algorithm: Algorithm) -> Result<GeneratedKey, JoseError> {
        Self::generate_sized(algorithm, RsaKeySize::default())
    }

    /// As [`SigningKey::generate`], with the size of an RSA key; the others have one size only.
    ///
    /// # Errors
    /// [`JoseError::KeyGeneration`].
    pub fn generate_sized(
        algorithm: Algorithm,
        rsa_size: RsaKeySize,
    ) -> Result<GeneratedKey, JoseError> {
        let pkcs8 = generate_pkcs8(algorithm, rsa_size).map_err(|_| JoseError::KeyGeneration)?;
        let key = Self::from_pkcs8(algorithm, None, &pkcs8)?;
        Ok(GeneratedKey { key, pkcs8 })
    }

    /// Reads a private key from PKCS#8 DER. Without a `kid` it is named by its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// [`JoseError::InvalidKey`] if it is not a key of this algorithm, or an RSA key outside 2048 to 8192 bits.
    pub fn from_pkcs8(
        algorithm: Algorithm,
        kid: Option<&str>,
        pkcs8: &[u8],
    ) -> Result<Self, JoseError> {
        const REJECTED: JoseError = JoseError::InvalidKey("not a private key of this algorithm");
        let (pair, material) = match algorithm.signer() {
            Signer::Rsa(padding) => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| REJECTED)?;
                let (n, e) = rsa_components(pair.public_key().as_ref()).ok_or(REJECTED)?;
                (Pair::Rsa(pair, padding), Material::rsa(n, e)?)
            }
            Signer::Ecdsa(curve, signing) => {
                let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8).map_err(|_| REJECTED)?;
                // The uncompressed point: 4, x, y (SEC 1 section 2.3.3).
                let point = pair
                    .public_key()
                    .as_ref()
                    .strip_prefix(&[4])
                    .ok_or(REJECTED)?;
                let (x, y) = point
                    .split_at_checked(curve.coordinate_len())
                    .ok_or(REJECTED)?;
                let material = Material::ec(curve, x.to_vec(), y.to_vec())?;
                (Pair::Ecdsa(pair), material)
            }
            Signer::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| REJECTED)?;
                let material = Material::ed25519(pair.public_key().as_ref().to_vec())?;
                (Pair::Ed25519(pair), material)
            }
        };
        let mut public = Jwk {
            material,
            kid: None,
            key_use: Some(KeyUse::Signature),
            alg: Some(algorithm.name().to_owned()),
            key_ops: None,
        };
        let kid = kid.map_or_else(|| public.thumbprint(), str::to_owned);
        public.kid = Some(kid.clone());
        let bare_header = encoded_header(algorithm, &kid, None)?;
        let [jwt, access, logout] =
            CACHED_TYPES.map(|typ| encoded_header(algorithm, &kid, Some(typ)));
        Ok(Self {
            algorithm,
            pair,
            public,
            kid,
            bare_header,
            typed_headers: [jwt?, access?, logout?],
        })
    }

    /// The key's name, in the header of all it signs.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half, with `kid`, `alg` and `use: sig`, to publish.
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// Signs claims. The header has `alg`, `kid` and, if given, `typ`.
    ///
    /// # Errors
    /// [`JoseError::ClaimsNotAnObject`] if the claims do not serialize to a JSON object; [`JoseError::Signing`].
    pub fn sign_compact(
        &self,
        typ: Option<&str>,
        claims: &impl Serialize,
    ) -> Result<String, JoseError> {
        let payload = serde_json::to_vec(claims).map_err(|_| JoseError::ClaimsNotAnObject)?;
        if payload.first() != Some(&b'{') {
            return Err(JoseError::ClaimsNotAnObject);
        }
        let header = self.header(typ)?;
        let signature_len = 1 + encoding::encoded_len(self.signature_len());
        let mut token = String::with_capacity(
            header.len() + encoding::encoded_len(payload.len()) + signature_len,
        );
        token.push_str(&header);
        encoding::encode_into(&payload, &mut token);
        self.append_signature(&mut token)?;
        Ok(token)
    }

    /// The encoded header and its dot.
    fn header(&self, typ: Option<&str>) -> Result<Cow<'_, str>, JoseError> {
        let Some(typ) = typ else {
            return Ok(Cow::Borrowed(&self.bare_header));
        };
        let mut cached = CACHED_TYPES.iter().zip(&self.typed_headers);
        match cached.find(|(cached, _)| **cached == typ) {
            Some((_, header)) => Ok(Cow::Borrowed(header)),
            None => encoded_header(self.algorithm, &self.kid, Some(typ)).map(Cow::Owned),
        }
    }

    fn append_signature(&self, token: &mut String) -> Result<(), JoseError> {
        let message = token.as_bytes();
        match &self.pair {
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(*padding, &SystemRandom::new(), message, &mut signature);
                signed.map_err(|_| JoseError::Signing)?;
                append(token, &signature);
            }
            Pair::Ecdsa(pair) => {
                let signature = pair
                    .sign(&SystemRandom::new(), message)
                    .map_err(|_| JoseError::Signing)?;
                append(token, signature.as_ref());
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(|_| JoseError::Signing)?;
                append(token, signature.as_ref());
            }
        }
        Ok(())
    }

    fn signature_len(&self) -> usize {
        match (&self.pair, &self.public.material) {
            (Pair::Rsa(pair, _), _) => pair.public_modulus_len(),
            (_, Material::Ec { curve, .. }) => 2 * curve.coordinate_len(),
            _ => 64,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, kid, .. } = self;
        formatter
            .debug_struct("SigningKey")
            .field("algorithm", algorithm)
            .field("kid", kid)
            .finish_non_exhaustive()
    }
}

fn append(token: &mut String, signature: &[u8]) {
    token.push('.');
    encoding::encode_into(signature, token);
}

fn encoded_header(algorithm: Algorithm, kid: &str, typ: Option<&str>) -> Result<String, JoseError> {
    #[derive(Serialize)]
    struct Header<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        typ: Option<&'a str>,
        alg: Algorithm,
        kid: &'a str,
    }
    let json = serde_json::to_vec(&Header {
        typ,
        alg: algorithm,
        kid,
    })
    .map_err(|_| JoseError::Signing)?;
    Ok(encoding::encode(&json) + ".")
}

fn generate_pkcs8(
    algorithm: Algorithm,
    rsa_size: RsaKeySize,
) -> Result<Zeroizing<Vec<u8>>, aws_lc_rs::error::Unspecified> {
    let copy = |der: &[u8]| Zeroizing::new(der.to_vec());
    Ok(match algorithm.signer() {
        Signer::Rsa(_) => {
            let size = match rsa_size {
                RsaKeySize::Bits2048 => KeySize::Rsa2048,
                RsaKeySize::Bits3072 => KeySize::Rsa3072,
                RsaKeySize::Bits4096 => KeySize::Rsa4096,
            };
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(size)?.as_der()?;
            copy(der.as_ref())
        }
        Signer::Ecdsa(_, signing) => copy(EcdsaKeyPair::generate(signing)?.to_pkcs8v1()?.as_ref()),
        Signer::Ed25519 => copy(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref()),
    })
}

/// Modulus and exponent out of an `RSAPublicKey` (RFC 8017 appendix A.1.1), as the library hands it out.
fn rsa_components(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (sequence, _) = der_value(der, SEQUENCE)?;
    let (n, rest) = der_value(sequence, INTEGER)?;
    let (e, _) = der_value(rest, INTEGER)?;
    // DER puts a zero before a number whose first bit is set; a JWK must not (RFC 7518 section 6.3.1.1).
    let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
    Some((unsigned(n), unsigned(e)))
}

/// The contents of the element at the start, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let long_form = usize::from(length & 0x7f);
    if length & 0x80 == 0 {
        return rest.split_at_checked(long_form);
    }
    if long_form > 4 {
        return None;
    }
    let (octets, rest) = rest.split_at_checked(long_form)?;
    let length = octets
        .iter()
        .fold(0_usize, |length, octet| (length << 8) | usize::from(*octet));
    rest.split_at_checked(length)
}
