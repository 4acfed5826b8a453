//! Algorithms a client asks for (OpenID Connect Registration §2): names that are known, and keys to encrypt to.

use super::reader::Reader;
use super::{Offer, invalid};
use crate::ground::jose::Algorithm;
use crate::ground::jose::jwe::{ContentEncryption, KeyManagement};
use crate::provider::error::OAuthError;

/// What may be encrypted for a client: `alg`, and the `enc` that goes with it.
pub(super) const ENCRYPTED: [(&str, &str); 2] = [
    (
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
    ),
    (
        "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc",
    ),
];

pub(super) fn check(reader: &Reader<'_>, offer: &Offer<'_>) -> Result<(), OAuthError> {
    let own: Vec<_> = offer.algorithms.iter().map(|own| own.name()).collect();
    reader.one_of("id_token_signed_response_alg", &own)?;
    reader.one_of("userinfo_signed_response_alg", &own)?;
    let mut any = vec!["none"];
    any.extend(Algorithm::ALL.map(Algorithm::name));
    reader.one_of("request_object_signing_alg", &any)?;
    ENCRYPTED
        .into_iter()
        .try_for_each(|(alg, enc)| check_encryption(reader, alg, enc))
}

/// §2: "When enc is included, alg MUST also be provided." Without a key of the client there is nothing to encrypt to,
/// and nothing it asked to be encrypted is ever sent in clear.
fn check_encryption(reader: &Reader<'_>, alg: &str, enc: &str) -> Result<(), OAuthError> {
    reader.one_of(alg, &KeyManagement::ALL.map(KeyManagement::name))?;
    reader.one_of(enc, &ContentEncryption::ALL.map(ContentEncryption::name))?;
    if reader.has(enc) && !reader.has(alg) {
        return Err(invalid(enc, &format!("needs {alg}")));
    }
    if reader.has(alg) && !reader.has("jwks") && !reader.has("jwks_uri") {
        return Err(invalid(alg, "needs jwks or jwks_uri"));
    }
    Ok(())
}
