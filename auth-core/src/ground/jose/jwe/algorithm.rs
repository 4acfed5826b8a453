//! The algorithms of encryption, by their JOSE names.

use aws_lc_rs::key_wrap::{AES_128, AES_256, AesBlockCipher};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm};

/// How the content's key reaches the recipient: `alg` (RFC 7518 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyManagement {
    /// `RSA-OAEP`: with SHA-1, whose collisions do not matter here; what most clients know.
    RsaOaep,
    /// `RSA-OAEP-256`: with SHA-256.
    RsaOaep256,
    /// `ECDH-ES`: the agreed key is the content's key.
    EcdhEs,
    /// `ECDH-ES+A128KW`: the agreed key wraps the content's key.
    EcdhEsA128Kw,
    /// `ECDH-ES+A256KW`.
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// Every algorithm, in the order of this enum: for metadata.
    pub const ALL: [Self; 5] = [
        Self::RsaOaep,
        Self::RsaOaep256,
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA256Kw,
    ];

    /// The value of `alg`, such as `RSA-OAEP-256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// The algorithm `alg` names; `None` for any other.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    /// Whether it encrypts to an RSA key; the others do to one on a curve.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::RsaOaep | Self::RsaOaep256)
    }

    /// The work behind the name.
    pub(super) const fn steps(self) -> Steps {
        match self {
            Self::RsaOaep => Steps::Rsa(&OAEP_SHA1_MGF1SHA1),
            Self::RsaOaep256 => Steps::Rsa(&OAEP_SHA256_MGF1SHA256),
            Self::EcdhEs => Steps::Agree,
            Self::EcdhEsA128Kw => Steps::AgreeAndWrap(&AES_128, 16),
            Self::EcdhEsA256Kw => Steps::AgreeAndWrap(&AES_256, 32),
        }
    }
}

/// How the library does it.
pub(super) enum Steps {
    /// Encrypt the content's key.
    Rsa(&'static OaepAlgorithm),
    /// Agree on the content's key.
    Agree,
    /// Agree on a key of this many octets, and wrap the content's key with it.
    AgreeAndWrap(&'static AesBlockCipher, usize),
}

/// How the content is encrypted: `enc` (RFC 7518 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// `A128CBC-HS256`: what `OpenID Connect` takes where a client names none.
    A128CbcHs256,
    /// `A192CBC-HS384`.
    A192CbcHs384,
    /// `A256CBC-HS512`.
    A256CbcHs512,
    /// `A128GCM`.
    A128Gcm,
    /// `A192GCM`.
    A192Gcm,
    /// `A256GCM`.
    A256Gcm,
}

impl ContentEncryption {
    /// Every algorithm, in the order of this enum: for metadata.
    pub const ALL: [Self; 6] = [
        Self::A128CbcHs256,
        Self::A192CbcHs384,
        Self::A256CbcHs512,
        Self::A128Gcm,
        Self::A192Gcm,
        Self::A256Gcm,
    ];

    /// The value of `enc`, such as `A128CBC-HS256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A192CbcHs384 => "A192CBC-HS384",
            Self::A256CbcHs512 => "A256CBC-HS512",
            Self::A128Gcm => "A128GCM",
            Self::A192Gcm => "A192GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The algorithm `enc` names; `None` for any other.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    /// The length of its key, in octets; with CBC that is two keys in one.
    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A192Gcm => 24,
            Self::A128CbcHs256 | Self::A256Gcm => 32,
            Self::A192CbcHs384 => 48,
            Self::A256CbcHs512 => 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentEncryption, KeyManagement};

    #[test]
    fn names_parse() {
        for algorithm in KeyManagement::ALL {
            assert_eq!(KeyManagement::parse(algorithm.name()), Some(algorithm));
        }
        for algorithm in ContentEncryption::ALL {
            assert_eq!(ContentEncryption::parse(algorithm.name()), Some(algorithm));
        }
    }

    #[test]
    fn threat_21_what_is_weak_or_costly_does_not_exist() {
        for name in [
            "RSA1_5",
            "dir",
            "A128KW",
            "PBES2-HS256+A128KW",
            "none",
            "rsa-oaep",
            "",
        ] {
            assert_eq!(KeyManagement::parse(name), None, "{name}");
        }
        for name in ["A128CBC", "a128gcm", "none", ""] {
            assert_eq!(ContentEncryption::parse(name), None, "{name}");
        }
    }
}
