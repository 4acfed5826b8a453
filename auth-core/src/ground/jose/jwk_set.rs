//! A set of public keys as JSON (RFC 7517 section 5), from strangers: bounded, and forgiving only where it must be.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::parse_unique_value;
use super::{JoseError, Jwk};

/// The longest set [`JwkSet::parse`] reads, in bytes.
pub const MAX_JWK_SET_BYTES: usize = 64 * 1024;

/// The most keys a set may have, skipped ones included.
pub const MAX_JWK_SET_KEYS: usize = 100;

/// Public keys, such as those at a `jwks_uri` or in a client's `jwks`. Serializes as `{"keys":[...]}`.
///
/// Deserializing, for a set within a larger document, has the bound on keys; the bound on bytes is the outer reader's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// A set of these keys, to publish.
    pub fn new(keys: Vec<Jwk>) -> Self {
        Self { keys }
    }

    /// Reads a set. Keys of a type, curve, use, size or shape we do not know are skipped (RFC 7517 section 5).
    ///
    /// # Errors
    /// [`JoseError::KeySetTooLong`], [`JoseError::TooManyKeys`] and [`JoseError::InvalidKeySet`]. A private key in the
    /// set is [`JoseError::PrivateMember`]: it is public by now, so nothing it signed means anything.
    pub fn parse(json: &[u8]) -> Result<Self, JoseError> {
        if json.len() > MAX_JWK_SET_BYTES {
            return Err(JoseError::KeySetTooLong {
                limit: MAX_JWK_SET_BYTES,
            });
        }
        // Bounded before anything is built, then read once more for members that are there twice.
        let set: BoundedSet = serde_json::from_slice(json).map_err(|_| JoseError::InvalidKeySet)?;
        parse_unique_value(json).map_err(|_| JoseError::InvalidKeySet)?;
        set.into_set()
    }

    /// The keys that were understood, in the order of the set.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BoundedSet::deserialize(deserializer)?
            .into_set()
            .map_err(D::Error::custom)
    }
}

/// A set as read, with our own error beside serde's so that the caller sees the precise one.
struct BoundedSet {
    keys: Option<Result<Vec<Jwk>, JoseError>>,
}

impl BoundedSet {
    fn into_set(self) -> Result<JwkSet, JoseError> {
        self.keys
            .unwrap_or(Err(JoseError::InvalidKeySet))
            .map(JwkSet::new)
    }
}

impl<'de> Deserialize<'de> for BoundedSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SetVisitor)
    }
}

struct SetVisitor;

impl<'de> Visitor<'de> for SetVisitor {
    type Value = BoundedSet;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JWK set")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<BoundedSet, A::Error> {
        let mut keys = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == "keys" {
                keys = Some(members.next_value_seed(Keys)?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(BoundedSet { keys })
    }
}

struct Keys;

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Result<Vec<Jwk>, JoseError>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Result<Vec<Jwk>, JoseError>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        let mut fault = None;
        let mut count = 0_usize;
        while fault.is_none() {
            let Some(element) = elements.next_element::<Value>()? else {
                return Ok(Ok(keys));
            };
            count += 1;
            if count > MAX_JWK_SET_KEYS {
                fault = Some(JoseError::TooManyKeys {
                    limit: MAX_JWK_SET_KEYS,
                });
            } else if is_known_type(&element) {
                match Jwk::from_value(element) {
                    Ok(key) => keys.push(key),
                    Err(JoseError::PrivateMember) => fault = Some(JoseError::PrivateMember),
                    Err(_) => {}
                }
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err(fault.unwrap_or(JoseError::InvalidKeySet)))
    }
}

/// Asked before [`Jwk::from_value`], so that a stray `oct` key is skipped and not taken for a leaked private key.
fn is_known_type(element: &Value) -> bool {
    matches!(
        element.get("kty").and_then(Value::as_str),
        Some("RSA" | "EC" | "OKP")
    )
}
