//! Keys that sign whatever they are told to, by ES256 or RS256.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::Value;

use crate::ground::jose::{Algorithm, SigningKey};

pub(super) struct Key {
    pub(super) kid: String,
    pair: Pair,
    public: Value,
    published: AtomicBool,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub(super) fn generate_rsa(kid: &str) -> Self {
        use aws_lc_rs::encoding::AsDer as _;
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = pair.as_der().unwrap();
        let key = SigningKey::from_pkcs8(Algorithm::Rs256, Some(kid), pkcs8.as_ref()).unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rsa(pair),
            public: serde_json::to_value(key.public_jwk()).unwrap(),
            published: AtomicBool::new(true),
        }
    }

    pub(super) fn generate(kid: &str) -> Self {
        let generated = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = SigningKey::from_pkcs8(Algorithm::Es256, Some(kid), &generated.pkcs8).unwrap();
        let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self {
            kid: kid.to_owned(),
            pair: Pair::Ec(EcdsaKeyPair::from_pkcs8(signing, &generated.pkcs8).unwrap()),
            public: serde_json::to_value(key.public_jwk()).unwrap(),
            published: AtomicBool::new(true),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
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
