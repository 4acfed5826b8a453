//! Signing in with a password.

use std::time::Duration;

use crate::testkit::script::host::{ALICE, PASSWORD};
use crate::testkit::script::person::Person;
use crate::testkit::script::reply::Reply;
use crate::testkit::script::stage::Stage;

pub(super) const ALICES: [(&str, &str); 2] = [("email", ALICE), ("password", PASSWORD)];
const LOGIN: &str = "~/auth/login";

async fn attempt(stage: &mut Stage<'_>, fields: &[(&str, &str)]) -> Reply {
    let mut person = Person::new();
    let page = person.get(stage, LOGIN).await;
    person.submit(stage, &page, LOGIN, fields).await
}

pub(super) async fn good(stage: &mut Stage<'_>) {
    let mut person = Person::new();
    let page = person
        .get(stage, "~/auth/login?login_hint=%3Calice%3E")
        .await;
    page.is(200).says("&lt;alice&gt;");
    assert_eq!(page.cookies_set(), 1);
    let answer = person.submit(stage, &page, LOGIN, &ALICES).await;
    answer.leads_to(&stage.path("~/"));
    assert!(person.session().is_some());
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    let secure = stage.setting().is_https();
    assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
    assert_eq!(cookie.starts_with("__Host-auth_session="), secure);
    assert!(!cookie.contains("Max-Age"), "{cookie}");
    person
        .get(stage, LOGIN)
        .await
        .is(200)
        .says("alice@example.com");
    let select = person.get(stage, "~/auth/login?select=1").await;
    assert!(!select.is(200).text.contains("alice@example.com"));

    // Normalized, and remembered.
    let fields = [
        ("email", "  Alice@EXAMPLE.com "),
        ("password", PASSWORD),
        ("remember", "true"),
        ("return_to", "/next?a=1&b=%2F"),
        ("is_admin", "1"),
    ];
    let answer = attempt(stage, &fields).await;
    answer.leads_to("/next?a=1&b=%2F");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("Max-Age=5184000"), "{cookie}");
    // Over a session: its secret is another one afterwards.
    let before = person.session().map(str::to_owned);
    let page = person.get(stage, LOGIN).await;
    person.submit(stage, &page, LOGIN, &ALICES).await.is(303);
    assert_ne!(person.session(), before.as_deref());
}

pub(super) async fn wrong(stage: &mut Stage<'_>) {
    let long = "x".repeat(2000);
    for fields in [
        [("email", ALICE), ("password", "not this one, no")],
        [("email", "nobody@example.com"), ("password", PASSWORD)],
        [("email", "no address"), ("password", PASSWORD)],
        [("email", ""), ("password", "")],
        [("email", ALICE), ("password", "")],
        [("email", &long), ("password", &long)],
        [("email", "a\u{0}b"), ("password", "\u{0}")],
    ] {
        let answer = attempt(stage, &fields).await;
        answer.is(401).says("E-mail or password is not right.");
        assert_eq!(answer.cookies_set(), 0, "{}", answer.step);
    }
    attempt(stage, &ALICES).await.is(303);
}

pub(super) async fn throttled(stage: &mut Stage<'_>) {
    let wrong = [
        ("email", "dora@example.com"),
        ("password", "not this one, no"),
    ];
    for status in [401, 401, 401, 401, 401, 429] {
        attempt(stage, &wrong).await.is(status);
    }
    let locked = attempt(stage, &wrong).await;
    locked.is(429).has("retry-after", "900");
    // Of others nobody says anything.
    attempt(stage, &ALICES).await.is(303);
    stage.host.advance(Duration::from_secs(100));
    let locked = attempt(stage, &wrong).await;
    locked.is(429).has("retry-after", "800");
    stage.host.advance(Duration::from_secs(801));
    attempt(stage, &wrong).await.is(401);
}

pub(super) async fn confirmed(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let page = alice
        .get(stage, "~/auth/login?reauthenticate=1&return_to=%2Fnext")
        .await;
    page.is(200).says("readonly");
    let wrong = [("password", "not this one, no")];
    let fields = [("email", ALICE), wrong[0]];
    let page = alice.submit(stage, &page, LOGIN, &fields).await;
    page.is(401);
    // Whoever confirms is who is signed in, whatever the form says.
    let fields = [("email", "bob@example.com"), ("password", PASSWORD)];
    let other = alice.submit(stage, &page, LOGIN, &fields).await;
    other.is(401);
    let answer = alice.submit(stage, &page, LOGIN, &ALICES).await;
    answer.leads_to("/next");
}
