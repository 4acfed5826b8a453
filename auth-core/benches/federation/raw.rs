//! The floor: one raw verification of a token's signature.

use std::hint::black_box;

use auth_core::ground::from_base64url;
use auth_core::ground::jose::Algorithm;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair,
};

/// The public half of a private key, ready to verify.
pub(crate) fn public_key(algorithm: Algorithm, pkcs8: &[u8]) -> ParsedPublicKey {
    let parsed = match algorithm {
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(pkcs8).unwrap();
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())
        }
        other => unreachable!("{} is not measured", other.name()),
    };
    parsed.unwrap()
}

/// Verifies the signature of this token and nothing else of it.
pub(crate) fn verification(public: &ParsedPublicKey, token: &str) -> impl Fn() + use<> {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = from_base64url(signature).unwrap();
    let (message, public) = (message.as_bytes().to_vec(), public.clone());
    move || {
        public
            .verify_sig(black_box(&message), black_box(&signature))
            .unwrap();
    }
}
