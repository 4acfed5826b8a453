//! For the tests of presets and of building.

use base64::Engine as _;

use crate::ground::jose::{Algorithm, SigningKey};

/// Team id, key id and a new key, as Apple hands them out.
pub(in crate::login::federation) fn apple_key() -> (&'static str, &'static str, String) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    ("A1B2C3D4E5", "F6G7H8I9J0", pem(&key.pkcs8))
}

pub(super) fn pem(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let (lines, last) = text.split_at(64);
    format!("-----BEGIN PRIVATE KEY-----\n{lines}\n{last}\n-----END PRIVATE KEY-----\n")
}
