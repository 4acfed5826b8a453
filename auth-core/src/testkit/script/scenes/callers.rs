//! Sessions, tokens and API keys on one route; who may what.

use std::time::Duration;

use super::steps::{machine_token, text, tokens};
use crate::testkit::script::ask::Ask;
use crate::testkit::script::host::{KEY, TOKEN_COOKIE};
use crate::testkit::script::host_routes::{
    ADDRESS, ADMINISTRATOR, BUYER, CALLER, CALLS, CALLS_ADMIN, CALLS_REPORTS, FORM,
    OPTIONAL_CALLER, ORGANIZATION, OWNER, OWNER_API, RECENT_TOKEN, STRONG_TOKEN, TOKEN,
};
use crate::testkit::script::person::Person;
use crate::testkit::script::stage::Stage;

const KEY_HEADER: &str = "x-api-key";

/// A credential in a header decides, whatever the cookies say.
pub(super) async fn credentials(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let machine = machine_token(stage).await;
    for path in [CALLER, OPTIONAL_CALLER] {
        let called = alice.get(stage, path).await;
        called.is(200).says("in person");
        let by_token = stage.ask(Ask::get(path).bearer(&machine)).await;
        by_token.is(200).says("machine");
        let by_key = stage.ask(Ask::get(path).header(KEY_HEADER, KEY)).await;
        by_key.is(200).says("billing");
        stage.ask(Ask::get(path).bearer(KEY)).await.is(200);
        for bad in [
            Ask::get(path).bearer("a.b.c"),
            Ask::get(path).bearer("acme_live_other"),
            Ask::get(path).header(KEY_HEADER, "other"),
        ] {
            let refused = alice.ask(stage, bad).await;
            let challenge = refused.is(401).header("www-authenticate").unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
        let both = Ask::get(path).bearer(&machine).header(KEY_HEADER, KEY);
        stage.ask(both).await.is(400);
    }
    let nobody = stage.ask(Ask::get(CALLER)).await;
    let realm = format!("Bearer realm=\"{}\"", stage.setting().base());
    nobody.is(401).has("www-authenticate", &realm);
    let nobody = stage.ask(Ask::get(OPTIONAL_CALLER)).await;
    nobody.is(200).says("nobody");
}

pub(super) async fn scopes(stage: &mut Stage<'_>) {
    let machine = machine_token(stage).await;
    let mut alice = Person::alice(stage).await;
    // A session may what the person may; a token or a key what its scopes say.
    for path in [CALLS, CALLS_REPORTS, CALLS_ADMIN] {
        let called = alice.get(stage, path).await;
        called.is(200).has("cache-control", "no-store");
        stage.ask(Ask::get(path)).await.is(401);
        let status = if path == CALLS_ADMIN { 403 } else { 200 };
        for ask in [
            Ask::get(path).bearer(&machine),
            Ask::get(path).header(KEY_HEADER, KEY),
        ] {
            stage.ask(ask).await.is(status);
        }
    }
}

/// By cookie nothing is changed unless a page of this origin asks for it.
pub(super) async fn cookies(stage: &mut Stage<'_>) {
    let mut alice = Person::alice(stage).await;
    let machine = machine_token(stage).await;
    let cookie = format!("{TOKEN_COOKIE}={machine}");
    for path in [TOKEN, CALLER] {
        let found = stage.ask(Ask::get(path).header("cookie", &cookie)).await;
        found.is(200).says("machine");
    }
    let post = || Ask::post(CALLS).form(&[]);
    let by_token = || post().header("cookie", &cookie);
    stage.ask(by_token()).await.is(403);
    stage.ask(by_token().same_origin()).await.is(200);
    alice.ask(stage, post()).await.is(403);
    alice.ask(stage, post().same_origin()).await.is(200);
    stage.ask(post().header(KEY_HEADER, KEY)).await.is(200);
    stage.ask(post().bearer(&machine)).await.is(200);
}

/// A form of the host's own that carries no token.
pub(super) async fn same_origin(stage: &mut Stage<'_>) {
    let form = || Ask::post(FORM).form(&[("x", "1")]);
    stage.ask(form()).await.is(403);
    let elsewhere = form().header("sec-fetch-site", "cross-site");
    stage.ask(elsewhere.wants_html()).await.is(403);
    let here = stage.ask(form().same_origin()).await;
    here.is(200).says("form").has("cache-control", "no-store");
}

pub(super) async fn roles(stage: &mut Stage<'_>) {
    let guarded = [ORGANIZATION, OWNER, BUYER, ADMINISTRATOR];
    for path in guarded {
        stage.ask(Ask::get(path)).await.is(303);
    }
    stage.ask(Ask::get(OWNER_API)).await.is(401);
    let mut alice = Person::alice(stage).await;
    for (path, status) in guarded.into_iter().zip([200, 200, 403, 403]) {
        alice.get(stage, path).await.is(status);
    }
    alice.get(stage, OWNER_API).await.is(200).says("owner");
}

/// What a handler of the host's is told of where a request came from.
pub(super) async fn address(stage: &mut Stage<'_>) {
    let peer = stage.ask(Ask::get(ADDRESS)).await;
    assert_eq!(peer.is(200).text, "127.0.0.1");
    let vouched = Ask::get(ADDRESS).header("x-forwarded-for", "192.0.2.9, 198.51.100.7");
    let vouched = stage.ask(vouched).await;
    let trusted = stage.setting().trusts_its_peer();
    let expected = if trusted { "198.51.100.7" } else { "127.0.0.1" };
    assert_eq!(vouched.is(200).text, expected);
}

/// A token whose user has to sign in again, or more strongly (RFC 9470 §3).
pub(super) async fn step_up(stage: &mut Stage<'_>) {
    for path in [RECENT_TOKEN, STRONG_TOKEN] {
        let none = stage.ask(Ask::get(path)).await;
        let challenge = none.is(401).header("www-authenticate").unwrap();
        assert!(!challenge.contains("error="), "{challenge}");
    }
    let mut alice = Person::alice(stage).await;
    let issued = tokens(stage, &mut alice, "openid reports:read").await;
    let token = text(&issued, "access_token").to_owned();
    let recent = || Ask::get(RECENT_TOKEN).bearer(&token);
    stage.ask(recent()).await.is(200).says("recent");
    stage
        .host
        .advance(Duration::from_mins(10) + Duration::from_secs(1));
    let machine = machine_token(stage).await;
    for (ask, wanted) in [
        (recent(), "max_age=\"600\""),
        // Nobody signed in for it, ever.
        (Ask::get(RECENT_TOKEN).bearer(&machine), "max_age=\"600\""),
        (
            Ask::get(STRONG_TOKEN).bearer(&token),
            "acr_values=\"gold silver\"",
        ),
    ] {
        let stale = stage.ask(ask).await;
        let challenge = stale.is(401).header("www-authenticate").unwrap();
        assert!(challenge.contains(wanted), "{challenge}");
        let error = "error=\"insufficient_user_authentication\"";
        assert!(challenge.contains(error), "{challenge}");
    }
}
