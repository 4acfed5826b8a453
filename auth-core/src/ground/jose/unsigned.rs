//! Unsecured JWTs (RFC 7519 section 6): no proof of anything, and read only where that is said.

use super::claims::Claims;
use super::jws::MAX_JWS_BYTES;
use super::{JoseError, encoding, object};

/// The claims of a token that says it is not signed (`alg` is `none`, the signature empty). For a request object that
/// says no more than the query it came in could; `None` when the token does not say so, and is to be verified.
///
/// # Errors
/// [`JoseError::TokenTooLong`], [`JoseError::NotCompact`], [`JoseError::InvalidBase64`], [`JoseError::InvalidHeader`],
/// [`JoseError::DuplicateMember`], [`JoseError::CriticalHeader`], and those of [`Claims`].
pub fn dangerous_unsigned_claims(token: &str) -> Result<Option<Claims>, JoseError> {
    if token.len() > MAX_JWS_BYTES {
        return Err(JoseError::TokenTooLong {
            limit: MAX_JWS_BYTES,
        });
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(JoseError::NotCompact);
    };
    let decode = |text: &str, part| encoding::decode(text).ok_or(JoseError::InvalidBase64 { part });
    let header =
        object::parse_claims(&decode(header, "header")?).map_err(|_| JoseError::InvalidHeader)?;
    if header.get("alg").and_then(serde_json::Value::as_str) != Some("none") {
        return Ok(None);
    }
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(JoseError::CriticalHeader);
    }
    if !signature.is_empty() {
        return Err(JoseError::InvalidSignature);
    }
    Claims::from_vouched_json(&decode(payload, "payload")?).map(Some)
}
