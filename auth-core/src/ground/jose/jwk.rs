//! A public key as JSON (RFC 7517, with the key types of RFC 7518 section 6 and RFC 8037 section 2).

use serde::de::Error as _;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::algorithm::Curve;
use super::jwe::KeyManagement;
use super::{Algorithm, JoseError, encoding};

/// Members that only private or symmetric keys have (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What a key is for: `use` (RFC 7517 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyUse {
    /// `sig`.
    #[serde(rename = "sig")]
    Signature,
    /// `enc`: such a key never verifies.
    #[serde(rename = "enc")]
    Encryption,
}

/// A public key: RSA of 2048 to 8192 bits, EC on P-256, P-384 or P-521, Ed25519, or X25519.
///
/// Reading one refuses private members. That a point is on its curve is checked when a
/// [`VerifyingKey`](super::VerifyingKey) or an [`EncryptionKey`](super::jwe::EncryptionKey) is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    pub(super) material: Material,
    pub(super) kid: Option<String>,
    pub(super) key_use: Option<KeyUse>,
    pub(super) alg: Option<String>,
    pub(super) key_ops: Option<Vec<String>>,
}

/// The numbers of a public key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ec {
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Ed25519 {
        x: Vec<u8>,
    },
    /// For key agreement only (RFC 8037 section 3.2).
    X25519 {
        x: Vec<u8>,
    },
}

impl Jwk {
    /// Reads a key from JSON already parsed, as in a DPoP proof or a client's metadata.
    ///
    /// # Errors
    /// [`JoseError::UnsupportedKey`] for another type, curve or use; [`JoseError::PrivateMember`];
    /// [`JoseError::InvalidKey`] for missing, misspelled or out-of-range members.
    pub fn from_value(value: Value) -> Result<Self, JoseError> {
        let Value::Object(mut members) = value else {
            return Err(JoseError::InvalidKey("not an object"));
        };
        if PRIVATE_MEMBERS
            .iter()
            .any(|name| members.contains_key(*name))
        {
            return Err(JoseError::PrivateMember);
        }
        let material = match required(&mut members, "kty")?.as_str() {
            "RSA" => Material::rsa(octets(&mut members, "n")?, octets(&mut members, "e")?)?,
            "EC" => {
                let curve = Curve::parse(&required(&mut members, "crv")?)
                    .ok_or(JoseError::UnsupportedKey)?;
                Material::ec(
                    curve,
                    octets(&mut members, "x")?,
                    octets(&mut members, "y")?,
                )?
            }
            "OKP" => match required(&mut members, "crv")?.as_str() {
                "Ed25519" => Material::ed25519(octets(&mut members, "x")?)?,
                "X25519" => Material::x25519(octets(&mut members, "x")?)?,
                _ => return Err(JoseError::UnsupportedKey),
            },
            _ => return Err(JoseError::UnsupportedKey),
        };
        let key_use = match optional(&mut members, "use")?.as_deref() {
            None => None,
            Some("sig") => Some(KeyUse::Signature),
            Some("enc") => Some(KeyUse::Encryption),
            Some(_) => return Err(JoseError::UnsupportedKey),
        };
        let key_ops = match members.remove("key_ops") {
            None => None,
            Some(value) => {
                Some(serde_json::from_value(value).map_err(|_| JoseError::InvalidKey("key_ops"))?)
            }
        };
        let kid = optional(&mut members, "kid")?;
        let alg = optional(&mut members, "alg")?;
        Ok(Self {
            material,
            kid,
            key_use,
            alg,
            key_ops,
        })
    }

    /// Nothing but the key.
    pub(super) fn bare(material: Material) -> Self {
        Self {
            material,
            kid: None,
            key_use: None,
            alg: None,
            key_ops: None,
        }
    }

    /// The key's name in its set, where it has one (RFC 7517 section 4.5).
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm the key is kept for, where it says so; may be one for encryption (RFC 7517 section 4.4).
    pub fn alg(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// What the key is for, where it says so.
    pub fn key_use(&self) -> Option<KeyUse> {
        self.key_use
    }

    /// `RSA`, `EC` or `OKP`.
    pub fn kty(&self) -> &'static str {
        match self.material {
            Material::Rsa { .. } => "RSA",
            Material::Ec { .. } => "EC",
            Material::Ed25519 { .. } | Material::X25519 { .. } => "OKP",
        }
    }

    /// The algorithms the key may verify: those of its type and curve, narrowed by `alg`. None if `use` or `key_ops`
    /// keeps the key for something else.
    ///
    /// A false positive here is algorithm confusion (RFC 8725 section 3.1); a false negative refuses good tokens.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let keeps_to_other_use = self.key_use == Some(KeyUse::Encryption);
        let keeps_to_other_ops = self
            .key_ops
            .as_ref()
            .is_some_and(|ops| !ops.iter().any(|op| op == "verify"));
        if keeps_to_other_use || keeps_to_other_ops {
            return Vec::new();
        }
        let fits = |algorithm: &Algorithm| match self.material {
            Material::Rsa { .. } => algorithm.is_rsa(),
            Material::Ec { curve, .. } => *algorithm == curve.algorithm(),
            Material::Ed25519 { .. } => *algorithm == Algorithm::EdDsa,
            Material::X25519 { .. } => false,
        };
        let wanted = |algorithm: &Algorithm| {
            self.alg
                .as_deref()
                .is_none_or(|alg| alg == algorithm.name())
        };
        Algorithm::ALL
            .into_iter()
            .filter(|algorithm| fits(algorithm) && wanted(algorithm))
            .collect()
    }

    /// The algorithms with which one may encrypt to the key: those of its type, narrowed by `alg`. None if `use` or
    /// `key_ops` keeps the key for something else; an agreement needs no operation of the public half, so a key that
    /// lists none may be one for it (as the Web Cryptography API writes them).
    pub fn encryption_algorithms(&self) -> Vec<KeyManagement> {
        const OPS: [&str; 6] = [
            "encrypt",
            "decrypt",
            "wrapKey",
            "unwrapKey",
            "deriveKey",
            "deriveBits",
        ];
        let is_rsa = match self.material {
            Material::Rsa { .. } => true,
            Material::Ec { .. } | Material::X25519 { .. } => false,
            Material::Ed25519 { .. } => return Vec::new(),
        };
        let keeps_to_other_use = self.key_use == Some(KeyUse::Signature);
        let keeps_to_other_ops = self.key_ops.as_ref().is_some_and(|ops| {
            let lists_none = ops.is_empty() && !is_rsa;
            !lists_none && !ops.iter().any(|op| OPS.contains(&op.as_str()))
        });
        if keeps_to_other_use || keeps_to_other_ops {
            return Vec::new();
        }
        let alg = self.alg.as_deref();
        KeyManagement::ALL
            .into_iter()
            .filter(|algorithm| algorithm.is_rsa() == is_rsa)
            .filter(|algorithm| alg.is_none_or(|alg| alg == algorithm.name()))
            .collect()
    }

    /// The SHA-256 thumbprint, base64url (RFC 7638). `kid` and the like do not change it.
    pub fn thumbprint(&self) -> String {
        // Members in lexicographic order, without whitespace; base64url needs no escapes (section 3.3).
        let okp = |crv: &str, x: &[u8]| {
            let x = encoding::encode(x);
            format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#)
        };
        let canonical = match &self.material {
            Material::Rsa { n, e } => {
                format!(
                    r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
                    encoding::encode(e),
                    encoding::encode(n)
                )
            }
            Material::Ec { curve, x, y } => {
                let (x, y) = (encoding::encode(x), encoding::encode(y));
                format!(
                    r#"{{"crv":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#,
                    curve.name()
                )
            }
            Material::Ed25519 { x } => okp("Ed25519", x),
            Material::X25519 { x } => okp("X25519", x),
        };
        encoding::encode(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()).as_ref(),
        )
    }
}

impl Material {
    /// RSA: 2048 bits is the least RFC 7518 section 3.3 allows; past 8192 a verification is a denial of service.
    pub(super) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, JoseError> {
        let bits = match n.first() {
            // One key, one spelling, one thumbprint (RFC 7518 section 6.3.1.1).
            None | Some(0) => return Err(JoseError::InvalidKey("modulus encoding")),
            Some(first) => n.len().saturating_mul(8) - first.leading_zeros() as usize,
        };
        if !(2048..=8192).contains(&bits) {
            return Err(JoseError::InvalidKey("modulus size"));
        }
        // Odd, at least 3, at most 2^32: what the library verifies with.
        let odd = e.last().is_some_and(|last| last % 2 == 1);
        if !odd || e.len() > 4 || e.first() == Some(&0) || e == [1] {
            return Err(JoseError::InvalidKey("exponent"));
        }
        Ok(Self::Rsa { n, e })
    }

    /// EC: coordinates at full length (RFC 7518 section 6.2.1.2).
    pub(super) fn ec(curve: Curve, x: Vec<u8>, y: Vec<u8>) -> Result<Self, JoseError> {
        if x.len() != curve.coordinate_len() || y.len() != curve.coordinate_len() {
            return Err(JoseError::InvalidKey("coordinate length"));
        }
        Ok(Self::Ec { curve, x, y })
    }

    pub(super) fn ed25519(x: Vec<u8>) -> Result<Self, JoseError> {
        if x.len() != 32 {
            return Err(JoseError::InvalidKey("public key length"));
        }
        Ok(Self::Ed25519 { x })
    }

    pub(super) fn x25519(x: Vec<u8>) -> Result<Self, JoseError> {
        if x.len() != 32 {
            return Err(JoseError::InvalidKey("public key length"));
        }
        Ok(Self::X25519 { x })
    }

    /// A key on a curve as the library reads it: of EC the uncompressed point (SEC 1 section 2.3.3), else as it is.
    pub(super) fn encoded_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa { .. } => None,
            Self::Ec { x, y, .. } => Some([&[4], x.as_slice(), y].concat()),
            Self::Ed25519 { x } | Self::X25519 { x } => Some(x.clone()),
        }
    }
}

fn optional(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, JoseError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::InvalidKey(name)),
    }
}

fn required(members: &mut Map<String, Value>, name: &'static str) -> Result<String, JoseError> {
    optional(members, name)?.ok_or(JoseError::InvalidKey(name))
}

fn octets(members: &mut Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JoseError> {
    encoding::decode(&required(members, name)?).ok_or(JoseError::InvalidKey(name))
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("kty", self.kty())?;
        match &self.material {
            Material::Rsa { n, e } => {
                members.serialize_entry("n", &encoding::encode(n))?;
                members.serialize_entry("e", &encoding::encode(e))?;
            }
            Material::Ec { curve, x, y } => {
                members.serialize_entry("crv", curve.name())?;
                members.serialize_entry("x", &encoding::encode(x))?;
                members.serialize_entry("y", &encoding::encode(y))?;
            }
            Material::Ed25519 { x } => {
                members.serialize_entry("crv", "Ed25519")?;
                members.serialize_entry("x", &encoding::encode(x))?;
            }
            Material::X25519 { x } => {
                members.serialize_entry("crv", "X25519")?;
                members.serialize_entry("x", &encoding::encode(x))?;
            }
        }
        if let Some(key_use) = self.key_use {
            members.serialize_entry("use", &key_use)?;
        }
        if let Some(key_ops) = &self.key_ops {
            members.serialize_entry("key_ops", key_ops)?;
        }
        if let Some(alg) = &self.alg {
            members.serialize_entry("alg", alg)?;
        }
        if let Some(kid) = &self.kid {
            members.serialize_entry("kid", kid)?;
        }
        members.end()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
