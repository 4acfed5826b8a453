//! Against another implementation, both ways. It has no ES512.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::super::{Algorithm, Jws};
use super::{key_for, keys_of};

const COMMON: [(Algorithm, jsonwebtoken::Algorithm); 9] = [
    (Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
    (Algorithm::Rs384, jsonwebtoken::Algorithm::RS384),
    (Algorithm::Rs512, jsonwebtoken::Algorithm::RS512),
    (Algorithm::Ps256, jsonwebtoken::Algorithm::PS256),
    (Algorithm::Ps384, jsonwebtoken::Algorithm::PS384),
    (Algorithm::Ps512, jsonwebtoken::Algorithm::PS512),
    (Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
    (Algorithm::Es384, jsonwebtoken::Algorithm::ES384),
    (Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA),
];

fn encoding_key(algorithm: Algorithm, pkcs8: &[u8]) -> EncodingKey {
    match algorithm {
        // It wants the `RSAPrivateKey` inside; the wrapping of a 2048-bit key is 26 bytes.
        _ if algorithm.is_rsa() => EncodingKey::from_rsa_der(&pkcs8[26..]),
        Algorithm::EdDsa => EncodingKey::from_ed_der(pkcs8),
        _ => EncodingKey::from_ec_der(pkcs8),
    }
}

#[test]
fn we_sign_they_verify() {
    for (ours, theirs) in COMMON {
        let (key, _) = key_for(ours);
        let token = key
            .sign_compact(
                Some("at+jwt"),
                &json!({ "sub": "s", "exp": 4_000_000_000_u64 }),
            )
            .unwrap();
        let jwk: jsonwebtoken::jwk::Jwk =
            serde_json::from_value(serde_json::to_value(key.public_jwk()).unwrap()).unwrap();
        let data = jsonwebtoken::decode::<Value>(
            &token,
            &DecodingKey::from_jwk(&jwk).unwrap(),
            &Validation::new(theirs),
        );
        let data = data.unwrap();
        assert_eq!(data.claims["sub"], "s");
        assert_eq!(data.header.kid.as_deref(), Some(key.kid()));
        assert_eq!(data.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(
            jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
                .unwrap(),
            key.kid()
        );
    }
}

#[test]
fn they_sign_we_verify() {
    for (ours, theirs) in COMMON {
        let (key, pkcs8) = key_for(ours);
        for kid in [None, Some(key.kid().to_owned())] {
            let header = Header {
                kid,
                ..Header::new(theirs)
            };
            let token =
                jsonwebtoken::encode(&header, &json!({ "sub": "s" }), &encoding_key(ours, &pkcs8))
                    .unwrap();
            let verified = Jws::parse(&token)
                .unwrap()
                .verify(&keys_of(&key), &[ours])
                .unwrap();
            assert_eq!(
                verified.claims_object().unwrap().require_str("sub"),
                Ok("s")
            );
            verified.require_typ("JWT").unwrap();
        }
    }
}
