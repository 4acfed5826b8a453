//! Answers encrypted to this app.

use super::*;
use crate::ground::jose::Jwk;
use crate::ground::jose::jwe::test_keys::{decryption_key, p256, p384, public, x25519};

fn jwk(private: Value) -> Jwk {
    Jwk::from_value(public(private)).unwrap()
}

async fn bench() -> Bench {
    let keys = || [decryption_key(&p256()), decryption_key(&x25519())];
    Bench::with(|upstream| upstream.decryption_keys(keys())).await
}

#[tokio::test]
async fn encrypted_answers_are_read() {
    let bench = bench().await;
    for key in [p256(), x25519()] {
        for signed in [false, true] {
            bench.provider.bend(|faults| {
                faults.no_claim("name");
                faults.encrypts_to = Some(jwk(key.clone()));
                faults.signs_user_info = signed;
            });
            let proven = bench.sign_in().await;
            assert_eq!(outcome(&proven), "proven", "{signed}");
            let proven = proven.ok().unwrap();
            assert_eq!(proven.profile.name.as_deref(), Some("Ada Lovelace"));
            // A hint at sign-out is the signed token (OpenID Connect Core §3.1.2.1).
            let hint = proven.id_token.unwrap();
            assert_eq!(hint.split('.').count(), 3);
            bench.provider.straighten();
        }
    }
}

#[tokio::test]
async fn what_is_inside_is_checked_all_the_same() {
    let bench = bench().await;
    let mut expected = vec![
        "id_token_signature",
        "id_token_audience",
        "id_token_algorithm",
    ];
    for bend in [
        (|faults| faults.signature = true) as fn(&mut Faults),
        |faults| faults.claim("aud", json!("other")),
        |faults| faults.header = vec![set("alg", json!("none"))],
    ] {
        let outcome = bench
            .bent(|faults| {
                faults.encrypts_to = Some(jwk(p256()));
                bend(faults);
            })
            .await;
        assert_eq!(outcome, expected.remove(0));
    }
}

#[tokio::test]
async fn encrypted_to_somebody_else() {
    let bench = bench().await;
    let outcome = bench
        .bent(|faults| faults.encrypts_to = Some(jwk(p384())))
        .await;
    assert_eq!(outcome, "id_token_encryption");
    // No key at all.
    let bench = Bench::start().await;
    let outcome = bench
        .bent(|faults| faults.encrypts_to = Some(jwk(p256())))
        .await;
    assert_eq!(outcome, "id_token_encryption");
}
