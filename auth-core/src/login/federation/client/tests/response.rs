//! Authorization responses (RFC 6749 §4.1.2, RFC 9207).

use super::*;

#[tokio::test]
async fn who_came() {
    let bench = Bench::start().await;
    let person = ada()
        .claim("amr", json!(["pwd", "otp"]))
        .signed_in_at(START - 100);
    let ask = Ask {
        acr_values: Some("gold silver".to_owned()),
        ..Ask::default()
    };
    let (secrets, response) = bench.asked(&ask, &person).await;
    let proven = bench.redeem(&secrets, &response).await.ok().unwrap();
    assert_eq!(proven.issuer, bench.provider.issuer());
    assert_eq!(proven.subject, "248289761001");
    assert_eq!(proven.profile.email.as_deref(), Some("ada@example.com"));
    assert!(proven.profile.email_verified);
    assert_eq!(proven.profile.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(proven.sid, response.sid);
    assert_eq!(proven.auth_time, Some(Timestamp::from_seconds(START - 100)));
    assert_eq!(proven.acr.as_deref(), Some("gold"));
    assert_eq!(proven.amr, ["pwd", "otp"]);
    assert!(
        proven
            .id_token
            .is_some_and(|token| token.split('.').count() == 3)
    );
    assert_eq!(proven.claims["sub"], "248289761001");
    let end = Timestamp::from_seconds(START + 3600);
    assert_eq!(proven.tokens.expires_at, Some(end));
    assert!(proven.tokens.refresh_token.is_some());
}

#[tokio::test]
async fn threat_37_an_answer_of_another_provider() {
    let (bench, other) = (Bench::start().await, Bench::start().await);
    for iss in [
        other.provider.issuer().to_owned(),
        format!("{}/", bench.provider.issuer()),
        String::new(),
    ] {
        let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
        for (code, error) in [
            (response.parameter("code"), None),
            (None, Some("access_denied")),
        ] {
            let response = AuthorizationResponse {
                iss: Some(iss.clone()),
                code: code.map(str::to_owned),
                error: error.map(str::to_owned),
                ..AuthorizationResponse::default()
            };
            let redeemed = bench
                .client
                .redeem(
                    &secrets,
                    &Ask::default(),
                    &response,
                    &SystemRandom,
                    (bench.now(), bench.now()),
                )
                .await;
            assert_eq!(outcome(&redeemed), "issuer", "{iss}");
        }
    }
    // Nothing was sent anywhere for it.
    assert_eq!(bench.provider.hits("/token"), 0);
    assert_eq!(other.provider.hits("/token"), 0);
}

#[tokio::test]
async fn threat_37_an_issuer_that_is_announced_has_to_be_there() {
    let bench = Bench::start().await;
    bench
        .provider
        .bend(|faults| faults.response = vec![("iss".to_owned(), None)]);
    assert_eq!(outcome(&bench.sign_in().await), "issuer");
    // Without the announcement it may be missing, and is compared where it is not.
    let bench = Bench::start().await;
    let quiet = without("authorization_response_iss_parameter_supported");
    bench.provider.bend(|faults| {
        faults.metadata = vec![quiet];
        faults.response = vec![("iss".to_owned(), None)];
    });
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    let evil = Some("https://evil.example.com".to_owned());
    bench
        .provider
        .bend(|faults| faults.response = vec![("iss".to_owned(), evil)]);
    assert_eq!(outcome(&bench.sign_in().await), "issuer");
}

#[tokio::test]
async fn errors_with_markup_stay_there() {
    let bench = Bench::start().await;
    for (error, reason) in [
        ("access_denied", "denied"),
        ("user_cancelled_authorize", "denied"),
        ("login_required", "interaction"),
        ("interaction_required", "interaction"),
        ("consent_required", "interaction"),
        ("temporarily_unavailable", "down: authorization endpoint"),
        ("server_error", "down: authorization endpoint"),
        ("invalid_scope", "invalid_scope"),
        ("<script>alert(1)</script>", "authorization_error"),
        ("\r\nSet-Cookie: a=b", "authorization_error"),
    ] {
        bench.provider.bend(|faults| {
            faults.response = vec![
                ("code".to_owned(), None),
                ("error".to_owned(), Some(error.to_owned())),
                (
                    "error_description".to_owned(),
                    Some("<b>markup</b>".to_owned()),
                ),
            ];
        });
        let refused = bench.sign_in().await.err().unwrap();
        assert_eq!(super::reason(&refused), reason, "{error}");
        let text = format!("{refused} {refused:?}");
        assert!(!text.contains(['<', '\r']), "{text}");
    }
    assert_eq!(bench.provider.hits("/token"), 0);
}

#[tokio::test]
async fn answers_without_a_code() {
    let bench = Bench::start().await;
    for code in [None, Some(String::new()), Some("x".repeat(8 * 1024 + 1))] {
        bench
            .provider
            .bend(|faults| faults.response = vec![("code".to_owned(), code)]);
        assert_eq!(outcome(&bench.sign_in().await), "code");
    }
    assert_eq!(bench.provider.hits("/token"), 0);
}

#[tokio::test]
async fn a_posted_name_counts_and_a_posted_address_does_not() {
    use crate::login::federation::upstream::ResponseMode;
    const POINTERS: &[&str] = &["/user/name/firstName"];
    let posted = r#"{"name":{"firstName":"Ada","lastName":"L"},"email":"victim@example.com"}"#;
    for (mode, name) in [
        (ResponseMode::FormPost, Some("Ada")),
        (ResponseMode::Query, None),
    ] {
        let bench = Bench::with(|mut upstream| {
            upstream.response_mode = mode;
            upstream.profile.given_name = POINTERS;
            upstream.profile.email = &["/user/email", "/email"];
            upstream
        })
        .await;
        let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
        assert_eq!(response.is_post, mode == ResponseMode::FormPost);
        let response = AuthorizationResponse {
            user: Some(posted.to_owned()),
            ..answer(&response)
        };
        let now = bench.now();
        let proven = bench
            .client
            .redeem(
                &secrets,
                &Ask::default(),
                &response,
                &SystemRandom,
                (now, now),
            )
            .await
            .ok()
            .unwrap();
        assert_eq!(proven.profile.given_name.as_deref(), name);
        assert_eq!(proven.profile.email.as_deref(), Some("ada@example.com"));
    }
}
