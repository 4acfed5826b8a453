//! Numbered attacks (THREATS).

use std::fmt::Write as _;

use super::*;
use crate::ground::base64url;

#[tokio::test]
async fn threat_20_required_claims_are_there_and_of_their_type() {
    let bench = Bench::local(Resource::default());
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        for value in [
            Value::Null,
            json!(true),
            json!({ "v": 1 }),
            json!([[1]]),
            json!(-1),
            json!(""),
            json!("1763700900"),
        ] {
            // Any text will do for these.
            if value == json!("1763700900") && matches!(name, "sub" | "client_id" | "jti") {
                continue;
            }
            let token = local_token(&with(local_claims(), name, value.clone()));
            let outcome = bench.outcome(&token).await;
            assert!(
                matches!(
                    outcome,
                    "bad_claims" | "untrusted_issuer" | "wrong_audience"
                ),
                "{name} {value}: {outcome}"
            );
        }
        let mut null = local_claims();
        null[name] = json!(null);
        assert_eq!(
            bench.outcome(&local_token(&null)).await,
            "bad_claims",
            "{name} null"
        );
    }
}

#[tokio::test]
async fn threat_20_optional_claims_are_of_their_type() {
    let bench = Bench::local(Resource::default());
    for (name, value) in [
        ("nbf", json!("1763700000")),
        ("nbf", json!(null)),
        ("scope", json!(["profile"])),
        ("scope", json!(null)),
        ("auth_time", json!("1763700000")),
        ("auth_time", json!(1_763_700_000_000_i64)),
        ("acr", json!(2)),
        ("amr", json!("pwd")),
        ("amr", json!(["pwd", 1])),
        ("grant_id", json!(1)),
    ] {
        let mut claims = local_claims();
        claims[name] = value.clone();
        assert_eq!(
            bench.outcome(&local_token(&claims)).await,
            "bad_claims",
            "{name} {value}"
        );
    }
    let payload = local_claims()
        .to_string()
        .replacen('{', r#"{"exp":99999999999,"#, 1);
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": KEY.key.kid() });
    let twice = forged(&KEY.pkcs8, &header, &payload);
    assert_eq!(bench.outcome(&twice).await, "malformed");
}

#[tokio::test]
async fn threat_21_the_header_chooses_nothing() {
    let bench = Bench::local(Resource::default());
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let payload = local_claims().to_string();
    let (kid, mine) = (KEY.key.kid(), &*KEY.pkcs8);
    let jwk = serde_json::to_value(attacker.key.public_jwk()).unwrap();
    for (header, pkcs8, outcome) in [
        (
            json!({ "alg": "none", "typ": "at+jwt", "kid": kid }),
            mine,
            "malformed",
        ),
        (
            json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid }),
            mine,
            "malformed",
        ),
        (json!({ "typ": "at+jwt", "kid": kid }), mine, "malformed"),
        (
            json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "crit": ["x"], "x": 1 }),
            mine,
            "malformed",
        ),
        (
            json!({ "alg": "RS256", "typ": "at+jwt", "kid": kid }),
            mine,
            "algorithm_not_allowed",
        ),
        (
            json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }),
            &*attacker.pkcs8,
            "bad_signature",
        ),
        (
            json!({ "alg": "ES256", "typ": "at+jwt" }),
            &*attacker.pkcs8,
            "bad_signature",
        ),
        (
            json!({ "alg": "ES256", "typ": "at+jwt", "jwk": jwk }),
            &*attacker.pkcs8,
            "bad_signature",
        ),
        (
            json!({ "alg": "ES256", "typ": "at+jwt", "jwk": jwk, "kid": attacker.key.kid() }),
            &*attacker.pkcs8,
            "unknown_key",
        ),
        (
            json!({ "alg": "ES256", "typ": "at+jwt", "kid": "k", "jku": "https://evil.example/keys" }),
            &*attacker.pkcs8,
            "unknown_key",
        ),
        (
            json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }),
            mine,
            "accepted",
        ),
    ] {
        let token = forged(pkcs8, &header, &payload);
        assert_eq!(bench.outcome(&token).await, outcome, "{header}");
    }
    // `none` as the old attack spells it: an empty signature.
    let header = base64url(br#"{"alg":"none","typ":"at+jwt"}"#);
    let token = format!("{header}.{}.", base64url(payload.as_bytes()));
    assert_eq!(bench.outcome(&token).await, "malformed");
}

#[tokio::test]
async fn threat_42_a_token_bound_to_a_key_is_no_bearer_token() {
    let bench = Bench::local(Resource::default());
    for cnf in [
        json!({ "jkt": "x" }),
        json!({ "x5t#S256": "x" }),
        json!({}),
        json!("x"),
    ] {
        let token = local_token(&with(local_claims(), "cnf", cnf));
        assert_eq!(bench.outcome(&token).await, "sender_constrained");
    }
    let mut null = local_claims();
    null["cnf"] = json!(null);
    assert_eq!(
        bench.outcome(&local_token(&null)).await,
        "sender_constrained"
    );
}

#[tokio::test]
async fn threat_45_long_and_deep_tokens_are_refused() {
    let bench = Bench::local(Resource::default());
    let long = local_token(&with(local_claims(), "x", json!("y".repeat(20_000))));
    assert_eq!(bench.outcome(&long).await, "malformed");
    let deep = format!(
        r#"{{"iss":"{BASE}","x":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": KEY.key.kid() });
    let deep = forged(&KEY.pkcs8, &header, &deep);
    assert_eq!(bench.outcome(&deep).await, "malformed");
    for garbage in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "=",
        "a.b.c.d.e",
    ] {
        assert_ne!(bench.outcome(garbage).await, "accepted", "{garbage}");
    }
}

/// Everything written to the log, whoever writes it.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<String>>);

impl Log {
    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn keep(&self, what: &impl std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{what:?}").unwrap();
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        self.keep(span);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        self.keep(values);
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.keep(event);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn threat_50_neither_debug_nor_log_nor_answer_has_the_token() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let bench = Bench::local(Resource::default());
    let good = local_token(&with(local_claims(), "email", json!("ann@example.com")));
    let expired = local_token(&with(local_claims(), "exp", json!(START)));
    let odd = format!("{good}\u{7f}");
    let mut seen = String::new();
    let accepted = bench.send(&good).await.unwrap();
    write!(seen, "{accepted:?}").unwrap();
    assert!(!seen.contains("ann@example.com") && seen.contains("user-1"));
    let token_of = |value: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        headers
    };
    let two_words = format!("Bearer {good} {good}");
    for headers in [
        bearer(&expired),
        bearer("garbage.token.value"),
        token_of(two_words.as_bytes()),
    ] {
        let refused = bench.wing.access_token(&headers).await.unwrap_err();
        write!(seen, "{refused:?} {refused} {:?}", refused.respond()).unwrap();
    }
    assert!(HeaderValue::from_str(&odd).is_err());
    bench.local.down.store(true, Ordering::SeqCst);
    let refused = bench.send(&good).await.unwrap_err();
    write!(seen, "{refused:?} {:?}", refused.respond()).unwrap();
    write!(seen, "{:?}", bench.events.0.lock().unwrap()).unwrap();
    let logged = log.text();
    assert!(logged.contains("cannot be found out"), "{logged}");
    seen += &logged;
    for token in [&good, &expired] {
        for part in token.split('.').skip(1) {
            assert!(!seen.contains(part), "{seen}");
        }
    }
    assert!(!seen.contains("garbage.token"));
}
