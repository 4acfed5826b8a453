//! What an attacker may send.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::super::content;
use super::super::test_keys::{self, decryption_key, p256, p384, public, rsa, x25519};
use super::super::{DecryptionKey, MAX_JWE_BYTES};
use super::{
    ContentEncryption, EncryptionKey, JoseError, Jwe, KeyManagement, SystemRandom, decrypt,
    encrypt, public_jwk,
};
use crate::ground::Random;
use crate::ground::jose::{Jwk, Jws, encoding};

const GCM: ContentEncryption = ContentEncryption::A128Gcm;

/// A token with this header and content key: what a faulty or hostile sender may make.
fn forged(header: &str, encrypted_key: &[u8], content_key: &[u8; 16]) -> String {
    let header = encoding::encode(header.as_bytes());
    let sealed = content::seal(GCM, content_key, header.as_bytes(), b"text", &SystemRandom);
    let sealed = sealed.unwrap();
    let parts = [encrypted_key, &sealed.iv, &sealed.ciphertext, &sealed.tag];
    let parts = parts.map(encoding::encode).join(".");
    format!("{header}.{parts}")
}

fn refused(header: &str) -> JoseError {
    Jwe::parse(&forged(header, &[], &[0; 16])).unwrap_err()
}

#[test]
fn threat_21_headers_that_are_refused() {
    for (header, error) in [
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","zip":"DEF"}"#,
            JoseError::CompressedContent,
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","zip":null}"#,
            JoseError::CompressedContent,
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","crit":["exp"]}"#,
            JoseError::CriticalHeader,
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","crit":[]}"#,
            JoseError::CriticalHeader,
        ),
        (
            r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAA","p2c":2000000000}"#,
            JoseError::UnsupportedAlgorithm,
        ),
        (
            r#"{"alg":"RSA1_5","enc":"A128GCM"}"#,
            JoseError::UnsupportedAlgorithm,
        ),
        (
            r#"{"alg":"dir","enc":"A128GCM"}"#,
            JoseError::UnsupportedAlgorithm,
        ),
        (
            r#"{"alg":"none","enc":"A128GCM"}"#,
            JoseError::UnsupportedAlgorithm,
        ),
        (r#"{"enc":"A128GCM"}"#, JoseError::UnsupportedAlgorithm),
        (r#"{"alg":"ECDH-ES"}"#, JoseError::UnsupportedEncryption),
        (
            r#"{"alg":"ECDH-ES","enc":"none"}"#,
            JoseError::UnsupportedEncryption,
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","\u0061lg":"ECDH-ES"}"#,
            JoseError::DuplicateMember { part: "header" },
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","kid":null}"#,
            JoseError::InvalidHeader,
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","cty":1}"#,
            JoseError::InvalidHeader,
        ),
        (
            r#"{"alg":"ECDH-ES","enc":"A128GCM","apu":"="}"#,
            JoseError::InvalidHeader,
        ),
        (r#"{"alg":1,"enc":"A128GCM"}"#, JoseError::InvalidHeader),
        ("[]", JoseError::InvalidHeader),
        ("", JoseError::InvalidHeader),
    ] {
        assert_eq!(refused(header), error, "{header}");
    }
    let many: Vec<_> = (0..40).map(|n| format!("\"m{n}\":0")).collect();
    assert_eq!(
        refused(&format!("{{{}}}", many.join(","))),
        JoseError::InvalidHeader
    );
}

#[test]
fn threat_45_tokens_of_another_form_or_too_long() {
    let good = encrypt(&p256(), KeyManagement::EcdhEs, GCM, b"text");
    for token in [
        "",
        ".",
        "a.b.c",
        "a.b.c.d",
        &format!("{good}."),
        &format!("{good}.A"),
    ] {
        assert_eq!(
            Jwe::parse(token).unwrap_err(),
            JoseError::NotCompactJwe,
            "{token}"
        );
    }
    for (from, part) in [
        (0, "header"),
        (2, "initialization vector"),
        (4, "authentication tag"),
    ] {
        let mut parts: Vec<_> = good.split('.').map(str::to_owned).collect();
        parts[from].push('=');
        let error = Jwe::parse(&parts.join(".")).unwrap_err();
        assert_eq!(error, JoseError::InvalidBase64 { part });
    }
    let long = format!("{good}{}", "A".repeat(MAX_JWE_BYTES));
    let limit = MAX_JWE_BYTES;
    assert_eq!(
        Jwe::parse(&long).unwrap_err(),
        JoseError::TokenTooLong { limit }
    );
    // An encrypted token is no signed one, and the other way round.
    assert_eq!(Jws::parse(&good).unwrap_err(), JoseError::NotCompact);
}

#[test]
fn threat_21_only_what_the_caller_allows() {
    let token = encrypt(&rsa(), KeyManagement::RsaOaep, GCM, b"text");
    let jwe = Jwe::parse(&token).unwrap();
    let keys = [decryption_key(&rsa())];
    let open = |alg: &[_], enc: &[_]| jwe.decrypt(&keys, alg, enc, &SystemRandom).map(drop);
    assert_eq!(open(&[KeyManagement::RsaOaep], &[GCM]), Ok(()));
    let refused = Err(JoseError::AlgorithmNotAllowed);
    assert_eq!(open(&[KeyManagement::RsaOaep256], &[GCM]), refused);
    assert_eq!(
        open(&[KeyManagement::RsaOaep], &[ContentEncryption::A256Gcm]),
        refused
    );
    assert_eq!(open(&[], &[]), refused);
}

#[test]
fn threat_21_every_part_is_authenticated() {
    for (jwk, alg) in [
        (rsa(), KeyManagement::RsaOaep256),
        (p256(), KeyManagement::EcdhEsA128Kw),
        (x25519(), KeyManagement::EcdhEs),
    ] {
        for enc in ContentEncryption::ALL {
            let token = encrypt(&jwk, alg, enc, b"text");
            let parts: Vec<_> = token.split('.').collect();
            for changed in 1..5 {
                let mut octets = encoding::decode(parts[changed]).unwrap();
                match octets.first_mut() {
                    Some(first) => *first ^= 1,
                    // ECDH-ES has no encrypted key, and must not have one.
                    None => octets.push(0),
                }
                let octets = encoding::encode(&octets);
                let mut parts = parts.clone();
                parts[changed] = &octets;
                let error = decrypt(&parts.join("."), &jwk).unwrap_err();
                assert_eq!(error, JoseError::Decryption, "{alg:?} {enc:?} {changed}");
            }
            // Of the header, also what nobody reads.
            let header = String::from_utf8(encoding::decode(parts[0]).unwrap()).unwrap();
            let header = encoding::encode(header.replace("JWT", "JWS").as_bytes());
            let mut parts = parts.clone();
            parts[0] = &header;
            let error = decrypt(&parts.join("."), &jwk).unwrap_err();
            assert_eq!(error, JoseError::Decryption, "{alg:?} {enc:?}");
        }
    }
}

/// Counts how often it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Random for Counting {
    fn fill(&self, destination: &mut [u8]) {
        self.0.fetch_add(1, Ordering::Relaxed);
        SystemRandom.fill(destination);
    }
}

/// RFC 7516 section 11.5: an encrypted key that is good for nothing, one of the wrong length and one that is right for
/// another content end alike, after the same work.
#[test]
fn threat_21_a_bad_encrypted_key_is_not_told_apart() {
    let alg = KeyManagement::RsaOaep256;
    let short = {
        let public = EncryptionKey::new(&public_jwk(&rsa()), alg).unwrap();
        // Encrypted as it should be, but a key of 32 octets where 16 are due.
        let token = public.encrypt_compact(ContentEncryption::A256Gcm, None, b"", &SystemRandom);
        let token = token.unwrap();
        encoding::decode(token.split('.').nth(1).unwrap()).unwrap()
    };
    let header = r#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#;
    let good = encrypt(&rsa(), alg, GCM, b"text");
    let other = encoding::decode(good.split('.').nth(1).unwrap()).unwrap();
    let key = decryption_key(&rsa());
    let keys = [key];
    for encrypted in [
        &short[..],
        &other,
        &[7; 256],
        &[0; 256],
        &[0xff; 256],
        &[7; 255],
        &[],
    ] {
        let token = forged(header, encrypted, &[0; 16]);
        let counting = Counting::default();
        let outcome = Jwe::parse(&token)
            .unwrap()
            .decrypt(&keys, &[alg], &[GCM], &counting);
        assert_eq!(outcome.unwrap_err(), JoseError::Decryption);
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
    // Where the key is good, the substitute is drawn just the same.
    let counting = Counting::default();
    let opened = Jwe::parse(&good)
        .unwrap()
        .decrypt(&keys, &[alg], &[GCM], &counting);
    assert_eq!(opened.unwrap().plaintext(), b"text");
    assert_eq!(counting.0.load(Ordering::Relaxed), 1);
}

fn with_epk(alg: &str, epk: &Value) -> String {
    let header = json!({ "alg": alg, "enc": "A128GCM", "epk": epk }).to_string();
    forged(&header, &[], &[0; 16])
}

#[test]
fn threat_21_a_point_that_is_not_on_the_curve_is_refused() {
    let bare = |jwk: Value| {
        let mut jwk = public(jwk);
        jwk.as_object_mut()
            .unwrap()
            .retain(|name, _| !["kid", "use"].contains(&&**name));
        jwk
    };
    let mut off_curve = bare(p256());
    off_curve["y"] = off_curve["x"].clone();
    let zero = json!({ "kty": "OKP", "crv": "X25519", "x": encoding::encode(&[0; 32]) });
    let one = [&[1][..], &[0; 31]].concat();
    let one = json!({ "kty": "OKP", "crv": "X25519", "x": encoding::encode(&one) });
    for (own, epk) in [
        (p256(), off_curve.clone()),
        (p256(), bare(p384())),
        (p256(), bare(rsa())),
        (p256(), bare(x25519())),
        (x25519(), bare(p256())),
        // Of small order: the secret would be known to everybody (RFC 7748 section 6.1).
        (x25519(), zero.clone()),
        (x25519(), one),
    ] {
        let error = decrypt(&with_epk("ECDH-ES", &epk), &own).unwrap_err();
        assert_eq!(error, JoseError::InvalidKey("epk"), "{epk}");
    }
    let absent = forged(r#"{"alg":"ECDH-ES","enc":"A128GCM"}"#, &[], &[0; 16]);
    assert_eq!(
        decrypt(&absent, &p256()).unwrap_err(),
        JoseError::InvalidKey("epk")
    );
    let error = decrypt(&with_epk("ECDH-ES", &p256()), &p256()).unwrap_err();
    assert_eq!(error, JoseError::PrivateMember);
    // Nor does anybody encrypt to such a key.
    let jwk = Jwk::from_value(off_curve).unwrap();
    assert!(EncryptionKey::new(&jwk, KeyManagement::EcdhEs).is_err());
    let jwk = Jwk::from_value(zero).unwrap();
    let outcome = EncryptionKey::new(&jwk, KeyManagement::EcdhEs)
        .and_then(|key| key.encrypt_compact(GCM, None, b"text", &SystemRandom));
    assert!(outcome.is_err());
}

#[test]
fn threat_21_keys_kept_for_something_else_are_not_encrypted_to() {
    for (member, value) in [
        ("use", json!("sig")),
        ("alg", json!("ES256")),
        ("alg", json!("ECDH-ES+A256KW")),
        ("key_ops", json!(["verify"])),
    ] {
        let mut jwk = public(p256());
        jwk[member] = value;
        let jwk = Jwk::from_value(jwk).unwrap();
        let error = EncryptionKey::new(&jwk, KeyManagement::EcdhEs).unwrap_err();
        assert_eq!(error, JoseError::KeyUnsuitable, "{jwk:?}");
    }
    for ops in [json!([]), json!(["deriveBits"]), json!(["deriveKey", "x"])] {
        let mut jwk = public(p256());
        jwk["key_ops"] = ops;
        let jwk = Jwk::from_value(jwk).unwrap();
        assert_eq!(jwk.encryption_algorithms().len(), 3, "{jwk:?}");
    }
    let mut jwk = public(rsa());
    jwk["key_ops"] = json!([]);
    assert!(
        Jwk::from_value(jwk)
            .unwrap()
            .encryption_algorithms()
            .is_empty()
    );
    let signs = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert!(
        Jwk::from_value(signs)
            .unwrap()
            .encryption_algorithms()
            .is_empty()
    );
    // And a key for agreement verifies nothing.
    assert!(public_jwk(&x25519()).algorithms().is_empty());
}

#[test]
fn private_keys_that_are_none() {
    for good in test_keys::all() {
        for (member, value) in [
            ("d", json!("AAAA")),
            ("d", json!(1)),
            ("d", Value::Null),
            ("use", json!("sig")),
        ] {
            let mut jwk = good.clone();
            jwk[member] = value;
            let outcome = DecryptionKey::from_private_jwk(jwk.to_string().as_bytes());
            assert!(outcome.is_err(), "{member} {jwk}");
        }
        assert!(DecryptionKey::from_private_jwk(public(good).to_string().as_bytes()).is_err());
    }
    let mut mixed = p256();
    mixed["x"] = json!("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0");
    mixed["y"] = json!("SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps");
    let mut without_crt = rsa();
    without_crt.as_object_mut().unwrap().remove("qi");
    for jwk in [
        mixed,
        without_crt,
        json!([]),
        json!({ "kty": "oct", "k": "AAAA", "d": "AAAA" }),
    ] {
        assert!(
            DecryptionKey::from_private_jwk(jwk.to_string().as_bytes()).is_err(),
            "{jwk}"
        );
    }
    let shown = format!("{:?}", decryption_key(&p256()));
    assert_eq!(shown, r#"DecryptionKey { kid: Some("p256"), .. }"#);
}

#[test]
fn what_is_inside_is_a_token_only_if_it_says_so() {
    let key = EncryptionKey::new(&public_jwk(&p256()), KeyManagement::EcdhEs).unwrap();
    for (cty, text, is_token) in [
        (Some("JWT"), &b"a.b.c"[..], true),
        (Some("application/jwt"), b"a.b.c", true),
        (Some("JSON"), b"a.b.c", false),
        (None, b"a.b.c", false),
        (Some("JWT"), b"\xff", false),
    ] {
        let token = key.encrypt_compact(GCM, cty, text, &SystemRandom).unwrap();
        let inside = decrypt(&token, &p256()).unwrap();
        assert_eq!(inside.nested_jwt().is_ok(), is_token, "{cty:?}");
    }
}
