//! `UserInfo` (OpenID Connect Core §5.3).

use super::*;

#[tokio::test]
async fn claims_beside_those_of_the_id_token() {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| {
        faults.no_claim("name");
        faults.no_claim("email");
        faults.no_claim("email_verified");
        faults.user_info = vec![set("iss", json!("https://evil.example.com"))];
    });
    let proven = bench.sign_in().await.ok().unwrap();
    assert_eq!(proven.profile.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(proven.profile.email.as_deref(), Some("ada@example.com"));
    assert!(proven.profile.email_verified);
    // What was signed stands.
    assert_eq!(proven.claims["iss"], bench.provider.issuer());
}

#[tokio::test]
async fn sub_that_differs() {
    let bench = Bench::start().await;
    for change in [
        set("sub", json!("somebody else")),
        set("sub", json!(["248289761001"])),
        set("sub", json!(248_289_761_001_i64)),
        set("sub", Value::Null),
        without("sub"),
    ] {
        for signed in [false, true] {
            let change = change.clone();
            let outcome = bench
                .bent(|faults| {
                    faults.user_info = vec![change];
                    faults.signs_user_info = signed;
                })
                .await;
            assert_eq!(outcome, "user_info_subject");
        }
    }
}

#[tokio::test]
async fn one_documents_word_is_not_for_anothers_address() {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| {
        faults.claim("email", json!("victim@example.com"));
        faults.no_claim("email_verified");
    });
    let proven = bench.sign_in().await.ok().unwrap();
    assert_eq!(proven.profile.email.as_deref(), Some("victim@example.com"));
    assert!(!proven.profile.email_verified);
    bench.provider.straighten();
    bench.provider.bend(|faults| {
        faults.no_claim("email");
        faults.user_info = vec![
            set("email", json!("victim@example.com")),
            without("email_verified"),
        ];
    });
    let proven = bench.sign_in().await.ok().unwrap();
    assert_eq!(proven.profile.email.as_deref(), Some("victim@example.com"));
    assert!(!proven.profile.email_verified);
}

#[tokio::test]
async fn signed_answers() {
    let bench = Bench::start().await;
    let signed = |changes: Vec<(String, Option<Value>)>| {
        move |faults: &mut Faults| {
            faults.signs_user_info = true;
            faults.user_info = changes;
        }
    };
    assert_eq!(bench.bent(signed(Vec::new())).await, "proven");
    for change in [
        set("iss", json!("https://evil.example.com")),
        set("aud", json!("other")),
        set("exp", json!(START - 60)),
        set("exp", json!("never")),
        without("iss"),
        without("aud"),
    ] {
        let name = format!("{change:?}");
        assert_eq!(
            bench.bent(signed(vec![change])).await,
            "user_info",
            "{name}"
        );
    }
    // Signed by somebody else, or by nobody.
    let other = Bench::start().await;
    let claims = json!({ "iss": bench.provider.issuer(), "aud": CLIENT, "sub": "248289761001" });
    let foreign = other.provider.sign(None, &claims);
    let (input, _) = foreign.rsplit_once('.').unwrap();
    for token in [foreign.clone(), format!("{input}."), "x".to_owned()] {
        let reply = FakeReply::new(200, "application/jwt", token);
        let outcome = bench.bent(|faults| faults.reply("/userinfo", reply)).await;
        assert_eq!(outcome, "user_info_signature");
    }
}

#[tokio::test]
async fn answers_that_are_none() {
    let bench = Bench::build(|upstream| upstream, hasty()).await;
    let huge = json!({ "sub": "x".repeat(70_000) });
    for (reply, expected) in [
        (FakeReply::json(401, &json!({})), "user_info"),
        (FakeReply::new(200, "application/json", "[]"), "user_info"),
        (
            FakeReply::new(200, "application/json", r#"{"sub":"a","sub":"b"}"#),
            "user_info",
        ),
        (FakeReply::html(200, "<p>"), "down: userinfo endpoint"),
        (FakeReply::html(502, "<p>"), "down: userinfo endpoint"),
        (FakeReply::json(200, &huge), "down: userinfo endpoint"),
        (
            FakeReply::redirect("https://evil.example.com/"),
            "down: userinfo endpoint",
        ),
        (FakeReply::stall(), "down: userinfo endpoint"),
    ] {
        let outcome = bench.bent(|faults| faults.reply("/userinfo", reply)).await;
        assert_eq!(outcome, expected);
    }
}

#[tokio::test]
async fn without_an_endpoint_the_id_token_is_all() {
    let bench = Bench::start().await;
    bench
        .provider
        .bend(|faults| faults.metadata = vec![without("userinfo_endpoint")]);
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    assert_eq!(bench.provider.hits("/userinfo"), 0);
}
