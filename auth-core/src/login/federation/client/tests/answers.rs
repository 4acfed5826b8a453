//! Token endpoints in no order, and renewed tokens.

use super::*;

async fn with_token_reply(reply: FakeReply) -> String {
    let bench = Bench::build(|upstream| upstream, hasty()).await;
    bench.bent(|faults| faults.reply("/token", reply)).await
}

#[tokio::test]
async fn provider_down() {
    for reply in [
        FakeReply::html(503, "<p>down</p>"),
        FakeReply::json(500, &json!({ "error": "server_error" })),
        FakeReply::json(429, &json!({ "error": "slow_down" })),
        FakeReply::json(200, &json!({ "error": "temporarily_unavailable" })),
        FakeReply::new(200, "application/json", ""),
    ] {
        assert_eq!(with_token_reply(reply).await, "down: token endpoint");
    }
}

#[tokio::test]
async fn threat_45_huge_and_slow_answers() {
    let huge = json!({ "access_token": "x".repeat(70_000) });
    let huge = FakeReply::json(200, &huge);
    assert_eq!(with_token_reply(huge).await, "down: token endpoint");
    assert_eq!(
        with_token_reply(FakeReply::stall()).await,
        "down: token endpoint"
    );
    let deep = format!(
        r#"{{"access_token":{}1{}}}"#,
        "[".repeat(9000),
        "]".repeat(9000)
    );
    let deep = FakeReply::new(200, "application/json", deep);
    let outcome = with_token_reply(deep).await;
    assert!(
        ["token_answer", "down: token endpoint"].contains(&outcome.as_str()),
        "{outcome}"
    );
}

#[tokio::test]
async fn threat_44_redirects_are_not_followed() {
    let other = Bench::start().await;
    let to = other.provider.url("/token");
    assert_eq!(
        with_token_reply(FakeReply::redirect(&to)).await,
        "down: token endpoint"
    );
    assert_eq!(other.provider.hits("/token"), 0);
}

#[tokio::test]
async fn pages_in_place_of_answers() {
    let page = "<script>alert(1)</script>";
    for status in [200, 400, 404] {
        let outcome = with_token_reply(FakeReply::html(status, page)).await;
        assert_eq!(outcome, "down: token endpoint", "{status}");
    }
}

#[tokio::test]
async fn error_answers_with_markup() {
    for (error, expected) in [
        ("invalid_grant", "invalid_grant"),
        ("invalid_client", "invalid_client"),
        ("invalid_request", "invalid_request"),
        ("unauthorized_client", "unauthorized_client"),
        ("bad_verification_code", "invalid_grant"),
        ("<script>alert(1)</script>", "token_error"),
    ] {
        for status in [200, 400, 401] {
            let body = json!({ "error": error, "error_description": "<b>\r\nhush" });
            let bench = Bench::start().await;
            let reply = FakeReply::json(status, &body);
            bench.provider.bend(|faults| faults.reply("/token", reply));
            let refused = bench.sign_in().await.err().unwrap();
            assert_eq!(reason(&refused), expected, "{status} {error}");
            let text = format!("{refused} {refused:?}");
            assert!(!text.contains("hush") && !text.contains('<'), "{text}");
        }
    }
}

#[tokio::test]
async fn answers_of_the_wrong_types() {
    let bench = Bench::start().await;
    for change in [
        without("access_token"),
        set("access_token", json!(7)),
        set("access_token", json!("")),
        set("token_type", json!("DPoP")),
        set("expires_in", json!([])),
    ] {
        let name = format!("{change:?}");
        let outcome = bench.bent(|faults| faults.token = vec![change]).await;
        assert_eq!(outcome, "token_answer", "{name}");
    }
    for change in [
        without("token_type"),
        without("expires_in"),
        without("scope"),
    ] {
        let outcome = bench.bent(|faults| faults.token = vec![change]).await;
        assert_eq!(outcome, "proven");
    }
}

#[tokio::test]
async fn tokens_are_renewed() {
    let bench = Bench::start().await;
    let proven = bench.sign_in().await.ok().unwrap();
    let old = proven.tokens;
    let renew = async |tokens: &super::super::Tokens| {
        bench
            .client
            .refresh(tokens, &SystemRandom, bench.now())
            .await
    };
    bench.clock.advance(Duration::from_mins(50));
    let new = renew(&old).await.ok().unwrap();
    assert_ne!(*new.access_token, *old.access_token);
    // None came along, so the old one goes on.
    assert_eq!(new.refresh_token, old.refresh_token);
    assert_eq!(new.expires_at, Some(bench.now() + Duration::from_hours(1)));
    bench
        .provider
        .bend(|faults| faults.rotates_refresh_tokens = true);
    let newer = renew(&new).await.ok().unwrap();
    assert_ne!(newer.refresh_token, new.refresh_token);
    let spent = renew(&new).await.err().unwrap();
    assert_eq!(reason(&spent), "invalid_grant");
    let none = super::super::Tokens {
        refresh_token: None,
        ..newer
    };
    let refused = renew(&none).await.err().unwrap();
    assert_eq!(reason(&refused), "no_refresh_token");
}
