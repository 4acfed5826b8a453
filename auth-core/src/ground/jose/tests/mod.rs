//! The room as a whole: the RFCs' own vectors, another library's tokens, and attacks.

mod interop;
mod key_sets;
mod round_trip;
mod threats;
mod vectors;

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::{Algorithm, GeneratedKey, SigningKey, VerificationKeys, encoding};

/// One RSA key for all tests: it is slow to make.
static RSA: LazyLock<GeneratedKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());

static P256: LazyLock<GeneratedKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

/// A new key, or the shared RSA key for any RSA algorithm: the key and its PKCS#8.
fn key_for(algorithm: Algorithm) -> (SigningKey, Vec<u8>) {
    if algorithm.is_rsa() {
        let key = SigningKey::from_pkcs8(algorithm, None, &RSA.pkcs8).unwrap();
        (key, RSA.pkcs8.to_vec())
    } else {
        let generated = SigningKey::generate(algorithm).unwrap();
        (generated.key, generated.pkcs8.to_vec())
    }
}

fn keys_of(key: &SigningKey) -> VerificationKeys {
    VerificationKeys::from_jwk(key.public_jwk()).unwrap()
}

/// A token with this header, signed ES256 with [`P256`]: what a faulty or hostile signer may make.
fn forged(header: &str, payload: &str) -> String {
    let input = format!(
        "{}.{}",
        encoding::encode(header.as_bytes()),
        encoding::encode(payload.as_bytes())
    );
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &P256.pkcs8).unwrap();
    let signature = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", encoding::encode(signature.as_ref()))
}
