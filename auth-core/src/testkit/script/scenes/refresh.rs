//! Refresh tokens: rotated, asked for again, used twice.

use std::time::Duration;

use super::steps::{rp, text, tokens};
use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::SECRET;
use crate::testkit::script::person::Person;
use crate::testkit::script::reply::Reply;
use crate::testkit::script::stage::Stage;

const TOKEN: &str = "~/oauth/token";

async fn refresh(stage: &mut Stage<'_>, token: &str) -> Reply {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    rp(stage, TOKEN, &fields).await
}

pub(super) async fn rotation(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let first = tokens(stage, &mut alice, "openid offline_access").await;
    let first = text(&first, "refresh_token");
    stage.host.advance(Duration::from_mins(10));
    let second = refresh(stage, first).await.is(200).text_of("refresh_token");
    assert_ne!(first, second);
    // The answer got lost: the same successor.
    let retried = refresh(stage, first).await.is(200).text_of("refresh_token");
    assert_eq!(second, retried);
    // It outlives the session, for two weeks.
    stage.host.advance(Duration::from_hours(24 * 13));
    let third = refresh(stage, &second)
        .await
        .is(200)
        .text_of("refresh_token");
    stage.host.advance(Duration::from_hours(24 * 15));
    refresh(stage, &third).await.fails(400, "invalid_grant");
    refresh(stage, "nonsense").await.fails(400, "invalid_grant");
    refresh(stage, "").await.fails(400, "invalid_request");
}

pub(super) async fn reused(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let first = tokens(stage, &mut alice, "openid offline_access").await;
    let first = text(&first, "refresh_token");
    let second = refresh(stage, first).await.is(200).text_of("refresh_token");
    let third = refresh(stage, &second).await.is(200).json();
    let bearer = Ask::get("~/oauth/userinfo").bearer(text(&third, "access_token"));
    stage.ask(bearer.clone()).await.is(200);
    // Stolen: everything that came of it ends.
    refresh(stage, first).await.fails(400, "invalid_grant");
    stage.ask(bearer).await.is(401);
    let third = refresh(stage, text(&third, "refresh_token")).await;
    third.fails(400, "invalid_grant");
    // Another client's.
    let other = tokens(stage, &mut alice, "openid offline_access").await;
    let other = text(&other, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", other)];
    let ask = Ask::post(TOKEN).basic("es", SECRET).form(&fields);
    stage.ask(ask).await.fails(400, "invalid_grant");
    refresh(stage, other).await.is(200);
}

pub(super) async fn narrowed(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let first = tokens(stage, &mut alice, "openid email").await;
    let token = text(&first, "refresh_token").to_owned();
    let with = |scope: &'static str| {
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", token.as_str()),
            ("scope", scope),
        ]
    };
    let more = rp(stage, TOKEN, &with("openid profile")).await;
    more.fails(400, "invalid_scope");
    let less = rp(stage, TOKEN, &with("openid")).await;
    assert_eq!(less.is(200).json()["scope"], "openid");
    let next = less.text_of("refresh_token");
    // Without `offline_access` it ends with the session.
    let page = alice.get(stage, "~/auth/logout").await;
    alice
        .submit(stage, &page, "~/auth/logout", &[])
        .await
        .is(303);
    refresh(stage, &next).await.fails(400, "invalid_grant");
}
