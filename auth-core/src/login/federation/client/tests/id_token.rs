//! ID tokens of a provider that is not honest, or not in order (OpenID Connect Core §3.1.3.7).

use super::*;

#[tokio::test]
async fn wrong_issuer() {
    let bench = Bench::start().await;
    for issuer in [
        json!("https://evil.example.com"),
        json!(format!("{}/", bench.provider.issuer())),
    ] {
        let outcome = bench.bent(|faults| faults.claim("iss", issuer)).await;
        assert_eq!(outcome, "id_token_issuer");
    }
    for issuer in [json!(7), json!(""), Value::Null] {
        let outcome = bench.bent(|faults| faults.claim("iss", issuer)).await;
        assert_eq!(outcome, "id_token");
    }
    let outcome = bench.bent(|faults| faults.no_claim("iss")).await;
    assert_eq!(outcome, "id_token");
}

#[tokio::test]
async fn wrong_audience() {
    let bench = Bench::start().await;
    for audience in [json!("other"), json!(["other"]), json!([]), json!("App")] {
        let outcome = bench.bent(|faults| faults.claim("aud", audience)).await;
        assert_eq!(outcome, "id_token_audience");
    }
    let outcome = bench.bent(|faults| faults.no_claim("aud")).await;
    assert_eq!(outcome, "id_token_audience");
    for audience in [json!(7), json!({ "app": 1 }), json!(["app", 7])] {
        let outcome = bench.bent(|faults| faults.claim("aud", audience)).await;
        assert_eq!(outcome, "id_token");
    }
}

#[tokio::test]
async fn wrong_azp() {
    let bench = Bench::start().await;
    for (audience, party, expected) in [
        (json!("app"), json!("app"), "proven"),
        (json!("app"), json!("other"), "id_token_azp"),
        (json!("app"), json!(""), "id_token_azp"),
        (json!(["app", "other"]), json!("app"), "proven"),
        (json!(["app", "other"]), json!("other"), "id_token_azp"),
    ] {
        let outcome = bench
            .bent(|faults| {
                faults.claim("aud", audience.clone());
                faults.claim("azp", party);
            })
            .await;
        assert_eq!(outcome, expected, "{audience}");
    }
    let several = json!(["app", "other"]);
    let outcome = bench.bent(|faults| faults.claim("aud", several)).await;
    assert_eq!(outcome, "id_token_azp");
}

#[tokio::test]
async fn wrong_nonce() {
    let bench = Bench::start().await;
    let outcome = bench
        .bent(|faults| faults.claim("nonce", json!("other")))
        .await;
    assert_eq!(outcome, "id_token_nonce");
    let outcome = bench.bent(|faults| faults.no_claim("nonce")).await;
    assert_eq!(outcome, "id_token_nonce");
    let outcome = bench
        .bent(|faults| faults.claim("nonce", Value::Null))
        .await;
    assert_eq!(outcome, "id_token_nonce");
}

#[tokio::test]
async fn threat_38_a_nonce_of_another_attempt() {
    let bench = Bench::start().await;
    let (mut secrets, response) = bench.asked(&Ask::default(), &ada()).await;
    secrets.nonce = bench.client.draw(&SystemRandom).nonce;
    let injected = bench.redeem(&secrets, &response).await;
    assert_eq!(outcome(&injected), "id_token_nonce");
}

#[tokio::test]
async fn wrong_signature() {
    let bench = Bench::start().await;
    let outcome = bench.bent(|faults| faults.signature = true).await;
    assert_eq!(outcome, "id_token_signature");
    // Another provider's honest token.
    let other = Bench::start().await;
    let claims = json!({
        "iss": bench.provider.issuer(), "aud": CLIENT, "sub": "x", "nonce": "n",
        "iat": START, "exp": START + 300,
    });
    let token = other.provider.sign(None, &claims);
    let outcome = bench
        .bent(|faults| faults.token = vec![set("id_token", json!(token))])
        .await;
    assert_eq!(outcome, "id_token_signature");
}

#[tokio::test]
async fn signed_by_rs256() {
    let bench = Bench::start().await;
    bench.provider.add_rsa_key();
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    let token = bench.sign_in().await.ok().unwrap().id_token.unwrap();
    let header = token
        .split('.')
        .next()
        .and_then(crate::ground::from_base64url);
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    assert_eq!(header["alg"], "RS256");
}

#[tokio::test]
async fn wrong_signature_by_rs256() {
    let bench = Bench::start().await;
    bench.provider.add_rsa_key();
    let outcome = bench.bent(|faults| faults.signature = true).await;
    assert_eq!(outcome, "id_token_signature");
}

#[tokio::test]
async fn threat_21_none_and_shared_secrets() {
    let bench = Bench::start().await;
    for algorithm in [
        json!("none"),
        json!("HS256"),
        json!("hs256"),
        json!("ES256K"),
        json!(7),
    ] {
        let outcome = bench
            .bent(|faults| faults.header = vec![set("alg", algorithm.clone())])
            .await;
        let expected = if algorithm == json!(7) {
            "id_token"
        } else {
            "id_token_algorithm"
        };
        assert_eq!(outcome, expected, "{algorithm}");
    }
    // Known, but not what the key is for.
    for algorithm in ["ES384", "RS256", "EdDSA"] {
        let outcome = bench
            .bent(|faults| faults.header = vec![set("alg", json!(algorithm))])
            .await;
        assert_eq!(outcome, "id_token_key", "{algorithm}");
    }
}

#[tokio::test]
async fn threat_21_only_listed_algorithms() {
    use crate::ground::jose::Algorithm;
    let bench = Bench::with(|upstream| upstream.algorithms([Algorithm::Rs256])).await;
    let unsaid = without("id_token_signing_alg_values_supported");
    bench.provider.bend(|faults| faults.metadata = vec![unsaid]);
    assert_eq!(outcome(&bench.sign_in().await), "id_token_algorithm");
    // Nobody is sent there in vain.
    let bench = Bench::with(|upstream| upstream.algorithms([Algorithm::Rs256])).await;
    let secrets = bench.client.draw(&SystemRandom);
    let ask = Ask::default();
    let url = bench
        .client
        .authorization_url(&secrets, &ask, bench.now())
        .await;
    assert_eq!(reason(&url.unwrap_err()), "id_token_algorithm");
    let bench = Bench::with(|upstream| upstream.algorithms([Algorithm::Es256])).await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
}

#[tokio::test]
async fn threat_21_headers_that_bring_keys_or_extensions() {
    let bench = Bench::start().await;
    for (name, value, expected) in [
        ("crit", json!(["exp"]), "id_token_type"),
        ("crit", Value::Null, "id_token_type"),
        ("typ", json!("at+jwt"), "id_token_type"),
        ("typ", json!("logout+jwt"), "id_token_type"),
        ("typ", json!("application/jwt"), "proven"),
        ("kid", Value::Null, "id_token"),
        // Not looked at.
        ("jku", json!("https://evil.example.com/keys"), "proven"),
    ] {
        let outcome = bench
            .bent(|faults| faults.header = vec![set(name, value.clone())])
            .await;
        assert_eq!(outcome, expected, "{name} {value}");
    }
}

#[tokio::test]
async fn expired() {
    let bench = Bench::start().await;
    for (exp, expected) in [(START - 59, "proven"), (START - 60, "id_token_time")] {
        let outcome = bench.bent(|faults| faults.claim("exp", json!(exp))).await;
        assert_eq!(outcome, expected);
    }
    let outcome = bench.bent(|faults| faults.no_claim("exp")).await;
    assert_eq!(outcome, "id_token");
}

#[tokio::test]
async fn issued_in_the_future_or_long_ago() {
    let bench = Bench::start().await;
    for (iat, expected) in [
        (START + 60, "proven"),
        (START + 61, "id_token_time"),
        (START - 86_460, "proven"),
        (START - 86_461, "id_token_time"),
    ] {
        let outcome = bench.bent(|faults| faults.claim("iat", json!(iat))).await;
        assert_eq!(outcome, expected, "{iat}");
    }
    let outcome = bench.bent(|faults| faults.no_claim("iat")).await;
    assert_eq!(outcome, "id_token");
    let outcome = bench
        .bent(|faults| faults.claim("nbf", json!(START + 61)))
        .await;
    assert_eq!(outcome, "id_token_time");
}

#[tokio::test]
async fn threat_20_times_of_another_type() {
    let bench = Bench::start().await;
    for name in ["exp", "iat", "nbf", "auth_time"] {
        for value in [
            json!((START + 100).to_string()),
            json!("2099-01-01T00:00:00Z"),
            json!(true),
            json!([START]),
            json!({}),
            Value::Null,
            json!(START * 1000),
        ] {
            // A future time is no reason here: what counts is that none of these is skipped.
            let ask = Ask {
                max_age: Some(3600),
                ..Ask::default()
            };
            bench
                .provider
                .bend(|faults| faults.claim(name, value.clone()));
            let result = bench.sign_in_asking(&ask, &ada()).await;
            bench.provider.straighten();
            let outcome = outcome(&result);
            let expected = ["id_token", "id_token_time", "id_token_auth_time"];
            assert!(
                expected.contains(&outcome.as_str()),
                "{name} {value}: {outcome}"
            );
        }
    }
}

#[tokio::test]
async fn threat_07_missing_or_empty_subject() {
    let bench = Bench::start().await;
    let long = "x".repeat(256);
    for (subject, expected) in [
        (json!(""), "id_token_subject"),
        (json!(" "), "id_token_subject"),
        (json!("a\nb"), "id_token_subject"),
        (json!(long), "id_token_subject"),
        (json!(7), "id_token"),
        (json!([]), "id_token"),
        (Value::Null, "id_token"),
    ] {
        let outcome = bench
            .bent(|faults| {
                faults.claim("sub", subject.clone());
                faults.user_info = vec![set("sub", subject.clone())];
            })
            .await;
        assert_eq!(outcome, expected, "{subject}");
    }
    let outcome = bench.bent(|faults| faults.no_claim("sub")).await;
    assert_eq!(outcome, "id_token");
}

#[tokio::test]
async fn threat_08_nothing_but_the_subject_names_a_person() {
    let bench = Bench::start().await;
    let person = |subject: &str| {
        FakePerson::new(subject)
            .email("same@example.com", true)
            .claim("preferred_username", json!("same"))
    };
    let mut subjects = Vec::new();
    for subject in ["one", "One", "two"] {
        let proven = bench
            .sign_in_asking(&Ask::default(), &person(subject))
            .await;
        subjects.push(proven.ok().unwrap().subject);
    }
    assert_eq!(subjects, ["one", "One", "two"]);
}

#[tokio::test]
async fn bad_at_hash() {
    let bench = Bench::start().await;
    for (hash, expected) in [
        (json!("77QmUPtjPfzWtF2AnpK9RQ"), "id_token_at_hash"),
        (json!(""), "id_token_at_hash"),
    ] {
        let outcome = bench.bent(|faults| faults.claim("at_hash", hash)).await;
        assert_eq!(outcome, expected);
    }
    // Another access token than the one it was made for.
    let outcome = bench
        .bent(|faults| faults.token = vec![set("access_token", json!("stolen"))])
        .await;
    assert_eq!(outcome, "id_token_at_hash");
    let outcome = bench.bent(|faults| faults.no_claim("at_hash")).await;
    assert_eq!(outcome, "proven");
}

#[tokio::test]
async fn bad_c_hash() {
    use crate::ground::jose::{Algorithm, left_half_hash};
    let bench = Bench::start().await;
    let wrong = json!("LDktKdoQak3Pk0cnXxCltA");
    let outcome = bench.bent(|faults| faults.claim("c_hash", wrong)).await;
    assert_eq!(outcome, "id_token_c_hash");
    let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
    let code = response.parameter("code").unwrap();
    let right = json!(left_half_hash(Algorithm::Es256, code));
    bench.provider.bend(|faults| faults.claim("c_hash", right));
    assert_eq!(outcome_of(&bench, &secrets, &response).await, "proven");
}

async fn outcome_of(bench: &Bench, secrets: &AttemptSecrets, response: &FakeResponse) -> String {
    outcome(&bench.redeem(secrets, response).await)
}

#[tokio::test]
async fn max_age_is_held_against_auth_time() {
    let bench = Bench::start().await;
    let ask = Ask {
        max_age: Some(100),
        ..Ask::default()
    };
    for (auth_time, expected) in [
        (START, "proven"),
        (START - 160, "proven"),
        (START - 161, "not_fresh"),
        (START + 61, "id_token_auth_time"),
    ] {
        let person = ada().signed_in_at(auth_time);
        let result = bench.sign_in_asking(&ask, &person).await;
        assert_eq!(outcome(&result), expected, "{auth_time}");
    }
    bench.provider.bend(|faults| faults.no_claim("auth_time"));
    // What it means that it is missing depends on what the person was sent there for.
    let result = bench.sign_in_asking(&ask, &ada()).await;
    assert_eq!(outcome(&result), "proven");
    assert_eq!(outcome(&bench.sign_in().await), "proven");
}

/// A second factor or a consent comes after `auth_time` and before the answer.
#[tokio::test]
async fn max_age_is_measured_from_when_the_person_was_sent_there() {
    for max_age in [0, 1, 30] {
        let ask = Ask {
            max_age: Some(max_age),
            ..Ask::default()
        };
        let oldest = START - 60 - i64::try_from(max_age).unwrap();
        for (auth_time, expected) in [(oldest, "proven"), (oldest - 1, "not_fresh")] {
            let bench = Bench::start().await;
            let person = ada().signed_in_at(auth_time);
            let long = Duration::from_mins(10);
            let result = bench.sign_in_over(&ask, &person, long).await;
            assert_eq!(outcome(&result), expected, "{max_age} {auth_time}");
        }
    }
}

#[tokio::test]
async fn an_essential_acr_is_insisted_on() {
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["gold"]}}}"#;
    let bench = Bench::with(|upstream| upstream.parameter("claims", claims)).await;
    for (acr, expected) in [
        (json!("gold"), "proven"),
        (json!("silver"), "id_token_acr"),
        (json!(["gold"]), "id_token"),
    ] {
        bench
            .provider
            .bend(|faults| faults.claim("acr", acr.clone()));
        assert_eq!(outcome(&bench.sign_in().await), expected, "{acr}");
        bench.provider.straighten();
    }
    assert_eq!(outcome(&bench.sign_in().await), "id_token_acr");
    // A wish is none.
    let claims = r#"{"id_token":{"acr":{"values":["gold"]}}}"#;
    let bench = Bench::with(|upstream| upstream.parameter("claims", claims)).await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
}

#[tokio::test]
async fn no_id_token_or_something_else() {
    let bench = Bench::start().await;
    let outcome = bench
        .bent(|faults| faults.token = vec![without("id_token")])
        .await;
    assert_eq!(outcome, "id_token_missing");
    let huge = "x".repeat(16 * 1024 + 1);
    for token in ["", "x", "a.b.c", "a.b.c.d", "a.b.c.d.e.f", &huge] {
        let outcome = bench
            .bent(|faults| faults.token = vec![set("id_token", json!(token))])
            .await;
        assert_eq!(outcome, "id_token");
    }
}

#[tokio::test]
async fn claims_that_providers_write_in_their_own_way() {
    let bench = Bench::start().await;
    for (name, value) in [
        ("email_verified", json!("true")),
        ("updated_at", json!("2025-01-02T03:04:05.678Z")),
        ("updated_at", json!(1_700_000_000)),
        ("picture", Value::Null),
        ("amr", json!(["pwd"])),
    ] {
        let outcome = bench.bent(|faults| faults.claim(name, value.clone())).await;
        assert_eq!(outcome, "proven", "{name} {value}");
    }
}
