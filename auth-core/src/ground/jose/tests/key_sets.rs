//! Key sets from strangers, and the choice of a key.

use serde_json::{Value, json};

use super::super::{
    Algorithm, JoseError, Jwk, JwkSet, Jws, MAX_CANDIDATES, MAX_JWK_SET_BYTES, MAX_JWK_SET_KEYS,
    SigningKey, VerificationKeys, VerifyingKey, encoding,
};
use super::{P256, RSA, forged};

fn good() -> Value {
    json!(P256.key.public_jwk())
}

fn parse(set: &Value) -> Result<JwkSet, JoseError> {
    JwkSet::parse(set.to_string().as_bytes())
}

fn with(name: &str, value: Value) -> Value {
    let mut jwk = good();
    jwk[name] = value;
    jwk
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    json!({ "kty": "RSA", "n": encoding::encode(n), "e": encoding::encode(e) })
}

#[test]
fn what_is_not_understood_is_skipped() {
    let skipped = [
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!({ "kty": "OKP", "crv": "X448", "x": encoding::encode(&[9; 56]) }),
        json!({ "kty": "OKP", "crv": "X25519", "x": encoding::encode(&[9; 31]) }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": encoding::encode(&[9; 31]) }),
        with("crv", json!("secp256k1")),
        with("crv", json!("P-384")),
        with("use", json!("other")),
        with("x", json!("AA")),
        with("x", json!("AA==")),
        with("kid", json!(5)),
        with("key_ops", json!("verify")),
        rsa(&[0xff; 128], &[1, 0, 1]),
        rsa(&[0xff; 1025], &[1, 0, 1]),
        rsa(&[[0].as_slice(), &[0xff; 256]].concat(), &[1, 0, 1]),
        rsa(&[], &[1, 0, 1]),
        rsa(&[0xff; 256], &[1]),
        rsa(&[0xff; 256], &[2]),
        rsa(&[0xff; 256], &[]),
        rsa(&[0xff; 256], &[0, 1, 0, 1]),
        rsa(&[0xff; 256], &[0xff; 16]),
        json!({}),
        json!(null),
        json!("key"),
        json!([]),
    ];
    for key in &skipped {
        let set = parse(&json!({ "keys": [key, good()] })).unwrap();
        assert_eq!(set.keys(), [P256.key.public_jwk().clone()], "{key}");
    }
    assert_eq!(
        parse(&json!({ "keys": [], "x": { "keys": 1 } }))
            .unwrap()
            .keys(),
        []
    );
}

#[test]
fn what_is_no_set_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[}"#,
        r#"{"keys":[]} x"#,
    ] {
        assert_eq!(
            JwkSet::parse(text.as_bytes()),
            Err(JoseError::InvalidKeySet),
            "{text}"
        );
    }
}

#[test]
fn a_private_key_in_a_public_place_is_refused() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let leaked = with(name, json!(null));
        assert_eq!(
            Jwk::from_value(leaked.clone()),
            Err(JoseError::PrivateMember),
            "{name}"
        );
        assert_eq!(
            parse(&json!({ "keys": [good(), leaked] })),
            Err(JoseError::PrivateMember),
            "{name}"
        );
    }
    assert_eq!(
        Jwk::from_value(json!({ "kty": "oct", "k": "AA" })),
        Err(JoseError::PrivateMember)
    );
    let embedded: Result<JwkSet, _> =
        serde_json::from_value(json!({ "keys": [with("d", json!("AA"))] }));
    assert!(embedded.unwrap_err().to_string().contains("private"));
}

#[test]
fn threat_21_a_point_off_the_curve_never_verifies() {
    let swapped = {
        let jwk = good();
        json!({ "kty": "EC", "crv": "P-256", "x": jwk["y"], "y": jwk["x"] })
    };
    for jwk in [
        swapped,
        with("y", json!(encoding::encode(&[0; 32]))),
        with("x", json!(encoding::encode(&[0xff; 32]))),
    ] {
        let jwk = Jwk::from_value(jwk).unwrap();
        assert!(matches!(
            VerifyingKey::new(&jwk),
            Err(JoseError::InvalidKey(_))
        ));
        assert!(VerificationKeys::from_set(&JwkSet::new(vec![jwk])).is_empty());
    }
}

#[test]
fn threat_45_sets_are_bounded() {
    let many = |count| json!({ "keys": vec![json!({}); count] });
    assert!(parse(&many(MAX_JWK_SET_KEYS)).is_ok());
    assert_eq!(
        parse(&many(MAX_JWK_SET_KEYS + 1)),
        Err(JoseError::TooManyKeys {
            limit: MAX_JWK_SET_KEYS
        })
    );
    assert!(serde_json::from_value::<JwkSet>(many(MAX_JWK_SET_KEYS + 1)).is_err());
    let long = format!(r#"{{"keys":[]{}}}"#, " ".repeat(MAX_JWK_SET_BYTES));
    assert_eq!(
        JwkSet::parse(long.as_bytes()),
        Err(JoseError::KeySetTooLong {
            limit: MAX_JWK_SET_BYTES
        })
    );
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!(
            r#"{{"keys":[{}1{}]}}"#,
            open.repeat(5000),
            close.repeat(5000)
        );
        assert_eq!(
            JwkSet::parse(deep.as_bytes()),
            Err(JoseError::InvalidKeySet)
        );
    }
}

fn named(kid: Option<&str>, key: &SigningKey) -> VerifyingKey {
    let mut json = serde_json::to_value(key.public_jwk()).unwrap();
    json.as_object_mut().unwrap().remove("kid");
    if let Some(kid) = kid {
        json["kid"] = json!(kid);
    }
    VerifyingKey::new(&Jwk::from_value(json).unwrap()).unwrap()
}

fn verify(header: &Value, keys: &VerificationKeys) -> Result<(), JoseError> {
    Jws::parse(&forged(&header.to_string(), "{}"))?
        .verify(keys, &Algorithm::ALL)
        .map(drop)
}

#[test]
fn keys_are_chosen_by_name_and_algorithm() {
    let other = SigningKey::generate(Algorithm::Es256).unwrap().key;
    let keys: VerificationKeys = [
        named(Some("rsa"), &RSA.key),
        named(Some("old"), &other),
        named(Some("new"), &P256.key),
    ]
    .into_iter()
    .collect();
    assert_eq!(
        verify(&json!({ "alg": "ES256", "kid": "new" }), &keys),
        Ok(())
    );
    assert_eq!(verify(&json!({ "alg": "ES256" }), &keys), Ok(()));
    assert_eq!(
        verify(&json!({ "alg": "ES256", "kid": "old" }), &keys),
        Err(JoseError::InvalidSignature)
    );
    assert_eq!(
        verify(&json!({ "alg": "ES256", "kid": "rsa" }), &keys),
        Err(JoseError::KeyUnsuitable)
    );
    assert_eq!(
        verify(&json!({ "alg": "ES256", "kid": "gone" }), &keys),
        Err(JoseError::UnknownKey)
    );
    assert_eq!(
        verify(&json!({ "alg": "EdDSA" }), &keys),
        Err(JoseError::UnknownKey)
    );
    assert!(keys.contains_kid("old") && !keys.contains_kid("gone"));
    // RFC 7517 section 4.5: keys of different types may share a name.
    let shared: VerificationKeys = [named(Some("k"), &RSA.key), named(Some("k"), &P256.key)]
        .into_iter()
        .collect();
    assert_eq!(
        verify(&json!({ "alg": "ES256", "kid": "k" }), &shared),
        Ok(())
    );
    // A key without a name is not the one the token names.
    let nameless: VerificationKeys = [named(None, &P256.key)].into_iter().collect();
    assert_eq!(
        verify(&json!({ "alg": "ES256", "kid": "k" }), &nameless),
        Err(JoseError::UnknownKey)
    );
}

#[test]
fn threat_45_few_keys_are_tried() {
    let copies = |count| {
        std::iter::repeat_n(named(Some("k"), &P256.key), count).collect::<VerificationKeys>()
    };
    for header in [
        json!({ "alg": "ES256" }),
        json!({ "alg": "ES256", "kid": "k" }),
    ] {
        assert_eq!(verify(&header, &copies(MAX_CANDIDATES)), Ok(()));
        assert_eq!(
            verify(&header, &copies(MAX_CANDIDATES + 1)),
            Err(JoseError::AmbiguousKey)
        );
    }
}
