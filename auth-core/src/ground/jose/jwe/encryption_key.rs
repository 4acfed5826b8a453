//! Encrypting to a recipient (RFC 7516 section 5.1).

use std::fmt;

use aws_lc_rs::agreement::{ParsedPublicKey, PrivateKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use zeroize::Zeroizing;

use super::algorithm::Steps;
use super::concat_kdf::Party;
use super::header::NewHeader;
use super::{ContentEncryption, KeyManagement, agreement, content};
use crate::ground::Random;
use crate::ground::jose::jwk::Material;
use crate::ground::jose::{JoseError, Jwk, JwkSet, KeyUse, encoding};

/// A recipient's public key, parsed once, for one algorithm.
pub struct EncryptionKey {
    algorithm: KeyManagement,
    kid: Option<String>,
    recipient: Recipient,
}

enum Recipient {
    Rsa(OaepPublicEncryptingKey),
    Curve(Material, ParsedPublicKey),
}

/// The content's key, how it travels, and the ephemeral key it was agreed with.
struct ContentKey {
    key: Zeroizing<Vec<u8>>,
    encrypted: Vec<u8>,
    epk: Option<Jwk>,
}

impl EncryptionKey {
    /// Parses a key.
    ///
    /// # Errors
    /// [`JoseError::KeyUnsuitable`] if the key is of another type than the algorithm needs, or kept for something else
    /// (`use: sig`, another `alg`); [`JoseError::InvalidKey`] if it is not a point of its curve.
    pub fn new(jwk: &Jwk, algorithm: KeyManagement) -> Result<Self, JoseError> {
        if !jwk.encryption_algorithms().contains(&algorithm) {
            return Err(JoseError::KeyUnsuitable);
        }
        let recipient = match &jwk.material {
            Material::Rsa { n, e } => {
                const REJECTED: JoseError = JoseError::InvalidKey("not an RSA key");
                let components = RsaPublicKeyComponents { n, e };
                let key: PublicEncryptingKey = components.try_into().map_err(|_| REJECTED)?;
                Recipient::Rsa(OaepPublicEncryptingKey::new(key).map_err(|_| REJECTED)?)
            }
            curve => Recipient::Curve(curve.clone(), agreement::peer(curve)?),
        };
        Ok(Self {
            algorithm,
            kid: jwk.kid.clone(),
            recipient,
        })
    }

    /// The key of a recipient's set to encrypt to: the first that fits, those with `use: enc` before those that do not
    /// say what they are for (`OpenID Connect` Core 1.0 section 10.2).
    ///
    /// # Errors
    /// [`JoseError::UnknownKey`] if none fits.
    pub fn choose(set: &JwkSet, algorithm: KeyManagement) -> Result<Self, JoseError> {
        let is_kept = |jwk: &&Jwk| jwk.key_use() == Some(KeyUse::Encryption);
        let kept = set.keys().iter().filter(is_kept);
        let others = set.keys().iter().filter(|jwk| !is_kept(jwk));
        kept.chain(others)
            .find_map(|jwk| Self::new(jwk, algorithm).ok())
            .ok_or(JoseError::UnknownKey)
    }

    /// The key's name in its set.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Encrypts. The header has `alg`, `enc`, the key's `kid` and, if given, `cty`: `JWT` for a signed token inside
    /// (RFC 7519 section 5.2).
    ///
    /// # Errors
    /// [`JoseError::Encryption`].
    pub fn encrypt_compact(
        &self,
        encryption: ContentEncryption,
        cty: Option<&str>,
        plaintext: &[u8],
        random: &dyn Random,
    ) -> Result<String, JoseError> {
        const FAILED: JoseError = JoseError::Encryption;
        let content_key = self.content_key(encryption, random).map_err(|_| FAILED)?;
        let header = NewHeader {
            alg: self.algorithm.name(),
            enc: encryption.name(),
            cty,
            kid: self.kid(),
            epk: content_key.epk.as_ref(),
        };
        let mut token = encoding::encode(&serde_json::to_vec(&header).map_err(|_| FAILED)?);
        let sealed = content::seal(
            encryption,
            &content_key.key,
            token.as_bytes(),
            plaintext,
            random,
        )
        .map_err(|_| FAILED)?;
        for part in [
            &content_key.encrypted,
            &sealed.iv,
            &sealed.ciphertext,
            &sealed.tag,
        ] {
            token.push('.');
            encoding::encode_into(part, &mut token);
        }
        Ok(token)
    }

    fn content_key(
        &self,
        encryption: ContentEncryption,
        random: &dyn Random,
    ) -> Result<ContentKey, Unspecified> {
        let fresh = || {
            let mut key = Zeroizing::new(vec![0; encryption.key_len()]);
            random.fill(&mut key);
            key
        };
        match (&self.recipient, self.algorithm.steps()) {
            (Recipient::Rsa(recipient), Steps::Rsa(padding)) => {
                let key = fresh();
                let mut encrypted = vec![0; recipient.ciphertext_size()];
                let len = recipient
                    .encrypt(padding, &key, &mut encrypted, None)?
                    .len();
                encrypted.truncate(len);
                Ok(ContentKey {
                    key,
                    encrypted,
                    epk: None,
                })
            }
            (Recipient::Curve(material, peer), steps) => {
                let curve = agreement::curve_of(material).ok_or(Unspecified)?;
                let own = PrivateKey::generate(curve)?;
                let nobody = Party {
                    producer: &[],
                    recipient: &[],
                };
                let agreed =
                    agreement::agreed_key(&own, peer.clone(), self.algorithm, encryption, nobody)?;
                let epk = agreement::public_jwk(&own, material).map_err(|_| Unspecified)?;
                let (key, encrypted) = match steps {
                    Steps::AgreeAndWrap(cipher, _) => {
                        let key = fresh();
                        let encrypted = agreement::wrap(cipher, &agreed, &key)?;
                        (key, encrypted)
                    }
                    _ => (agreed, Vec::new()),
                };
                Ok(ContentKey {
                    key,
                    encrypted,
                    epk: Some(epk),
                })
            }
            (Recipient::Rsa(_), _) => Err(Unspecified),
        }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, kid, .. } = self;
        formatter
            .debug_struct("EncryptionKey")
            .field("algorithm", algorithm)
            .field("kid", kid)
            .finish_non_exhaustive()
    }
}
