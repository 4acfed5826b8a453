//! The signature algorithms, by their JOSE names.

use aws_lc_rs::{digest, signature};
use serde::{Deserialize, Serialize};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// `none` and the HMACs do not exist here, so no token and no setting can choose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256. What `OpenID Connect` makes mandatory.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256. What FAPI allows, with ES256 and `EdDSA`.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// `EdDSA`, on Ed25519 only.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm, in the order of this enum: for metadata, and for a check that allows whatever the key allows.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// The value of `alg`, such as `ES256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm `alg` names; names are case-sensitive (RFC 7515 section 4.1.1). `None` for any other.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    /// Whether it signs with an RSA key.
    pub const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512
        )
    }

    /// The hash inside the algorithm; for Ed25519 that is SHA-512 (RFC 8032 section 5.1).
    pub(super) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::EdDsa => &digest::SHA512,
        }
    }

    /// The digest of `bytes` by that hash.
    #[cfg(feature = "federation")]
    pub(crate) fn hash(self, bytes: &[u8]) -> digest::Digest {
        digest::digest(self.digest(), bytes)
    }

    /// The library's verifier.
    pub(super) fn verifier(self) -> Verifier {
        match self {
            Self::Rs256 => Verifier::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Verifier::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Verifier::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Verifier::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Verifier::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Verifier::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Verifier::Curve(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Verifier::Curve(&signature::ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Verifier::Curve(&signature::ECDSA_P521_SHA512_FIXED),
            Self::EdDsa => Verifier::Curve(&signature::ED25519),
        }
    }

    /// The library's signer.
    pub(super) fn signer(self) -> Signer {
        match self {
            Self::Rs256 => Signer::Rsa(&signature::RSA_PKCS1_SHA256),
            Self::Rs384 => Signer::Rsa(&signature::RSA_PKCS1_SHA384),
            Self::Rs512 => Signer::Rsa(&signature::RSA_PKCS1_SHA512),
            Self::Ps256 => Signer::Rsa(&signature::RSA_PSS_SHA256),
            Self::Ps384 => Signer::Rsa(&signature::RSA_PSS_SHA384),
            Self::Ps512 => Signer::Rsa(&signature::RSA_PSS_SHA512),
            Self::Es256 => Signer::Ecdsa(Curve::P256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Self::Es384 => Signer::Ecdsa(Curve::P384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Self::Es512 => Signer::Ecdsa(Curve::P521, &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            Self::EdDsa => Signer::Ed25519,
        }
    }
}

/// How the library verifies, by the way it takes the key.
pub(super) enum Verifier {
    /// From modulus and exponent. The parameters refuse fewer than 2048 bits once more.
    Rsa(&'static signature::RsaParameters),
    /// From the encoded point. ECDSA is the fixed-length form of RFC 7518 section 3.4, never DER.
    Curve(&'static dyn signature::VerificationAlgorithm),
}

/// How the library signs.
pub(super) enum Signer {
    /// The padding and hash.
    Rsa(&'static signature::RsaSignatureEncoding),
    /// The curve, and the fixed-length form of RFC 7518 section 3.4.
    Ecdsa(Curve, &'static signature::EcdsaSigningAlgorithm),
    /// `EdDSA` has no parameters.
    Ed25519,
}

/// A curve of RFC 7518 section 6.2.1.1. P-256K and the like are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The value of `crv`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521]
            .into_iter()
            .find(|curve| curve.name() == name)
    }

    /// The length of a coordinate, in octets.
    pub(super) const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The one algorithm of the curve: JWA ties them (RFC 7518 section 3.4).
    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Algorithm;

    #[test]
    fn names_parse_and_serialize_alike() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
            let json = format!("\"{}\"", algorithm.name());
            assert_eq!(serde_json::to_string(&algorithm).unwrap(), json);
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
        }
    }

    #[test]
    fn threat_21_none_and_hmac_do_not_exist() {
        for name in [
            "none", "None", "HS256", "HS384", "HS512", "es256", "ES256K", "ES256 ", "",
        ] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
            assert!(
                serde_json::from_value::<Algorithm>(name.into()).is_err(),
                "{name}"
            );
        }
    }
}
