//! Keys that change, have no name, or cannot be had.

use super::*;

const METADATA: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn metadata_and_keys_are_fetched_once() {
    let bench = Bench::start().await;
    for _ in 0..3 {
        assert_eq!(outcome(&bench.sign_in().await), "proven");
    }
    let fetched = (bench.provider.hits(METADATA), bench.provider.hits("/keys"));
    assert_eq!(fetched, (1, 1));
}

#[tokio::test]
async fn keys_that_rotate_in_the_middle() {
    let bench = Bench::start().await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
    bench.provider.rotate_keys();
    assert_eq!(outcome(&bench.redeem(&secrets, &response).await), "proven");
    assert_eq!(bench.provider.hits("/keys"), 2);
}

/// In the very second in which the metadata and the old keys were fetched for the request.
#[tokio::test]
async fn keys_that_rotate_just_before_the_first_token() {
    for nameless in [false, true] {
        let bench = Bench::start().await;
        bench
            .provider
            .bend(|faults| faults.nameless_keys = nameless);
        let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
        bench.provider.rotate_keys();
        assert_eq!(outcome(&bench.redeem(&secrets, &response).await), "proven");
        assert_eq!(bench.provider.hits("/keys"), 2);
    }
}

#[tokio::test]
async fn threat_45_unknown_keys_are_one_fetch_and_then_refused() {
    let bench = Bench::start().await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    bench
        .provider
        .bend(|faults| faults.header = vec![set("kid", json!("made up"))]);
    for _ in 0..3 {
        assert_eq!(outcome(&bench.sign_in().await), "id_token_key");
    }
    assert_eq!(bench.provider.hits("/keys"), 2);
}

#[tokio::test]
async fn no_kid_and_one_key_is_accepted() {
    let bench = Bench::start().await;
    let outcome = bench
        .bent(|faults| faults.header = vec![without("kid")])
        .await;
    assert_eq!(outcome, "proven");
    let bench = Bench::start().await;
    bench.provider.bend(|faults| faults.nameless_keys = true);
    assert_eq!(super::outcome(&bench.sign_in().await), "proven");
    // Rotated, it shows by the signature alone.
    bench.provider.rotate_keys();
    bench.clock.advance(Duration::from_secs(3));
    assert_eq!(super::outcome(&bench.sign_in().await), "proven");
}

#[tokio::test]
async fn no_kid_and_several_keys_are_tried() {
    let bench = Bench::start().await;
    bench.provider.add_key();
    bench.provider.bend(|faults| faults.nameless_keys = true);
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    // Named keys, and a token that names none of them.
    let bench = Bench::start().await;
    bench.provider.add_key();
    bench
        .provider
        .bend(|faults| faults.header = vec![without("kid")]);
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    // None of them it is, and what else is wrong is found as ever.
    bench.provider.bend(|faults| faults.signature = true);
    assert_eq!(outcome(&bench.sign_in().await), "id_token_signature");
    bench.provider.bend(|faults| {
        faults.signature = false;
        faults.claim("nonce", json!("another"));
    });
    assert_eq!(outcome(&bench.sign_in().await), "id_token_nonce");
}

#[tokio::test]
async fn threat_45_no_kid_and_many_keys_is_refused() {
    let bench = Bench::start().await;
    for _ in 0..4 {
        bench.provider.add_key();
    }
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench
        .provider
        .bend(|faults| faults.header = vec![without("kid")]);
    assert_eq!(outcome(&bench.sign_in().await), "id_token_key_ambiguous");
}

#[tokio::test]
async fn several_keys_without_names_that_rotate() {
    let bench = Bench::start().await;
    bench.provider.add_key();
    bench.provider.bend(|faults| faults.nameless_keys = true);
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    bench.provider.rotate_keys();
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    assert_eq!(bench.provider.hits("/keys"), 2);
}

#[tokio::test]
async fn a_provider_that_goes_down_leaves_its_keys() {
    let bench = Bench::start().await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_hours(2));
    for path in [METADATA, "/keys"] {
        let reply = FakeReply::html(503, "<p>down</p>");
        bench.provider.bend(|faults| faults.reply(path, reply));
    }
    assert_eq!(outcome(&bench.sign_in().await), "proven");
}

#[tokio::test]
async fn a_provider_that_was_never_up() {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| faults.down = true);
    let secrets = bench.client.draw(&SystemRandom);
    let url = bench
        .client
        .authorization_url(&secrets, &Ask::default(), bench.now())
        .await;
    assert_eq!(reason(&url.unwrap_err()), "down: metadata");
    // And is asked again soon.
    bench.provider.straighten();
    bench.clock.advance(Duration::from_secs(5));
    assert_eq!(outcome(&bench.sign_in().await), "proven");
}

#[tokio::test]
async fn threat_37_metadata_of_another_issuer() {
    for issuer in ["https://evil.example.com", ""] {
        let bench = Bench::start().await;
        bench
            .provider
            .bend(|faults| faults.metadata = vec![set("issuer", json!(issuer))]);
        let secrets = bench.client.draw(&SystemRandom);
        let url = bench
            .client
            .authorization_url(&secrets, &Ask::default(), bench.now())
            .await;
        assert_eq!(reason(&url.unwrap_err()), "down: metadata", "{issuer}");
    }
}

#[tokio::test]
async fn threat_44_metadata_cannot_point_inside() {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| {
        faults.metadata = vec![set("token_endpoint", json!("http://169.254.169.254/token"))];
    });
    assert_eq!(outcome(&bench.sign_in().await), "down: token endpoint");
}

/// A provider with tenants, as Microsoft's endpoints are.
async fn tenants() -> Bench {
    use crate::login::federation::upstream::{IssuerRule, Protocol};
    let bench = Bench::with(|mut upstream| {
        if let Protocol::OpenId {
            issuer, issuers, ..
        } = &mut upstream.protocol
        {
            *issuers = IssuerRule::Tenant;
            issuer.push_str("/common/v2.0");
        }
        upstream
    })
    .await;
    let template = format!("{}/{{tenantid}}/v2.0", bench.provider.issuer());
    let (origin, own) = (bench.provider.issuer().to_owned(), METADATA);
    let metadata = json!({
        "issuer": template, "jwks_uri": format!("{origin}/keys"),
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
    });
    bench.provider.bend(|faults| {
        faults.reply(
            &format!("/common/v2.0{own}"),
            FakeReply::json(200, &metadata),
        );
        faults.response = vec![("iss".to_owned(), None)];
    });
    bench
}

#[tokio::test]
async fn tenants_have_issuers_of_their_own() {
    let bench = tenants().await;
    let issuer = |tenant: &str| json!(format!("{}/{tenant}/v2.0", bench.provider.issuer()));
    for (iss, tid, expected) in [
        (issuer("9188040d-6c67"), json!("9188040d-6c67"), "proven"),
        (issuer("other"), json!("9188040d-6c67"), "id_token_issuer"),
        (issuer("{tenantid}"), json!("{tenantid}"), "id_token_issuer"),
        (issuer("a/b"), json!("a/b"), "id_token_issuer"),
        (issuer(""), json!(""), "id_token_issuer"),
        (
            json!("https://evil.example.com/a/v2.0"),
            json!("a"),
            "id_token_issuer",
        ),
    ] {
        bench.provider.bend(|faults| {
            faults.id_token = vec![set("iss", iss.clone()), set("tid", tid.clone())];
        });
        let result = bench.sign_in().await;
        assert_eq!(outcome(&result), expected, "{iss} {tid}");
        if let Ok(proven) = result {
            assert_eq!(json!(proven.issuer), iss);
        }
    }
    bench.provider.bend(|faults| {
        faults.id_token = vec![set("iss", issuer("a"))];
    });
    assert_eq!(outcome(&bench.sign_in().await), "id_token_issuer");
}

#[tokio::test]
async fn threat_37_tenants_answer_under_their_own_names() {
    let bench = tenants().await;
    for (iss, expected) in [
        (
            format!("{}/abc-1/v2.0", bench.provider.issuer()),
            "id_token_issuer",
        ),
        ("https://evil.example.com/abc-1/v2.0".to_owned(), "issuer"),
        (format!("{}/a/b/v2.0", bench.provider.issuer()), "issuer"),
    ] {
        bench.provider.bend(|faults| {
            faults.response = vec![("iss".to_owned(), Some(iss.clone()))];
        });
        // The first passes here, and fails later for want of a tenant in the token.
        assert_eq!(outcome(&bench.sign_in().await), expected, "{iss}");
    }
}

/// Callers that come together share one fetch, and none of them fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_at_once_fetch_once() {
    let bench = Arc::new(Bench::start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let bench = bench.clone();
        tasks.spawn(async move { outcome(&bench.sign_in().await) });
    }
    while let Some(outcome) = tasks.join_next().await {
        assert_eq!(outcome.unwrap(), "proven");
    }
    let fetched = (bench.provider.hits(METADATA), bench.provider.hits("/keys"));
    assert_eq!(fetched, (1, 1));
}
