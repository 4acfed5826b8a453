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
    if must_verify && VerificationKeys::from_set(&set).is_empty() {
        return Err("has no key that verifies signatures");
    }
    Ok(())
}
