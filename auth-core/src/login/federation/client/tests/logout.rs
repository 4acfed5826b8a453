//! Signing out there, and hearing of it.

use super::*;

#[tokio::test]
async fn where_to_sign_out() {
    let bench = Bench::start().await;
    let back = "https://app.example.com/auth/signed-out?a=b";
    let url = bench
        .client
        .end_session_url(Some("e.y.J"), back, "st&te", bench.now())
        .await;
    let url = url::Url::parse(&url.unwrap()).unwrap();
    assert_eq!(url.path(), "/end-session");
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let expected = [
        ("id_token_hint", "e.y.J"),
        ("client_id", CLIENT),
        ("post_logout_redirect_uri", back),
        ("state", "st&te"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(pairs, expected);
    // Its own query stays.
    let bench = Bench::start().await;
    let endpoint = bench.provider.url("/end-session?p=1");
    bench.provider.bend(|faults| {
        faults.metadata = vec![set("end_session_endpoint", json!(endpoint))];
    });
    let url = bench
        .client
        .end_session_url(None, back, "s", bench.now())
        .await
        .unwrap();
    assert!(url.contains("/end-session?p=1&client_id=app&"), "{url}");
}

#[tokio::test]
async fn nowhere_to_sign_out() {
    let bench = Bench::start().await;
    bench
        .provider
        .bend(|faults| faults.metadata = vec![without("end_session_endpoint")]);
    let url = bench
        .client
        .end_session_url(None, BACK, "s", bench.now())
        .await;
    assert_eq!(url, None);
    let bench = Bench::start().await;
    bench.provider.bend(|faults| faults.down = true);
    let url = bench
        .client
        .end_session_url(None, BACK, "s", bench.now())
        .await;
    assert_eq!(url, None);
}

async fn check(bench: &Bench, token: &str) -> String {
    match bench.client.check_logout_token(token, bench.now()).await {
        Ok(_) => "accepted".to_owned(),
        Err(refused) => reason(&refused.error),
    }
}

#[tokio::test]
async fn a_logout_token() {
    let bench = Bench::start().await;
    for (subject, sid) in [
        (Some("ada"), Some("s1")),
        (Some("ada"), None),
        (None, Some("s1")),
    ] {
        let token = bench.provider.logout_token(CLIENT, subject, sid);
        let checked = bench.client.check_logout_token(&token, bench.now()).await;
        let checked = checked.ok().unwrap();
        assert_eq!(checked.issuer, bench.provider.issuer());
        assert_eq!(checked.subject.as_deref(), subject);
        assert_eq!(checked.sid.as_deref(), sid);
        assert!(checked.jti.starts_with("logout-"));
        // Remembered until then, it is refused for ever.
        bench.clock.advance(checked.expires_at.since(bench.now()));
        assert_eq!(check(&bench, &token).await, "logout_token_time");
    }
}

#[tokio::test]
async fn logout_token_rules() {
    let bench = Bench::start().await;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let now = START;
    for (change, expected) in [
        (
            set("iss", json!("https://evil.example.com")),
            "logout_token_issuer",
        ),
        (without("iss"), "logout_token_issuer"),
        (set("aud", json!("other")), "logout_token_audience"),
        (set("aud", json!(["other", CLIENT])), "accepted"),
        (without("aud"), "logout_token_audience"),
        (set("iat", json!(now + 61)), "logout_token_time"),
        (set("iat", json!("now")), "logout_token_time"),
        (without("iat"), "logout_token_time"),
        (set("exp", json!(now - 60)), "logout_token_time"),
        (
            set("exp", json!((now + 100).to_string())),
            "logout_token_time",
        ),
        (set("exp", json!(now + 7200)), "logout_token_time"),
        (without("exp"), "logout_token_time"),
        (without("events"), "logout_token_events"),
        (set("events", json!({})), "logout_token_events"),
        (set("events", json!([event])), "logout_token_events"),
        (set("events", json!({ event: true })), "logout_token_events"),
        (set("events", json!({ event: {}, "more": {} })), "accepted"),
        (set("nonce", json!("n")), "logout_token_nonce"),
        (set("nonce", Value::Null), "logout_token_nonce"),
        (without("jti"), "logout_token_jti"),
        (set("jti", json!("")), "logout_token_jti"),
        (set("jti", json!(7)), "logout_token_jti"),
        (set("sub", json!("")), "logout_token_subject"),
        (set("sub", json!(7)), "logout_token_subject"),
        (without("sub"), "logout_token_subject"),
        (set("sid", json!(7)), "logout_token_sid"),
    ] {
        let name = format!("{change:?}");
        bench.provider.bend(|faults| faults.logout = vec![change]);
        let token = bench.provider.logout_token(CLIENT, Some("ada"), None);
        assert_eq!(check(&bench, &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn logout_tokens_of_another_type_or_signature() {
    let bench = Bench::start().await;
    let token = |bend: &dyn Fn(&mut Faults)| {
        bench.provider.bend(bend);
        let token = bench.provider.logout_token(CLIENT, Some("ada"), None);
        bench.provider.straighten();
        token
    };
    for (change, expected) in [
        (without("typ"), "accepted"),
        (set("typ", json!("Application/Logout+JWT")), "accepted"),
        (set("typ", json!("at+jwt")), "logout_token_type"),
        (set("typ", json!("JWT")), "logout_token_type"),
        (set("alg", json!("none")), "logout_token_algorithm"),
        (set("alg", json!("HS256")), "logout_token_algorithm"),
        (set("alg", json!("RS256")), "logout_token_key"),
        (set("kid", json!("made up")), "logout_token_key"),
        (set("crit", json!(["exp"])), "logout_token_type"),
    ] {
        let name = format!("{change:?}");
        let token = token(&|faults| faults.header = vec![change.clone()]);
        assert_eq!(check(&bench, &token).await, expected, "{name}");
    }
    let forged = token(&|faults| faults.signature = true);
    assert_eq!(check(&bench, &forged).await, "logout_token_signature");
    // An ID token is none, whatever it lacks.
    let proven = bench.sign_in().await.ok().unwrap();
    assert_eq!(
        check(&bench, &proven.id_token.unwrap()).await,
        "logout_token_type"
    );
    for text in ["", "a.b.c", "x"] {
        assert_eq!(check(&bench, text).await, "logout_token");
    }
    // Another provider's.
    let other = Bench::start().await;
    let foreign = other.provider.logout_token(CLIENT, Some("ada"), None);
    assert_eq!(check(&bench, &foreign).await, "logout_token_issuer");
}

#[tokio::test]
async fn logout_after_a_rotation() {
    let bench = Bench::start().await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    bench.provider.rotate_keys();
    let token = bench.provider.logout_token(CLIENT, Some("ada"), None);
    assert_eq!(check(&bench, &token).await, "accepted");
}

#[tokio::test]
async fn logout_tokens_without_a_kid() {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| faults.nameless_keys = true);
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    let token = bench.provider.logout_token(CLIENT, Some("ada"), None);
    assert_eq!(check(&bench, &token).await, "accepted");
    // Rotated, it shows by the signature alone.
    bench.clock.advance(Duration::from_secs(3));
    bench.provider.rotate_keys();
    let token = bench.provider.logout_token(CLIENT, Some("ada"), None);
    assert_eq!(check(&bench, &token).await, "accepted");
    assert_eq!(bench.provider.hits("/keys"), 2);
    // Among several.
    bench.provider.add_key();
    bench.clock.advance(Duration::from_secs(30));
    let token = bench.provider.logout_token(CLIENT, Some("ada"), None);
    assert_eq!(check(&bench, &token).await, "accepted");
    assert_eq!(bench.provider.hits("/keys"), 3);
}

#[tokio::test]
async fn threat_45_wrong_signatures_at_a_logout_are_one_fetch() {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| faults.nameless_keys = true);
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    bench.provider.bend(|faults| faults.signature = true);
    let forged = bench.provider.logout_token(CLIENT, Some("ada"), None);
    for _ in 0..5 {
        assert_eq!(check(&bench, &forged).await, "logout_token_signature");
    }
    assert_eq!(bench.provider.hits("/keys"), 2);
    // One that names a key that is there was signed by somebody else: nothing is fetched.
    let bench = Bench::start().await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    bench.provider.bend(|faults| faults.signature = true);
    let forged = bench.provider.logout_token(CLIENT, Some("ada"), None);
    assert_eq!(check(&bench, &forged).await, "logout_token_signature");
    assert_eq!(bench.provider.hits("/keys"), 1);
}
