//! Keys that sign whatever they are told to, ES256.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::Value;

use crate::ground::jose::{Algorithm, SigningKey};

pub(super) struct Key {
    pub(super) kid: String,
    pair: EcdsaKeyPair,
    public: Value,
    published: AtomicBool,
}

impl Key {
    pub(super) fn generate(kid: &str) -> Self {
        let generated = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = SigningKey::from_pkcs8(Algorithm::Es256, Some(kid), &generated.pkcs8).unwrap();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self {
            kid: kid.to_owned(),
            pair: EcdsaKeyPair::from_pkcs8(signing, &generated.pkcs8).unwrap(),
            public: serde_json::to_value(key.public_jwk()).unwrap(),
            published: AtomicBool::new(true),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.pair.sign(&random, message).unwrap().as_ref().to_vec()
    }

    pub(super) fn withdraw(&self) {
        self.published.store(false, Ordering::SeqCst);
    }

    /// As a JWK, unless it is withdrawn.
    pub(super) fn published(&self) -> Option<Value> {
        let published = self.published.load(Ordering::SeqCst);
        published.then(|| self.public.clone())
    }

    pub(super) fn public(&self) -> &Value {
        &self.public
    }
}
