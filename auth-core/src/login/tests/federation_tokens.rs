//! A provider's tokens, handed to the host.

use std::time::Duration;

use super::federation_kit::*;
use super::harness::*;
use crate::login::{Upstream, UpstreamTokensError};

#[tokio::test]
async fn tokens_are_kept_sealed_where_the_operator_says_so() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    let tokens = tokens.expect("answer").expect("tokens");
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    let sealed = identity.tokens.expect("kept");
    let plain = tokens.access_token.as_bytes();
    assert!(!sealed.windows(plain.len()).any(|window| window == plain));
    let unknown = house.wing.upstream_tokens(&user, "nobody").await;
    assert!(matches!(unknown, Err(UpstreamTokensError::UnknownUpstream)));

    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let none = house
        .wing
        .upstream_tokens(&user, "corp")
        .await
        .expect("answer");
    assert!(none.is_none(), "not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_callers_one_renews_the_token() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    there.bend(|faults| faults.rotates_refresh_tokens = true);
    let house: &'static House = Box::leak(Box::new(house));
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let before = house.wing.upstream_tokens(&user, "corp").await;
    let before = before.expect("answer").expect("tokens");
    let life = before
        .expires_at
        .expect("life")
        .since(crate::ground::Clock::now(&*house.clock));
    house
        .clock
        .advance(life.saturating_sub(Duration::from_secs(20)));
    let asked = there.hits("/token");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let user = user.clone();
        tasks.spawn(async move {
            let tokens = house.wing.upstream_tokens(&user, "corp").await;
            tokens
                .expect("answer")
                .expect("tokens")
                .access_token
                .to_string()
        });
    }
    let all = tasks.join_all().await;
    assert_eq!(there.hits("/token"), asked + 1);
    assert!(
        all.iter()
            .all(|token| *token == all[0] && *token != *before.access_token)
    );
}

#[tokio::test]
async fn a_provider_that_is_down_costs_nothing_while_the_token_lives_and_an_end_is_an_end() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    let end = tokens
        .expect("answer")
        .expect("tokens")
        .expires_at
        .expect("life");
    let left = end.since(crate::ground::Clock::now(&*house.clock));
    house
        .clock
        .advance(left.saturating_sub(Duration::from_secs(10)));
    there.bend(|faults| faults.down = true);
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    assert!(
        tokens.expect("answer").is_some(),
        "it is good for ten seconds"
    );
    house.clock.advance(Duration::from_secs(10));
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    assert!(matches!(tokens, Err(UpstreamTokensError::Unavailable(_))));
    // Refused for good: forgotten.
    there.straighten();
    let body = serde_json::json!({ "error": "invalid_grant" });
    let reply = crate::testkit::upstream::FakeReply::json(400, &body);
    there.bend(|faults| {
        faults.reply("/token", reply);
    });
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    assert!(tokens.expect("answer").is_none());
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(identity.tokens, None);
}
