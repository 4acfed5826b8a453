//! Every algorithm, from key to claims.

use serde::Deserialize;
use serde_json::json;

use super::super::{
    Algorithm, JoseError, Jwk, JwkSet, Jws, RsaKeySize, SigningKey, VerificationKeys, VerifyingKey,
};
use super::{P256, RSA, key_for, keys_of};

#[derive(Debug, Deserialize, PartialEq)]
struct Subject {
    sub: String,
}

#[test]
fn every_algorithm() {
    for algorithm in Algorithm::ALL {
        let (key, _) = key_for(algorithm);
        let set = serde_json::to_vec(&JwkSet::new(vec![key.public_jwk().clone()])).unwrap();
        let keys = VerificationKeys::from_set(&JwkSet::parse(&set).unwrap());
        assert_eq!(
            keys.keys()
                .iter()
                .flat_map(VerifyingKey::algorithms)
                .collect::<Vec<_>>(),
            [algorithm]
        );
        for typ in [
            None,
            Some("JWT"),
            Some("at+jwt"),
            Some("logout+jwt"),
            Some("dpop+jwt"),
        ] {
            let token = key.sign_compact(typ, &json!({ "sub": "jöhn" })).unwrap();
            let jws = Jws::parse(&token).unwrap();
            assert_eq!(
                (jws.algorithm(), jws.kid(), jws.typ()),
                (algorithm, Some(key.kid()), typ)
            );
            let verified = jws.verify(&keys, &[algorithm]).unwrap();
            assert_eq!(
                verified.claims::<Subject>().unwrap(),
                Subject {
                    sub: "jöhn".to_owned()
                }
            );
            assert_eq!(
                verified.claims_object().unwrap().require_str("sub"),
                Ok("jöhn")
            );
            assert_eq!(
                (verified.algorithm(), verified.kid(), verified.typ()),
                (algorithm, Some(key.kid()), typ)
            );
            assert_eq!(
                verified.require_typ("application/at+jwt").is_ok(),
                typ == Some("at+jwt")
            );
        }
    }
}

#[test]
fn keys_survive_storage_and_keep_their_name() {
    for algorithm in [Algorithm::Ps256, Algorithm::Es384, Algorithm::EdDsa] {
        let (key, pkcs8) = key_for(algorithm);
        assert_eq!(key.kid(), key.public_jwk().thumbprint());
        assert_eq!(
            SigningKey::from_pkcs8(algorithm, None, &pkcs8)
                .unwrap()
                .public_jwk(),
            key.public_jwk()
        );
        let renamed = SigningKey::from_pkcs8(algorithm, Some("a \"name\""), &pkcs8).unwrap();
        let token = renamed.sign_compact(None, &json!({})).unwrap();
        assert_eq!(Jws::parse(&token).unwrap().kid(), Some("a \"name\""));
        Jws::parse(&token)
            .unwrap()
            .verify(&keys_of(&renamed), &[algorithm])
            .unwrap();
        assert_eq!(
            Jws::parse(&token)
                .unwrap()
                .verify(&keys_of(&key), &[algorithm])
                .unwrap_err(),
            JoseError::UnknownKey
        );
        assert_eq!(renamed.public_jwk().thumbprint(), key.kid());
    }
}

#[test]
fn a_private_key_of_another_algorithm_is_refused() {
    let rejected =
        |algorithm, pkcs8: &[u8]| SigningKey::from_pkcs8(algorithm, None, pkcs8).is_err();
    assert!(rejected(Algorithm::Es384, &P256.pkcs8));
    assert!(rejected(Algorithm::EdDsa, &P256.pkcs8));
    assert!(rejected(Algorithm::Rs256, &P256.pkcs8));
    assert!(rejected(Algorithm::Es256, &RSA.pkcs8));
    assert!(rejected(Algorithm::Es256, &[]));
    assert!(rejected(
        Algorithm::Es256,
        &P256.pkcs8[..P256.pkcs8.len() - 1]
    ));
}

#[test]
fn a_larger_rsa_key() {
    let generated = SigningKey::generate_sized(Algorithm::Ps384, RsaKeySize::Bits3072).unwrap();
    let token = generated.key.sign_compact(Some("JWT"), &json!({})).unwrap();
    assert_eq!(token.rsplit('.').next().unwrap().len(), 512);
    Jws::parse(&token)
        .unwrap()
        .verify(&keys_of(&generated.key), &[Algorithm::Ps384])
        .unwrap();
}

#[test]
fn only_objects_are_signed() {
    for claims in [json!([]), json!("{"), json!(null), json!(1)] {
        assert_eq!(
            P256.key.sign_compact(None, &claims),
            Err(JoseError::ClaimsNotAnObject)
        );
    }
}

#[test]
fn debug_tells_no_secret() {
    let shown = format!("{:?}", *P256);
    let pkcs8 = format!("{:?}", P256.pkcs8.as_slice());
    assert!(
        shown.contains(P256.key.kid()) && !shown.contains(&pkcs8[1..60]) && shown.len() < 200,
        "{shown}"
    );
}

#[test]
fn a_public_jwk_shows_its_purpose_and_nothing_private() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es512, Algorithm::EdDsa] {
        let (key, _) = key_for(algorithm);
        let json = serde_json::to_value(key.public_jwk()).unwrap();
        assert_eq!(
            (&json["use"], &json["alg"], &json["kid"]),
            (&json!("sig"), &json!(algorithm.name()), &json!(key.kid()))
        );
        assert!(
            ["d", "p", "q", "dp", "dq", "qi", "k"]
                .iter()
                .all(|name| json.get(name).is_none())
        );
        assert_eq!(Jwk::from_value(json).unwrap(), *key.public_jwk());
    }
}
