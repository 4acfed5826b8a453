//! JWTs and JWK sets.

use std::panic::AssertUnwindSafe;

use auth_core::ground::base64url;
use auth_core::ground::jose::{
    Algorithm, JwkSet, Jws, SigningKey, VerificationKeys, dangerous_unsigned_claims,
};
use bolero::TypeGenerator;
use serde_json::{Value, json};

/// A token whose parts are mostly what they should be.
#[derive(Clone, Debug, TypeGenerator)]
enum Text {
    Raw(String),
    Parts(Vec<u8>, Vec<u8>, Vec<u8>),
    Header(u8, Member, Vec<u8>),
}

/// A member of a JSON object.
#[derive(Clone, Debug, TypeGenerator)]
enum Member {
    None,
    Crit,
    Number(i64),
    Text(String),
    Nested(u8),
}

impl Member {
    fn value(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Crit => json!(["exp"]),
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Nested(depth) => (0..*depth).fold(json!(1), |inner, _| json!({ "kty": inner })),
        }
    }
}

const NAMES: [&str; 8] = ["alg", "typ", "kid", "crit", "b64", "jwk", "zip", "jku"];

impl Text {
    fn token(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Parts(header, payload, signature) => {
                let [header, payload, signature] =
                    [header, payload, signature].map(|part| base64url(part));
                format!("{header}.{payload}.{signature}")
            }
            Self::Header(name, member, signature) => {
                let mut header = json!({ "alg": "ES256" });
                header[NAMES[usize::from(*name) % NAMES.len()]] = member.value();
                let header = base64url(header.to_string().as_bytes());
                format!("{header}.{}.{}", base64url(b"{}"), base64url(signature))
            }
        }
    }
}

#[test]
fn jwt() {
    let key = SigningKey::generate(Algorithm::Es256).expect("a key");
    let own = json!({ "keys": [key.key.public_jwk()] }).to_string();
    let own = JwkSet::parse(own.as_bytes()).expect("a key set");
    let keys = AssertUnwindSafe(VerificationKeys::from_set(&own));
    bolero::check!().with_type::<Text>().for_each(|text| {
        let token = text.token();
        let _ = dangerous_unsigned_claims(&token);
        if let Ok(jws) = Jws::parse(&token) {
            assert!(
                jws.verify(&keys, &Algorithm::ALL).is_err(),
                "forged: {token}"
            );
            let _ = jws.dangerous_unverified_claims();
            let _ = jws.dangerous_embedded_jwk();
        }
    });
}

#[test]
fn jwk_set() {
    const MEMBERS: [&str; 12] = [
        "kty", "crv", "x", "y", "n", "e", "d", "use", "alg", "kid", "key_ops", "keys",
    ];
    type Key = Vec<(u8, Member)>;
    bolero::check!()
        .with_type::<(Vec<Key>, Vec<u8>)>()
        .for_each(|(keys, raw)| {
            let keys = keys.iter().map(|members| {
                let mut key = json!({ "kty": "EC", "crv": "P-256" });
                for (name, member) in members {
                    key[MEMBERS[usize::from(*name) % MEMBERS.len()]] = member.value();
                }
                key
            });
            let set = json!({ "keys": keys.collect::<Vec<_>>() }).to_string();
            for text in [set.as_bytes(), raw.as_slice()] {
                if let Ok(set) = JwkSet::parse(text) {
                    let _ = VerificationKeys::from_set(&set);
                }
            }
        });
}
