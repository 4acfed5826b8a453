//! Tokens of the app's own provider.

use super::*;
use crate::resource::ScopeSet;
use crate::store::GrantId;

#[tokio::test]
async fn a_good_token_says_who_and_what() {
    let bench = Bench::local(Resource::default());
    let mut claims = local_claims();
    claims["auth_time"] = json!(START - 60);
    claims["acr"] = json!("urn:two");
    claims["amr"] = json!(["pwd", "otp"]);
    claims["grant_id"] = json!("grant-1");
    claims["tenant"] = json!({ "id": 7 });
    let token = bench.send(&local_token(&claims)).await.unwrap();
    assert_eq!(token.subject(), "user-1");
    assert_eq!(token.client_id(), "client-1");
    assert_eq!(token.issuer(), BASE);
    assert_eq!(*token.scopes(), ScopeSet::parse("reports:read profile"));
    assert_eq!(token.expires_at(), Timestamp::from_seconds(START + 900));
    assert_eq!(token.auth_time(), Some(Timestamp::from_seconds(START - 60)));
    assert_eq!(token.acr(), Some("urn:two"));
    assert_eq!(token.amr(), ["pwd", "otp"]);
    assert_eq!(token.grant_id(), Some(&GrantId::new("grant-1")));
    assert_eq!(token.claims().get("tenant"), Some(&json!({ "id": 7 })));
    assert!(bench.reasons().is_empty());
}

#[tokio::test]
async fn optional_claims_may_be_absent() {
    let bench = Bench::local(Resource::default());
    let claims = with(local_claims(), "scope", Value::Null);
    let token = bench.send(&local_token(&claims)).await.unwrap();
    assert!(token.scopes().is_empty());
    assert!(token.auth_time().is_none() && token.acr().is_none() && token.grant_id().is_none());
    assert!(token.amr().is_empty());
}

#[tokio::test]
async fn the_scheme_is_case_insensitive_and_type_may_be_long() {
    let bench = Bench::local(Resource::default());
    let token = local_token(&local_claims());
    for scheme in ["bearer", "BEARER", "Bearer  "] {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("{scheme} {token}").parse().unwrap());
        assert!(bench.wing.access_token(&headers).await.is_ok(), "{scheme}");
    }
    for typ in ["AT+JWT", "application/at+jwt"] {
        let token = KEY.key.sign_compact(Some(typ), &local_claims()).unwrap();
        assert_eq!(bench.outcome(&token).await, "accepted", "{typ}");
    }
}

#[tokio::test]
async fn the_end_is_exact_and_the_start_forgives_another_node() {
    let bench = Bench::local(Resource::default());
    let token = local_token(&local_claims());
    bench.advance(Duration::from_millis(899_999));
    assert_eq!(bench.outcome(&token).await, "accepted");
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.outcome(&token).await, "expired");

    let bench = Bench::local(Resource::default());
    for (name, ahead, outcome) in [
        ("iat", 600, "accepted"),
        ("iat", 601, "not_yet_valid"),
        ("nbf", 600, "accepted"),
        ("nbf", 601, "not_yet_valid"),
    ] {
        let claims = with(local_claims(), name, json!(START + ahead));
        assert_eq!(
            bench.outcome(&local_token(&claims)).await,
            outcome,
            "{name} {ahead}"
        );
    }
}

#[tokio::test]
async fn audiences_are_exact() {
    let bench = Bench::local(Resource::default());
    for (audience, outcome) in [
        (json!(BASE), "accepted"),
        (json!(["https://other.example", BASE]), "accepted"),
        (json!("https://other.example"), "wrong_audience"),
        (json!(format!("{BASE}/")), "wrong_audience"),
        (json!([]), "bad_claims"),
        (json!([BASE, 1]), "bad_claims"),
    ] {
        let token = local_token(&with(local_claims(), "aud", audience.clone()));
        assert_eq!(bench.outcome(&token).await, outcome, "{audience}");
    }
    // A named audience takes the place of the base URL.
    let bench = Bench::local(Resource::default().audience("urn:reports"));
    assert_eq!(
        bench.outcome(&local_token(&local_claims())).await,
        "wrong_audience"
    );
    let token = local_token(&with(local_claims(), "aud", json!("urn:reports")));
    assert_eq!(bench.outcome(&token).await, "accepted");
}

#[tokio::test]
async fn another_issuer_is_not_trusted() {
    let bench = Bench::local(Resource::default());
    for issuer in [
        "https://evil.example",
        "https://app.example.com/",
        "HTTPS://app.example.com",
    ] {
        let token = local_token(&claims(issuer, BASE));
        assert_eq!(bench.outcome(&token).await, "untrusted_issuer", "{issuer}");
    }
}

#[tokio::test]
async fn other_types_of_token_are_refused() {
    let bench = Bench::local(Resource::default());
    let lax = Bench::local(Resource::default().dangerous_accept_any_typ());
    for typ in [
        None,
        Some("JWT"),
        Some("logout+jwt"),
        Some("dpop+jwt"),
        Some("text/at+jwt"),
    ] {
        let token = KEY.key.sign_compact(typ, &local_claims()).unwrap();
        assert_eq!(bench.outcome(&token).await, "wrong_type", "{typ:?}");
        assert_eq!(lax.outcome(&token).await, "accepted", "{typ:?}");
    }
}

#[tokio::test]
async fn more_claims_may_be_required() {
    let bench = Bench::local(Resource::default().require_claim("tenant"));
    assert_eq!(
        bench.outcome(&local_token(&local_claims())).await,
        "bad_claims"
    );
    let mut claims = local_claims();
    claims["tenant"] = json!(null);
    assert_eq!(bench.outcome(&local_token(&claims)).await, "bad_claims");
    claims["tenant"] = json!(0);
    assert_eq!(bench.outcome(&local_token(&claims)).await, "accepted");
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let bench = Bench::local(Resource::default());
    let token = local_token(&local_claims());
    assert_eq!(bench.outcome(&token).await, "accepted");
    bench.local.revoked.store(true, Ordering::SeqCst);
    assert_eq!(bench.outcome(&token).await, "revoked");
    assert_eq!(bench.reasons(), ["revoked"]);

    let careless = Bench::local(Resource::default().check_revocation(false));
    careless.local.revoked.store(true, Ordering::SeqCst);
    assert_eq!(careless.outcome(&token).await, "accepted");
}

#[tokio::test]
async fn a_store_that_is_down_neither_accepts_nor_calls_the_token_bad() {
    let bench = Bench::local(Resource::default());
    bench.local.down.store(true, Ordering::SeqCst);
    let refused = bench.send(&local_token(&local_claims())).await.unwrap_err();
    assert_eq!(*refused.refusal(), Refusal::Unavailable);
    // A bad token is bad all the same: the store is not asked about it.
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(
        bench.outcome(&sign(&other.key, &local_claims())).await,
        "unknown_key"
    );
}

#[tokio::test]
async fn every_refusal_but_a_missing_token_is_an_event() {
    let bench = Bench::local(Resource::default());
    assert!(bench.wing.access_token(&HeaderMap::new()).await.is_err());
    assert!(bench.reasons().is_empty());
    bench.send("x y").await.unwrap_err();
    bench.send("x").await.unwrap_err();
    let token = bench.send(&local_token(&local_claims())).await.unwrap();
    let wing = &bench.wing;
    wing.require_scope(&token, &"email".into())
        .await
        .unwrap_err();
    wing.require_recent(&token, Duration::from_mins(1))
        .await
        .unwrap_err();
    assert_eq!(
        bench.reasons(),
        [
            "invalid_request",
            "malformed",
            "insufficient_scope",
            "insufficient_user_authentication"
        ]
    );
}
