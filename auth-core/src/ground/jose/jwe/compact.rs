//! Reading and decrypting a JWE in compact form (RFC 7516 section 5.2).

use super::content::{self, Sealed};
use super::header::Header;
use super::{ContentEncryption, DecryptionKey, KeyManagement};
use crate::ground::Random;
use crate::ground::jose::jws::same_media_type;
use crate::ground::jose::{JoseError, MAX_CANDIDATES, encoding};

/// The longest token [`Jwe::parse`] reads, in bytes: a signed token of the longest kind, encrypted.
pub const MAX_JWE_BYTES: usize = 32 * 1024;

/// An encrypted token, read but not decrypted.
#[derive(Debug)]
pub struct Jwe<'a> {
    header: Header,
    encoded_header: &'a str,
    encrypted_key: Vec<u8>,
    sealed: Sealed,
}

impl<'a> Jwe<'a> {
    /// Reads a token of at most [`MAX_JWE_BYTES`].
    ///
    /// # Errors
    /// As [`Jwe::parse_bounded`].
    pub fn parse(token: &'a str) -> Result<Self, JoseError> {
        Self::parse_bounded(token, MAX_JWE_BYTES)
    }

    /// Reads a token of at most `limit` bytes.
    ///
    /// # Errors
    /// [`JoseError::TokenTooLong`], [`JoseError::NotCompactJwe`], [`JoseError::InvalidBase64`], and for the header
    /// [`JoseError::InvalidHeader`], [`JoseError::DuplicateMember`], [`JoseError::UnsupportedAlgorithm`],
    /// [`JoseError::UnsupportedEncryption`], [`JoseError::CriticalHeader`], [`JoseError::CompressedContent`] and what
    /// may be wrong with a key.
    pub fn parse_bounded(token: &'a str, limit: usize) -> Result<Self, JoseError> {
        if token.len() > limit {
            return Err(JoseError::TokenTooLong { limit });
        }
        let parts: Vec<_> = token.splitn(6, '.').collect();
        let [encoded_header, encrypted_key, iv, ciphertext, tag] = parts[..] else {
            return Err(JoseError::NotCompactJwe);
        };
        let header = Header::parse(&decode(encoded_header, "header")?)?;
        Ok(Self {
            header,
            encoded_header,
            encrypted_key: decode(encrypted_key, "encrypted key")?,
            sealed: Sealed {
                iv: decode(iv, "initialization vector")?,
                ciphertext: decode(ciphertext, "ciphertext")?,
                tag: decode(tag, "authentication tag")?,
            },
        })
    }

    /// `alg`.
    pub fn algorithm(&self) -> KeyManagement {
        self.header.algorithm
    }

    /// `enc`.
    pub fn encryption(&self) -> ContentEncryption {
        self.header.encryption
    }

    /// The key the token claims to be encrypted to.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Decrypts with the key that the token names or, if it names none, with each that fits its algorithm.
    ///
    /// # Errors
    /// [`JoseError::AlgorithmNotAllowed`]; [`JoseError::UnknownKey`] and [`JoseError::AmbiguousKey`] for the choice of
    /// key; [`JoseError::InvalidKey`] for `epk`; [`JoseError::Decryption`] for all the rest, whatever it is.
    pub fn decrypt(
        &self,
        keys: &[DecryptionKey],
        algorithms: &[KeyManagement],
        encryptions: &[ContentEncryption],
        random: &dyn Random,
    ) -> Result<Decrypted, JoseError> {
        let algorithm = self.algorithm();
        if !algorithms.contains(&algorithm) || !encryptions.contains(&self.encryption()) {
            return Err(JoseError::AlgorithmNotAllowed);
        }
        let fits = |key: &&DecryptionKey| {
            let named = self.kid().is_none_or(|kid| key.kid() == Some(kid));
            named && key.allows(algorithm)
        };
        let candidates: Vec<_> = keys.iter().filter(fits).take(MAX_CANDIDATES + 1).collect();
        if candidates.len() > MAX_CANDIDATES {
            return Err(JoseError::AmbiguousKey);
        }
        let mut outcome = Err(JoseError::UnknownKey);
        for key in candidates {
            outcome = self.open(key, random);
            if outcome.is_ok() {
                break;
            }
        }
        Ok(Decrypted {
            cty: self.header.cty.clone(),
            plaintext: outcome?,
        })
    }

    fn open(&self, key: &DecryptionKey, random: &dyn Random) -> Result<Vec<u8>, JoseError> {
        let content_key = key.content_key(&self.header, &self.encrypted_key, random)?;
        let aad = self.encoded_header.as_bytes();
        content::open(self.encryption(), &content_key, aad, &self.sealed)
            .map_err(|_| JoseError::Decryption)
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, JoseError> {
    encoding::decode(part).ok_or(JoseError::InvalidBase64 { part: name })
}

/// What a token had inside. It was not changed on its way, but anyone can have written it.
pub struct Decrypted {
    cty: Option<String>,
    plaintext: Vec<u8>,
}

impl Decrypted {
    /// What was encrypted.
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// The signed token inside, which `cty: JWT` announces (RFC 7519 section 5.2); still to be verified.
    ///
    /// # Errors
    /// [`JoseError::UnexpectedType`] if it is something else.
    pub fn nested_jwt(&self) -> Result<&str, JoseError> {
        if !same_media_type(self.cty.as_deref(), "JWT") {
            return Err(JoseError::UnexpectedType);
        }
        std::str::from_utf8(&self.plaintext).map_err(|_| JoseError::UnexpectedType)
    }
}

impl std::fmt::Debug for Decrypted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decrypted")
            .field("cty", &self.cty)
            .finish_non_exhaustive()
    }
}
