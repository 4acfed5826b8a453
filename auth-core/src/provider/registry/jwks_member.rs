//! The `jwks` a client registers.

use serde::Deserialize as _;
use serde_json::Value;

use crate::ground::jose::{JwkSet, MAX_JWK_SET_BYTES, VerificationKeys};

/// Says what is wrong with a `jwks` member. Private members are refused: such a key is nobody's proof any more.
pub(super) fn check(jwks: &Value, must_verify: bool) -> Result<(), &'static str> {
    if jwks.to_string().len() > MAX_JWK_SET_BYTES {
        return Err("is too long");
    }
    let set = JwkSet::deserialize(jwks).map_err(|_| "must be a JWK set of public keys")?;
    let members = jwks.get("keys").and_then(Value::as_array);
    let kids = members
        .into_iter()
        .flatten()
        .filter_map(|key| key.get("kid"));
    let mut seen = Vec::new();
    for kid in kids {
        // RFC 7517 §4.5: different keys of a set have different ones.
        if seen.contains(&kid) {
            return Err("has two keys with the same kid");
        }
        seen.push(kid);
    }
    if must_verify && VerificationKeys::from_set(&set).is_empty() {
        return Err("has no key that verifies signatures");
    }
    Ok(())
}
