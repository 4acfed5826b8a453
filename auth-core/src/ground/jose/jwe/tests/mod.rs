//! Encryption as a whole: the RFCs' own vectors, another library's tokens, and attacks.

mod interop;
mod round_trip;
mod threats;
mod vectors;

use serde_json::Value;

use super::test_keys::{decryption_key, public};
use super::{ContentEncryption, Decrypted, EncryptionKey, Jwe, KeyManagement};
use crate::ground::SystemRandom;
use crate::ground::jose::{JoseError, Jwk};

fn public_jwk(jwk: &Value) -> Jwk {
    Jwk::from_value(public(jwk.clone())).unwrap()
}

fn encrypt(jwk: &Value, alg: KeyManagement, enc: ContentEncryption, text: &[u8]) -> String {
    let key = EncryptionKey::new(&public_jwk(jwk), alg).unwrap();
    key.encrypt_compact(enc, Some("JWT"), text, &SystemRandom)
        .unwrap()
}

/// Whatever is allowed anywhere is allowed.
fn decrypt(token: &str, jwk: &Value) -> Result<Decrypted, JoseError> {
    Jwe::parse(token)?.decrypt(
        &[decryption_key(jwk)],
        &KeyManagement::ALL,
        &ContentEncryption::ALL,
        &SystemRandom,
    )
}
