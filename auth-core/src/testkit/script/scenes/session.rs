//! Who is signed in, and how long.

use std::time::Duration;

use super::sign_in::ALICES;
use crate::testkit::script::ask::Ask;
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const SESSION: &str = "~/auth/session";

pub(super) async fn as_json(stage: &mut Stage<'_>) {
    let nobody = stage.ask(Ask::get(SESSION)).await;
    nobody.refuses(401, "unauthenticated");
    let mut alice = Person::alice(stage).await;
    let session = alice.get(stage, SESSION).await;
    session.is(200).has("content-type", "application/json");
    session.has("cache-control", "no-store");
    session.lacks("access-control-allow-origin");
    let facts = session.json();
    assert_eq!(facts["user"]["email"], "alice@example.com");
    assert_eq!(facts["session"]["amr"], serde_json::json!(["pwd"]));
    let mut stranger = Person::new();
    stranger.get(stage, SESSION).await.is(401);
}

pub(super) async fn time(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    // In use it goes on.
    for _ in 0..3 {
        stage.host.advance(Duration::from_mins(20));
        alice.get(stage, SESSION).await.is(200);
    }
    stage.host.advance(Duration::from_mins(31));
    alice.get(stage, SESSION).await.is(401);
    let account = alice.get(stage, "~/auth/account").await;
    account.leads_towards(&stage.path("~/auth/login?return_to="));
    // Not longer than a day.
    let mut alice = Person::alice(stage).await;
    for _ in 0..71 {
        stage.host.advance(Duration::from_mins(20));
    }
    alice.get(stage, SESSION).await.is(401);
    // Unless it is to be remembered.
    let mut alice = Person::new();
    let page = alice.get(stage, "~/auth/login").await;
    let fields = [ALICES[0], ALICES[1], ("remember", "true")];
    alice.submit(stage, &page, "~/auth/login", &fields).await;
    stage.host.advance(Duration::from_hours(24 * 2));
    let session = alice.get(stage, SESSION).await;
    assert_eq!(session.is(200).json()["session"]["remember"], true);
}
