//! The host's own routes: guards and extractors.

use std::time::Duration;

use super::steps::{machine_token, text, tokens as tokens_of};
use crate::testkit::script::ask::{Ask, with_query};
use crate::testkit::script::host_routes::{
    ADMIN, API, BROKEN_PAGE, NESTED_PAGE, OPTIONAL_SCOPE, OPTIONAL_SESSION, OPTIONAL_TOKEN,
    OPTIONAL_USER, PAGE, RECENT, RECENT_API, REPORTS, SCOPE, SESSION, TOKEN, USER,
};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

/// To the sign-in page and back.
pub(super) async fn pages(stage: &mut Stage<'_>) {
    let query = format!("{PAGE}?x=1&y=%2F");
    let led = Person::new().get(stage, &query).await;
    let login = stage.path("~/auth/login");
    let way = with_query(&login, &[("return_to", &stage.path(&query))]);
    assert!(way.ends_with("%2Fhost%2Fpage%3Fx%3D1%26y%3D%252F"), "{way}");
    led.leads_to(&way);
    // A form's address cannot be come back to.
    let posted = stage.ask(Ask::post(PAGE).form(&[("x", "1")])).await;
    posted.leads_to(&format!("{login}?return_to=%2F"));
    let mut alice = Person::new();
    let page = alice.visit(stage, &query).await;
    let fields = super::sign_in::ALICES;
    let back = alice.submit(stage, &page, "~/auth/login", &fields).await;
    back.leads_to(&stage.path(&query));
    let page = alice.get(stage, &query).await;
    page.is(200).has("cache-control", "no-store").says("page");
    let post = Ask::post(PAGE).same_origin().form(&[("x", "1")]);
    alice.ask(stage, post).await.is(200).says("page");
    stage.host.advance(Duration::from_mins(31));
    alice.get(stage, PAGE).await.is(303);
}

/// 401, as JSON for programs and as a page for people.
pub(super) async fn apis(stage: &mut Stage<'_>) {
    let ask = Ask::get(API);
    stage.ask(ask.clone()).await.refuses(401, "unauthenticated");
    stage
        .ask(ask.clone().wants_json())
        .await
        .refuses(401, "unauthenticated");
    let page = stage.ask(ask.clone().wants_html()).await;
    page.is(401).has("content-type", "text/html; charset=utf-8");
    stage.ask(ask.bearer("x")).await.is(401);
    let mut alice = Person::alice(stage).await;
    alice.get(stage, API).await.is(200).says("api");
}

pub(super) async fn recent(stage: &mut Stage<'_>) {
    let login = stage.path("~/auth/login");
    let mut nobody = Person::new();
    let led = nobody.get(stage, RECENT).await;
    let recent = stage.path(RECENT);
    led.leads_to(&with_query(&login, &[("return_to", &recent)]));
    nobody.get(stage, RECENT_API).await.is(401);
    let mut alice = Person::alice(stage).await;
    stage.host.advance(Duration::from_mins(10));
    for path in [RECENT, RECENT_API] {
        alice.get(stage, path).await.is(200).says("recent");
    }
    stage.host.advance(Duration::from_secs(1));
    let led = alice.get(stage, RECENT).await;
    let again = [("return_to", recent.as_str()), ("reauthenticate", "1")];
    led.leads_to(&with_query(&login, &again));
    alice.get(stage, RECENT_API).await.is(403);
    let json = Ask::get(RECENT_API).wants_json();
    let json = alice.ask(stage, json).await;
    json.refuses(403, "recent_sign_in_required");
    // Confirmed, it goes on where it was.
    let page = alice.get(stage, led.redirect().unwrap()).await;
    let fields = super::sign_in::ALICES;
    let back = alice.submit(stage, &page, "~/auth/login", &fields).await;
    back.leads_to(&recent);
    alice.get(stage, RECENT).await.is(200);
}

/// 401 and 403 as RFC 6750 §3 says.
pub(super) async fn scopes(stage: &mut Stage<'_>) {
    let none = stage.ask(Ask::get(REPORTS)).await;
    let realm = format!("Bearer realm=\"{}\"", stage.setting().base());
    none.is(401).has("www-authenticate", &realm);
    let machine = machine_token(stage).await;
    let found = stage.ask(Ask::get(REPORTS).bearer(&machine)).await;
    found
        .is(200)
        .says("machine")
        .has("cache-control", "no-store");
    let short = stage.ask(Ask::get(ADMIN).bearer(&machine)).await;
    let challenge = short.is(403).header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"admin\""), "{challenge}");
    for bad in ["a.b.c", "nonsense"] {
        for path in [REPORTS, ADMIN] {
            let bad = stage.ask(Ask::get(path).bearer(bad)).await;
            let challenge = bad.is(401).header("www-authenticate").unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
    }
    // A session is no token.
    let mut alice = Person::alice(stage).await;
    alice.get(stage, REPORTS).await.is(401);
    let issued = tokens_of(stage, &mut alice, "openid").await;
    let ask = Ask::get(REPORTS).bearer(text(&issued, "access_token"));
    stage.ask(ask).await.is(403);
    let issued = tokens_of(stage, &mut alice, "openid reports:read").await;
    let ask = Ask::get(REPORTS).bearer(text(&issued, "access_token"));
    stage.ask(ask.clone()).await.is(200).says("rp");
    stage.host.advance(Duration::from_mins(16));
    stage.ask(ask).await.is(401);
}

pub(super) async fn people(stage: &mut Stage<'_>) {
    for path in [USER, SESSION, SCOPE] {
        stage
            .ask(Ask::get(path))
            .await
            .refuses(401, "unauthenticated");
        stage.ask(Ask::get(path).wants_html()).await.is(401);
    }
    for path in [OPTIONAL_USER, OPTIONAL_SESSION, OPTIONAL_SCOPE] {
        stage.ask(Ask::get(path)).await.is(200).says("nobody");
    }
    let mut alice = Person::alice(stage).await;
    for (path, said) in [
        (USER, "Alice"),
        (OPTIONAL_USER, "Alice"),
        (SESSION, "pwd"),
        (OPTIONAL_SESSION, "pwd"),
        (SCOPE, "Alice admin=false"),
        (OPTIONAL_SCOPE, "Alice admin=false"),
    ] {
        let found = alice.get(stage, path).await;
        found
            .is(200)
            .has("content-type", "text/plain; charset=utf-8");
        assert_eq!(found.text, said, "{}", found.step);
    }
    let odd = Ask::get(OPTIONAL_USER).header("cookie", b"\xff=\xfe");
    stage.ask(odd).await.is(200).says("nobody");
}

pub(super) async fn tokens(stage: &mut Stage<'_>) {
    stage.ask(Ask::get(TOKEN)).await.is(401);
    let none = stage.ask(Ask::get(OPTIONAL_TOKEN)).await;
    none.is(200).says("no token");
    // One that is there must be good.
    for path in [TOKEN, OPTIONAL_TOKEN] {
        stage.ask(Ask::get(path).bearer("a.b.c")).await.is(401);
    }
    let machine = machine_token(stage).await;
    for path in [TOKEN, OPTIONAL_TOKEN] {
        let found = stage.ask(Ask::get(path).bearer(&machine)).await;
        found.is(200).says("machine");
    }
}

/// Under a mount the way back is the whole path.
pub(super) async fn nested(stage: &mut Stage<'_>) {
    let query = format!("{NESTED_PAGE}?x=1");
    let led = Person::new().get(stage, &query).await;
    let login = stage.path("~/auth/login");
    led.leads_to(&with_query(&login, &[("return_to", &stage.path(&query))]));
    let mut alice = Person::alice(stage).await;
    alice.get(stage, &query).await.is(200).says("nested");
}

/// What a handler answers is its own, and still private.
pub(super) async fn broken(stage: &mut Stage<'_>) {
    Person::new().get(stage, BROKEN_PAGE).await.is(303);
    let mut alice = Person::alice(stage).await;
    let broken = alice.get(stage, BROKEN_PAGE).await;
    broken
        .is(500)
        .has("cache-control", "no-store")
        .says("broken");
}

/// A credential that reached the proxy in clear is not looked at.
pub(super) async fn forwarded(stage: &mut Stage<'_>) {
    let led = stage.setting().trusts_its_peer();
    let mut alice = Person::alice(stage).await;
    for path in [
        PAGE,
        API,
        USER,
        OPTIONAL_USER,
        SCOPE,
        REPORTS,
        OPTIONAL_TOKEN,
    ] {
        let ask = Ask::get(path).header("x-forwarded-proto", "http");
        let answer = alice.ask(stage, ask).await;
        if led {
            answer.leads_to(&stage.url(path));
        } else {
            assert_ne!(answer.status.as_u16(), 303, "{}", answer.step);
        }
    }
}
