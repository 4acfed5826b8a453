//! Attacks on the token.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::super::{
    Algorithm, JoseError, Jwk, Jws, MAX_JWS_BYTES, SigningKey, VerificationKeys, VerifyingKey,
    encoding,
};
use super::{P256, RSA, forged, key_for, keys_of};

/// What comes of a token when every algorithm is allowed: the rest has to hold by itself.
fn outcome(token: &str, keys: &VerificationKeys) -> Result<(), JoseError> {
    Jws::parse(token)?
        .verify(keys, &Algorithm::ALL)?
        .claims_object()
        .map(drop)
}

fn es256_keys() -> VerificationKeys {
    keys_of(&P256.key)
}

/// The key of [`es256_keys`] without the restraint of `alg` and without a name.
fn bare(key: &SigningKey) -> Jwk {
    let mut json = serde_json::to_value(key.public_jwk()).unwrap();
    for name in ["alg", "use", "kid"] {
        json.as_object_mut().unwrap().remove(name);
    }
    Jwk::from_value(json).unwrap()
}

fn unsigned(header: &str, payload: &str) -> String {
    format!(
        "{}.{}",
        encoding::encode(header.as_bytes()),
        encoding::encode(payload.as_bytes())
    )
}

#[test]
fn threat_21_none_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let input = unsigned(&json!({ "alg": alg }).to_string(), "{}");
        for token in [format!("{input}."), format!("{input}.AA")] {
            assert_eq!(
                outcome(&token, &es256_keys()),
                Err(JoseError::UnsupportedAlgorithm)
            );
        }
    }
    let valid = P256.key.sign_compact(None, &json!({})).unwrap();
    let stripped = format!("{}.", valid.rsplit_once('.').unwrap().0);
    assert_eq!(
        outcome(&stripped, &es256_keys()),
        Err(JoseError::InvalidSignature)
    );
}

#[test]
fn threat_21_hmac_with_the_public_key() {
    let keys = keys_of(&RSA.key);
    let public = serde_json::to_value(RSA.key.public_jwk()).unwrap();
    let secrets = [
        public.to_string().into_bytes(),
        public["n"].as_str().unwrap().as_bytes().to_vec(),
        encoding::decode(public["n"].as_str().unwrap()).unwrap(),
    ];
    for (alg, hash) in [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ] {
        for secret in &secrets {
            let input = unsigned(
                &json!({ "alg": alg, "kid": RSA.key.kid() }).to_string(),
                "{}",
            );
            let tag = hmac::sign(&hmac::Key::new(hash, secret), input.as_bytes());
            let token = format!("{input}.{}", encoding::encode(tag.as_ref()));
            assert_eq!(outcome(&token, &keys), Err(JoseError::UnsupportedAlgorithm));
        }
    }
}

#[test]
fn threat_21_a_key_in_the_header_is_never_used() {
    // The attacker's key is P256; the token is checked with another.
    let (honest, _) = key_for(Algorithm::Es256);
    let (keys, jwk) = (keys_of(&honest), P256.key.public_jwk());
    for (name, value) in [
        ("jwk", json!(jwk)),
        ("jku", json!("https://attacker.example/jwks")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        for kid in [None, Some(honest.kid())] {
            let mut header = json!({ "alg": "ES256" });
            header[name] = value.clone();
            if let Some(kid) = kid {
                header["kid"] = json!(kid);
            }
            assert_eq!(
                outcome(&forged(&header.to_string(), "{}"), &keys),
                Err(JoseError::InvalidSignature),
                "{header}"
            );
        }
    }
    let own_kid = forged(
        &json!({ "alg": "ES256", "jwk": jwk, "kid": jwk.kid() }).to_string(),
        "{}",
    );
    assert_eq!(outcome(&own_kid, &keys), Err(JoseError::UnknownKey));
    assert_eq!(
        outcome(&own_kid, &VerificationKeys::default()),
        Err(JoseError::UnknownKey)
    );
}

/// The one use of `jwk`: proof of possession, by name and with the key in hand (RFC 9449).
#[test]
fn an_embedded_jwk_is_read_only_on_demand() {
    let token = forged(
        &json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": bare(&P256.key), "kid": "x" })
            .to_string(),
        "{}",
    );
    let jws = Jws::parse(&token).unwrap();
    let jwk = jws.dangerous_embedded_jwk().unwrap();
    assert_eq!(jwk.thumbprint(), P256.key.kid());
    let key = VerifyingKey::new(&jwk).unwrap();
    jws.verify_with_key(&key, &[Algorithm::Es256]).unwrap();
    assert_eq!(
        jws.verify_with_key(&key, &[Algorithm::EdDsa]).unwrap_err(),
        JoseError::AlgorithmNotAllowed
    );

    let plain = P256.key.sign_compact(None, &json!({})).unwrap();
    assert_eq!(
        Jws::parse(&plain).unwrap().dangerous_embedded_jwk(),
        Err(JoseError::UnknownKey)
    );
    let mut private = json!(bare(&P256.key));
    private["d"] = json!("AA");
    let leaking = forged(&json!({ "alg": "ES256", "jwk": private }).to_string(), "{}");
    assert_eq!(
        Jws::parse(&leaking).unwrap().dangerous_embedded_jwk(),
        Err(JoseError::PrivateMember)
    );
}

#[test]
fn threat_21_extensions_are_refused_though_well_signed() {
    let keys = es256_keys();
    assert_eq!(outcome(&forged(r#"{"alg":"ES256"}"#, "{}"), &keys), Ok(()));
    for header in [
        r#"{"alg":"ES256","crit":["x"],"x":1}"#,
        r#"{"alg":"ES256","crit":["exp"]}"#,
        r#"{"crit":[],"alg":"ES256"}"#,
    ] {
        assert_eq!(
            outcome(&forged(header, "{}"), &keys),
            Err(JoseError::CriticalHeader),
            "{header}"
        );
    }
    assert_eq!(
        outcome(&forged(r#"{"alg":"ES256","b64":false}"#, "{}"), &keys),
        Err(JoseError::UnencodedPayload)
    );
}

#[test]
fn threat_21_the_key_decides_the_algorithm() {
    let (rs256, _) = key_for(Algorithm::Rs256);
    let (ps256, _) = key_for(Algorithm::Ps256);
    let token = rs256.sign_compact(None, &json!({})).unwrap();
    // The same RSA key, published for PS256 only.
    assert_eq!(
        outcome(&token, &keys_of(&ps256)),
        Err(JoseError::KeyUnsuitable)
    );
    assert_eq!(outcome(&token, &keys_of(&rs256)), Ok(()));
    let not_allowed = Jws::parse(&token)
        .unwrap()
        .verify(&keys_of(&rs256), &[Algorithm::Ps256])
        .unwrap_err();
    assert_eq!(not_allowed, JoseError::AlgorithmNotAllowed);
    let none_allowed = Jws::parse(&token)
        .unwrap()
        .verify(&keys_of(&rs256), &[])
        .unwrap_err();
    assert_eq!(none_allowed, JoseError::AlgorithmNotAllowed);
    // Published for nothing in particular, it verifies any RSA algorithm and no other.
    let any = VerificationKeys::from_jwk(&bare(&rs256)).unwrap();
    assert_eq!(any.keys()[0].algorithms().count(), 6);
    // A P-256 key does not do for ES384, nor does its token pass as another algorithm.
    for alg in ["ES384", "ES512", "RS256", "EdDSA"] {
        let header = json!({ "alg": alg, "kid": P256.key.kid() }).to_string();
        assert_eq!(
            outcome(&forged(&header, "{}"), &es256_keys()),
            Err(JoseError::KeyUnsuitable),
            "{alg}"
        );
        let nameless = json!({ "alg": alg }).to_string();
        assert_eq!(
            outcome(&forged(&nameless, "{}"), &es256_keys()),
            Err(JoseError::UnknownKey),
            "{alg}"
        );
    }
}

#[test]
fn threat_21_keys_kept_for_something_else_never_verify() {
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ECDH-ES")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("alg", json!("none")),
        ("key_ops", json!(["deriveBits"])),
        ("key_ops", json!([])),
    ] {
        let mut json = serde_json::to_value(bare(&P256.key)).unwrap();
        json[name] = value;
        let jwk = Jwk::from_value(json).unwrap();
        assert_eq!(
            VerifyingKey::new(&jwk).unwrap_err(),
            JoseError::UnsupportedKey,
            "{jwk:?}"
        );
    }
    let mut json = serde_json::to_value(bare(&P256.key)).unwrap();
    json["key_ops"] = json!(["verify"]);
    assert!(VerifyingKey::new(&Jwk::from_value(json).unwrap()).is_ok());
}

#[test]
fn threat_21_ecdsa_signatures_of_another_form() {
    let input = unsigned(r#"{"alg":"ES256"}"#, "{}");
    let der_pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &P256.pkcs8).unwrap();
    let der = der_pair
        .sign(&SystemRandom::new(), input.as_bytes())
        .unwrap()
        .as_ref()
        .to_vec();
    let good = encoding::decode(
        forged(r#"{"alg":"ES256"}"#, "{}")
            .rsplit('.')
            .next()
            .unwrap(),
    )
    .unwrap();
    // The order of P-256: r and s have to be below it.
    let order: Vec<u8> = [
        0xffff_ffff_u32,
        0,
        0xffff_ffff,
        0xffff_ffff,
        0xbce6_faad,
        0xa717_9e84,
        0xf3b9_cac2,
        0xfc63_2551,
    ]
    .iter()
    .flat_map(|word| word.to_be_bytes())
    .collect();
    let with_order = [&order[..], &good[32..]].concat();
    let zero_r = [&[0; 32], &good[32..]].concat();
    let zero_s = [&good[..32], &[0; 32]].concat();
    let longer = [&good[..], &[0]].concat();
    let forms = [
        der,
        vec![],
        vec![0; 64],
        with_order,
        zero_r,
        zero_s,
        longer,
        good[..63].to_vec(),
        vec![0xff; 64],
    ];
    for signature in forms {
        let token = format!("{input}.{}", encoding::encode(&signature));
        assert_eq!(
            outcome(&token, &es256_keys()),
            Err(JoseError::InvalidSignature),
            "{signature:02x?}"
        );
    }
    assert_eq!(
        outcome(
            &format!("{input}.{}", encoding::encode(&good)),
            &es256_keys()
        ),
        Ok(())
    );
}

#[test]
fn threat_21_any_changed_byte_is_noticed() {
    let keys = es256_keys();
    let token = P256
        .key
        .sign_compact(Some("JWT"), &json!({ "sub": "s" }))
        .unwrap();
    assert_eq!(outcome(&token, &keys), Ok(()));
    for at in 0..token.len() {
        for replacement in ["A", "_", ".", "=", "+", " ", "\0"] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, replacement);
            assert!(
                changed == token || outcome(&changed, &keys).is_err(),
                "{at} {replacement:?}"
            );
        }
    }
}

#[test]
fn a_token_has_one_spelling() {
    let keys = es256_keys();
    let token = P256.key.sign_compact(None, &json!({})).unwrap();
    for changed in [
        format!("{token}=="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}."),
        format!(".{token}"),
    ] {
        assert!(outcome(&changed, &keys).is_err(), "{changed}");
    }
    for text in ["", ".", "..", "...", "a.b", "a.b.c.d", "a.b.c.d.e", "é.é.é"] {
        assert!(
            matches!(
                Jws::parse(text),
                Err(JoseError::NotCompact
                    | JoseError::InvalidHeader
                    | JoseError::InvalidBase64 { .. })
            ),
            "{text}"
        );
    }
    // 64 bytes leave four unused bits in the last character; another spelling of the same bytes is refused.
    let last = token.chars().last().unwrap();
    let respelled = char::from_u32(u32::from(last) + 1).unwrap();
    assert!(Jws::parse(&format!("{}{respelled}", &token[..token.len() - 1])).is_err());
}

#[test]
fn claims_have_one_reading() {
    let keys = es256_keys();
    let duplicate = Err(JoseError::DuplicateMember { part: "payload" });
    assert_eq!(
        outcome(
            &forged(r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#),
            &keys
        ),
        duplicate
    );
    let token = forged(r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b"}"#);
    let verified = Jws::parse(&token)
        .unwrap()
        .verify(&keys, &[Algorithm::Es256])
        .unwrap();
    assert_eq!(verified.claims::<Value>().map(drop), duplicate);
    assert_eq!(
        Jws::parse(&token)
            .unwrap()
            .dangerous_unverified_claims()
            .map(drop),
        duplicate
    );
    for payload in ["", "[]", "1", "\"{}\"", "{\"a\"", "\u{0}"] {
        assert_eq!(
            outcome(&forged(r#"{"alg":"ES256"}"#, payload), &keys),
            Err(JoseError::InvalidPayload),
            "{payload}"
        );
    }
}

#[test]
fn unverified_claims_name_the_issuer_and_nothing_more() {
    let token = forged(r#"{"alg":"ES256"}"#, r#"{"iss":"i","sub":1}"#);
    let claims = Jws::parse(&token)
        .unwrap()
        .dangerous_unverified_claims()
        .unwrap();
    assert_eq!(
        (claims.str("iss"), claims.str("sub"), claims.str("aud")),
        (Some("i"), None, None)
    );
}

#[test]
fn threat_20_times_of_another_type_are_refused_in_a_signed_token() {
    let check = super::super::ClaimsCheck::at(1);
    for payload in [
        r#"{"exp":"99"}"#,
        r#"{"exp":null}"#,
        r#"{"exp":99,"nbf":"99"}"#,
        r#"{"exp":[99]}"#,
    ] {
        let token = forged(r#"{"alg":"ES256"}"#, payload);
        let verified = Jws::parse(&token)
            .unwrap()
            .verify(&es256_keys(), &[Algorithm::Es256])
            .unwrap();
        let result = check.check(&verified.claims_object().unwrap());
        assert!(
            matches!(result, Err(JoseError::WrongClaimType(_))),
            "{payload}"
        );
    }
}

#[test]
fn threat_45_long_tokens_are_refused_unread() {
    let token = format!("e30.{}.AA", "A".repeat(MAX_JWS_BYTES));
    assert_eq!(
        Jws::parse(&token).unwrap_err(),
        JoseError::TokenTooLong {
            limit: MAX_JWS_BYTES
        }
    );
    assert_eq!(
        Jws::parse_bounded("e30.e30.AA", 9).unwrap_err(),
        JoseError::TokenTooLong { limit: 9 }
    );
    let dots = ".".repeat(MAX_JWS_BYTES);
    assert_eq!(Jws::parse(&dots).unwrap_err(), JoseError::NotCompact);
}

#[test]
fn threat_45_deep_claims_are_refused_though_well_signed() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
    let token = forged(r#"{"alg":"ES256"}"#, &deep);
    assert_eq!(
        outcome(&token, &es256_keys()),
        Err(JoseError::InvalidPayload)
    );
}
