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

/// The keys change between the ID token and the answer: `sign` is told to sign by the new one.
async fn after_a_rotation(nameless: bool) -> String {
    let bench = Bench::start().await;
    bench.provider.bend(|faults| {
        faults.nameless_keys = nameless;
        faults.signs_user_info = true;
    });
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    let (secrets, response) = bench.asked(&Ask::default(), &ada()).await;
    let held = bench.provider.hold("/token");
    let before = bench.provider.hits("/token");
    let redeem = bench.redeem(&secrets, &response);
    let rotate = async {
        // The ID token is signed by then, and not yet on its way.
        bench.provider.reached("/token", before + 1).await;
        bench.provider.rotate_keys();
        drop(held);
    };
    let (redeemed, ()) = tokio::join!(redeem, rotate);
    assert_eq!(bench.provider.hits("/keys"), 2);
    outcome(&redeemed)
}

#[tokio::test]
async fn answers_signed_with_a_key_that_is_new() {
    for nameless in [false, true] {
        assert_eq!(after_a_rotation(nameless).await, "proven", "{nameless}");
    }
}

#[tokio::test]
async fn threat_45_answers_signed_with_unknown_keys_are_one_fetch() {
    let bench = Bench::start().await;
    assert_eq!(outcome(&bench.sign_in().await), "proven");
    bench.clock.advance(Duration::from_secs(3));
    let other = Bench::start().await;
    other.provider.add_key();
    let claims = json!({ "iss": bench.provider.issuer(), "aud": CLIENT, "sub": "248289761001" });
    let foreign = other.provider.sign(None, &claims);
    let reply = FakeReply::new(200, "application/jwt", foreign);
    bench
        .provider
        .bend(|faults| faults.reply("/userinfo", reply));
    for _ in 0..3 {
        assert_eq!(outcome(&bench.sign_in().await), "user_info_signature");
    }
    assert_eq!(bench.provider.hits("/keys"), 2);
}

/// Wherever an operator's map finds an address and whether it is verified: both of one document.
#[tokio::test]
async fn threat_31_an_address_and_its_word_are_of_one_document() {
    use crate::login::federation::profile::{EmailVerified, ProfileMap};
    let map = ProfileMap {
        email: &["/mail"],
        email_verified: EmailVerified::At(&["/mail_ok"]),
        ..ProfileMap::OPENID
    };
    let bench = Bench::with(|upstream| upstream.profile(map)).await;
    let (victim, own) = (json!("victim@example.com"), json!("ada@example.com"));
    for (id_token, user_info, address, verified) in [
        // Neither document's word is for the other's address.
        (
            vec![set("mail", victim.clone())],
            vec![set("mail", own.clone()), set("mail_ok", json!(true))],
            "victim@example.com",
            false,
        ),
        (
            vec![set("mail_ok", json!(true))],
            vec![set("mail", victim.clone())],
            "victim@example.com",
            false,
        ),
        (
            vec![set("mail", victim.clone())],
            vec![set("mail_ok", json!(true))],
            "victim@example.com",
            false,
        ),
        // What was signed says no.
        (
            vec![set("mail", own.clone()), set("mail_ok", json!(false))],
            vec![set("mail", own.clone()), set("mail_ok", json!(true))],
            "ada@example.com",
            false,
        ),
        // One document's word for its own address.
        (
            vec![set("mail", own.clone())],
            vec![set("mail", own.clone()), set("mail_ok", json!(true))],
            "ada@example.com",
            true,
        ),
        (
            vec![set("mail", own.clone()), set("mail_ok", json!(true))],
            vec![],
            "ada@example.com",
            true,
        ),
        (
            vec![],
            vec![set("mail", own.clone()), set("mail_ok", json!(true))],
            "ada@example.com",
            true,
        ),
    ] {
        let name = format!("{id_token:?} {user_info:?}");
        bench.provider.bend(|faults| {
            faults.id_token = id_token;
            faults.user_info = user_info;
        });
        let proven = bench.sign_in().await.ok().unwrap();
        let profile = (
            proven.profile.email.as_deref(),
            proven.profile.email_verified,
        );
        assert_eq!(profile, (Some(address), verified), "{name}");
    }
}
