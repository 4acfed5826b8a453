//! Refresh tokens: rotation, lost answers, reuse, and what ends a family.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::harness::{House, Proof, SECRET, house, house_with, race};
use crate::provider::Provider;
use crate::services::Event;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn each_use_replaces_the_token() {
    let house = house().await;
    let rp = house.rp().await;
    let first = house.tokens(&rp, "openid profile").await;
    house.advance(Duration::from_mins(5));
    let second = house.refresh(&rp, first.text("refresh_token")).await.ok();
    assert_ne!(first.text("refresh_token"), second.text("refresh_token"));
    assert_ne!(first.text("access_token"), second.text("access_token"));
    assert_eq!(second.text("scope"), "openid profile");
    house.refresh(&rp, second.text("refresh_token")).await.ok();
}

#[tokio::test]
async fn threat_33_a_lost_answer_is_given_again_until_its_successor_is_used() {
    let house = house().await;
    let rp = house.rp().await;
    let first = house.tokens(&rp, "openid").await;
    let lost = house.refresh(&rp, first.text("refresh_token")).await.ok();
    house.advance(DAY);
    let again = house.refresh(&rp, first.text("refresh_token")).await.ok();
    assert_eq!(lost.text("refresh_token"), again.text("refresh_token"));
    assert!(house.has_event(|event| matches!(event, Event::RefreshTokenRetried { .. })));
    let next = house.refresh(&rp, again.text("refresh_token")).await.ok();
    // Now the first one can only come from a thief, or from its victim: the family ends.
    house
        .refresh(&rp, first.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    assert!(house.has_event(|event| matches!(event, Event::RefreshTokenReused { .. })));
    house
        .refresh(&rp, next.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    assert!(!House::is_active(
        &house.introspect(&rp, next.text("access_token")).await
    ));
}

#[tokio::test]
async fn threat_12_threat_33_parallel_refreshes_all_get_the_same_working_successor() {
    let house = house().await;
    let rp = house.rp().await;
    let first = house.tokens(&rp, "openid").await;
    let answers = race(16, || {
        let (house, rp) = (house.clone(), rp.clone());
        let token = first.text("refresh_token").to_owned();
        async move { house.refresh(&rp, &token).await }
    })
    .await;
    let successor = answers[0].text("refresh_token").to_owned();
    for answer in &answers {
        assert_eq!(answer.text("refresh_token"), successor);
        assert!(House::is_active(
            &house.introspect(&rp, answer.text("access_token")).await
        ));
    }
    house.refresh(&rp, &successor).await.ok();
}

#[tokio::test]
async fn another_clients_token_is_refused_and_nothing_changes() {
    let house = house().await;
    let rp = house.rp().await;
    let other = house.client("other", json!({})).await;
    let tokens = house.tokens(&rp, "openid").await;
    house
        .refresh(&other, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    house.refresh(&rp, tokens.text("refresh_token")).await.ok();
    house
        .refresh(&rp, "never issued")
        .await
        .refused_as("invalid_grant");
}

#[tokio::test]
async fn scope_narrows_and_never_widens() {
    let house = house().await;
    let rp = house.rp().await;
    let first = house.tokens(&rp, "openid profile").await;
    let with_scope = async |token: &str, scope: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        house
            .post("/oauth/token", Proof::Basic("rp", SECRET), &form)
            .await
    };
    let token = first.text("refresh_token");
    with_scope(token, "openid email")
        .await
        .refused_as("invalid_scope");
    // The refusal did not spend the token.
    let narrow = with_scope(token, "profile").await.ok();
    assert_eq!(narrow.text("scope"), "profile");
    assert!(narrow.json.get("id_token").is_none());
    let answer = house.userinfo(narrow.text("access_token")).await;
    answer.refused_as("insufficient_scope");
    // RFC 6749 §6: the new refresh token has the scope of the old one.
    let full = house.refresh(&rp, narrow.text("refresh_token")).await.ok();
    assert_eq!(full.text("scope"), "openid profile");
}

#[tokio::test]
async fn threat_14_a_disabled_account_is_not_refreshed() {
    let house = house().await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid offline_access").await;
    let set = |inactive: bool| {
        let mut script = house.accounts.0.lock().unwrap();
        if inactive {
            script.inactive.insert("alice".to_owned());
        } else {
            script.inactive.clear();
        }
    };
    set(true);
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    // The grant ended; enabling the account does not bring it back.
    set(false);
    house
        .refresh(&rp, tokens.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    assert!(!House::is_active(
        &house.introspect(&rp, tokens.text("access_token")).await
    ));
}

#[tokio::test]
async fn without_offline_access_a_grant_ends_with_its_session() {
    let house = house().await;
    let rp = house.rp().await;
    let online = house.tokens(&rp, "openid").await;
    let offline = house.tokens(&rp, "openid offline_access").await;
    house
        .accounts
        .0
        .lock()
        .unwrap()
        .ended_sessions
        .insert("session-1".to_owned());
    assert!(!House::is_active(
        &house.introspect(&rp, online.text("refresh_token")).await
    ));
    house
        .refresh(&rp, online.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    assert!(!House::is_active(
        &house.introspect(&rp, online.text("access_token")).await
    ));
    house.refresh(&rp, offline.text("refresh_token")).await.ok();
}

#[tokio::test]
async fn a_family_ends_when_idle_and_in_any_case() {
    let house = house().await;
    let rp = house.rp().await;
    let idle = house.tokens(&rp, "openid").await;
    house.advance(DAY * 14);
    house
        .refresh(&rp, idle.text("refresh_token"))
        .await
        .refused_as("invalid_grant");
    let mut token = house
        .tokens(&rp, "openid")
        .await
        .text("refresh_token")
        .to_owned();
    for _ in 0..8 {
        house.advance(DAY * 11);
        token = house
            .refresh(&rp, &token)
            .await
            .ok()
            .text("refresh_token")
            .to_owned();
    }
    // 88 days: two more are left, whatever the idle time says.
    house.advance(DAY * 2);
    house.refresh(&rp, &token).await.refused_as("invalid_grant");
}

#[tokio::test]
async fn the_last_access_token_of_a_family_lives_its_full_life() {
    let settings = Provider::default().refresh_life(DAY, DAY);
    let house = house_with(settings).await;
    let rp = house.rp().await;
    let tokens = house.tokens(&rp, "openid").await;
    house.advance(DAY.checked_sub(Duration::from_secs(1)).unwrap());
    let last = house.refresh(&rp, tokens.text("refresh_token")).await.ok();
    house.advance(Duration::from_secs(890));
    house.userinfo(last.text("access_token")).await.ok();
}

#[tokio::test]
async fn a_missing_token_is_invalid_request() {
    let house = house().await;
    house.rp().await;
    let form = [("grant_type", "refresh_token")];
    let answer = house
        .post("/oauth/token", Proof::Basic("rp", SECRET), &form)
        .await;
    assert_eq!(
        answer.refused_as("invalid_request").status,
        StatusCode::BAD_REQUEST
    );
}
