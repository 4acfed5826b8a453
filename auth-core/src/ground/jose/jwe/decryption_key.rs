//! Keys that decrypt, parsed once.

use std::fmt;

use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::Steps;
use super::header::Header;
use super::{KeyManagement, agreement};
use crate::ground::Random;
use crate::ground::jose::jwk::Material;
use crate::ground::jose::{JoseError, Jwk, encoding};

/// A private key. `Debug` shows its name, never the key.
pub struct DecryptionKey {
    public: Jwk,
    secret: Secret,
}

enum Secret {
    Rsa(OaepPrivateDecryptingKey),
    Curve(PrivateKey),
}

impl DecryptionKey {
    /// Reads a private key from a JWK (RFC 7517): RSA with its CRT members, EC on P-256, P-384 or P-521, or X25519.
    ///
    /// # Errors
    /// [`JoseError::UnsupportedKey`] for another type or curve, or a key kept for something else;
    /// [`JoseError::InvalidKey`] for missing or misspelled members, or halves that do not belong together.
    pub fn from_private_jwk(json: &[u8]) -> Result<Self, JoseError> {
        const NOT_AN_OBJECT: JoseError = JoseError::InvalidKey("not an object");
        let mut members: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| NOT_AN_OBJECT)?;
        let mut private = |name: &'static str| match members.remove(name) {
            Some(Value::String(text)) => {
                let text = Zeroizing::new(text);
                let octets = encoding::decode(&text).map(Zeroizing::new);
                octets.map(Some).ok_or(JoseError::InvalidKey(name))
            }
            Some(_) => Err(JoseError::InvalidKey(name)),
            None => Ok(None),
        };
        let d = private("d")?.ok_or(JoseError::InvalidKey("d"))?;
        let [p, q, dp, dq, qi] = ["p", "q", "dp", "dq", "qi"].map(private);
        let public = Jwk::from_value(Value::Object(members))?;
        if public.encryption_algorithms().is_empty() {
            return Err(JoseError::UnsupportedKey);
        }
        let secret = match &public.material {
            Material::Rsa { n, e } => {
                let crt = |octets: Result<Option<Zeroizing<Vec<u8>>>, JoseError>| {
                    octets?.ok_or(JoseError::InvalidKey("a CRT member is missing"))
                };
                rsa(&KeyPairComponents {
                    public_key: RsaPublicKeyComponents {
                        n: n.as_slice(),
                        e: e.as_slice(),
                    },
                    d: d.as_slice(),
                    p: &crt(p)?,
                    q: &crt(q)?,
                    dP: &crt(dp)?,
                    dQ: &crt(dq)?,
                    qInv: &crt(qi)?,
                })?
            }
            material => curve(material, &d)?,
        };
        Ok(Self { public, secret })
    }

    /// The key's name in its set.
    pub fn kid(&self) -> Option<&str> {
        self.public.kid()
    }

    /// The public half, to publish.
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// Whether it may decrypt what was encrypted with this algorithm.
    pub fn allows(&self, algorithm: KeyManagement) -> bool {
        self.public.encryption_algorithms().contains(&algorithm)
    }

    /// The content's key. Where the encrypted key is not one of the right length, a random key takes its place: what is
    /// wrong shows only when the content does not open, and always in the same way (RFC 7516 section 11.5).
    ///
    /// What is wrong with the header, which the sender can see too, is said.
    pub(super) fn content_key(
        &self,
        header: &Header,
        encrypted: &[u8],
        random: &dyn Random,
    ) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let mut substitute = Zeroizing::new(vec![0; header.encryption.key_len()]);
        random.fill(&mut substitute);
        let unwrapped = match &self.secret {
            Secret::Rsa(key) => rsa_decrypt(key, header.algorithm, encrypted),
            Secret::Curve(key) => self.agree(key, header, encrypted)?,
        };
        Ok(match unwrapped {
            Ok(key) if key.len() == substitute.len() => key,
            _ => substitute,
        })
    }

    fn agree(
        &self,
        own: &PrivateKey,
        header: &Header,
        encrypted: &[u8],
    ) -> Result<Result<Zeroizing<Vec<u8>>, Unspecified>, JoseError> {
        const REJECTED: JoseError = JoseError::InvalidKey("epk");
        let epk = &header.epk.as_ref().ok_or(REJECTED)?.material;
        if agreement::curve_of(epk) != agreement::curve_of(&self.public.material) {
            return Err(REJECTED);
        }
        let peer = agreement::peer(epk).map_err(|_| REJECTED)?;
        let party = header.party();
        let agreed = agreement::agreed_key(own, peer, header.algorithm, header.encryption, party)
            .map_err(|_| REJECTED)?;
        Ok(match header.algorithm.steps() {
            Steps::AgreeAndWrap(cipher, _) => agreement::unwrap(cipher, &agreed, encrypted),
            // RFC 7516 section 5.2, step 10: there is no encrypted key.
            Steps::Agree if encrypted.is_empty() => Ok(agreed),
            _ => Err(Unspecified),
        })
    }
}

fn rsa(components: &KeyPairComponents<&[u8]>) -> Result<Secret, JoseError> {
    const REJECTED: JoseError = JoseError::InvalidKey("not an RSA key whose members agree");
    let pair = KeyPair::from_components(components).map_err(|_| REJECTED)?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| REJECTED)?;
    let key = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).map_err(|_| REJECTED)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| REJECTED)?;
    Ok(Secret::Rsa(key))
}

fn curve(material: &Material, d: &[u8]) -> Result<Secret, JoseError> {
    let algorithm = agreement::curve_of(material).ok_or(JoseError::UnsupportedKey)?;
    let key = PrivateKey::from_private_key(algorithm, d).map_err(|_| JoseError::InvalidKey("d"))?;
    if agreement::public_jwk(&key, material)?.material != *material {
        return Err(JoseError::InvalidKey("the halves do not belong together"));
    }
    Ok(Secret::Curve(key))
}

fn rsa_decrypt(
    key: &OaepPrivateDecryptingKey,
    algorithm: KeyManagement,
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let Steps::Rsa(padding) = algorithm.steps() else {
        return Err(Unspecified);
    };
    let mut content_key = Zeroizing::new(vec![0; key.min_output_size()]);
    let len = key
        .decrypt(padding, encrypted, &mut content_key, None)?
        .len();
    content_key.truncate(len);
    Ok(content_key)
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DecryptionKey")
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}
