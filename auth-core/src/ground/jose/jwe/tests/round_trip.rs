//! Every key with every algorithm.

use serde_json::json;

use super::super::test_keys::{self, decryption_key, p256, rsa};
use super::{
    ContentEncryption, EncryptionKey, JoseError, Jwe, KeyManagement, SystemRandom, decrypt,
    encrypt, public_jwk,
};
use crate::ground::jose::JwkSet;

#[test]
fn every_key_with_every_algorithm() {
    let mut tokens = 0;
    for jwk in test_keys::all() {
        for alg in public_jwk(&jwk).encryption_algorithms() {
            for enc in ContentEncryption::ALL {
                for text in [&b""[..], b"sixteen octets !", &[7; 1000]] {
                    let token = encrypt(&jwk, alg, enc, text);
                    let jwe = Jwe::parse(&token).unwrap();
                    assert_eq!((jwe.algorithm(), jwe.encryption()), (alg, enc));
                    assert_eq!(jwe.kid(), jwk["kid"].as_str());
                    assert_eq!(decrypt(&token, &jwk).unwrap().plaintext(), text);
                    assert_ne!(encrypt(&jwk, alg, enc, text), token);
                    tokens += 1;
                }
            }
        }
    }
    // Two algorithms of the RSA key, three of each of the four on curves.
    assert_eq!(tokens, 14 * ContentEncryption::ALL.len() * 3);
}

#[test]
fn a_token_without_kid_is_tried_with_each_key_that_fits() {
    let mut nameless = p256();
    nameless.as_object_mut().unwrap().remove("kid");
    let (alg, enc) = (KeyManagement::EcdhEsA256Kw, ContentEncryption::A256Gcm);
    let token = encrypt(&nameless, alg, enc, b"text");
    let jwe = Jwe::parse(&token).unwrap();
    let open = |keys: &[_]| {
        jwe.decrypt(keys, &[alg], &[enc], &SystemRandom)
            .map(|inside| inside.plaintext().to_vec())
    };
    let mut other = p256();
    other["x"] = json!("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0");
    other["y"] = json!("SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps");
    other["d"] = json!("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
    let keys = || [rsa(), other.clone(), p256()].map(|jwk| decryption_key(&jwk));
    assert_eq!(open(&keys()).unwrap(), b"text");
    assert_eq!(open(&keys()[..2]).unwrap_err(), JoseError::Decryption);
    assert_eq!(open(&keys()[..1]).unwrap_err(), JoseError::UnknownKey);
    let many = [(); 5].map(|()| decryption_key(&p256()));
    assert_eq!(open(&many).unwrap_err(), JoseError::AmbiguousKey);
}

#[test]
fn a_key_for_encryption_goes_before_one_that_does_not_say() {
    let mut unsaid = test_keys::public(p256());
    unsaid.as_object_mut().unwrap().remove("use");
    unsaid["kid"] = json!("unsaid");
    let mut signing = unsaid.clone();
    signing["use"] = json!("sig");
    let set = |keys: &[&serde_json::Value]| {
        JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    };
    let alg = KeyManagement::EcdhEs;
    let chosen = |keys: &[&serde_json::Value]| {
        EncryptionKey::choose(&set(keys), alg).map(|key| key.kid().unwrap().to_owned())
    };
    let kept = test_keys::public(p256());
    assert_eq!(chosen(&[&signing, &unsaid, &kept]).unwrap(), "p256");
    assert_eq!(chosen(&[&signing, &unsaid]).unwrap(), "unsaid");
    let rsa = test_keys::public(rsa());
    assert_eq!(
        chosen(&[&signing, &rsa]).unwrap_err(),
        JoseError::UnknownKey
    );
    assert_eq!(chosen(&[]).unwrap_err(), JoseError::UnknownKey);
}
