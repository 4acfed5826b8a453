//! What another provider says of how somebody signed in, and confirming by it.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::federation_kit::*;
use super::harness::*;
use crate::ground::Clock as _;
use crate::login::Upstream;
use crate::services::Event;
use crate::store::SessionId;
use crate::testkit::upstream::FakePerson;

#[tokio::test]
async fn how_somebody_signed_in_counts_only_by_trust() {
    let person = ada()
        .claim("amr", json!(["pwd", "mfa"]))
        .claim("acr", json!("urn:example:gold"));
    for (trusted, amr, acr) in [
        (false, json!(["fed"]), "1"),
        (true, json!(["fed", "pwd", "mfa"]), "2"),
    ] {
        let (house, there) = house_with(|corp| {
            let corp = corp.trust_email();
            if trusted {
                corp.trust_authentication()
            } else {
                corp
            }
        })
        .await;
        let now = house.clock.now().seconds();
        let person = person.clone().signed_in_at(now - 300);
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &person).await;
        assert_eq!(answer.location(), "/", "{}", answer.body);
        let session = browser.get_json("/auth/session").await.json();
        assert_eq!(session["session"]["amr"], amr);
        assert_eq!(session["session"]["acr"], acr);
        // What it signs of the time is the latest either way.
        let at = house.clock.now() - Duration::from_mins(5);
        assert_eq!(session["session"]["auth_time"], at.rfc3339());
    }
}

#[tokio::test]
async fn who_renews_for_an_earlier_sign_in_does_not_reach_the_one_in_its_place() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    let origins = &house.core.stores.upstream_sessions;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = browser.sign_in_with("corp", &there, &ada()).await;
        assert_eq!(answer.location(), "/", "{}", answer.body);
        let id = SessionId::new(browser.session_id().await.expect("session"));
        let row = origins.upstream_session(&id).await.expect("store");
        let row = row.expect("origin");
        for earlier in &seen {
            let replaced = origins.replace_upstream_secrets(&id, *earlier, b"old");
            assert!(!replaced.await.expect("store"));
        }
        seen.push(row.version);
    }
}

#[tokio::test]
async fn words_of_another_house_do_not_pass_for_ours() {
    let (house, there) = house_with(|corp| corp.trust_email().trust_authentication()).await;
    for (said, acr) in [("2", "1"), ("urn:example:gold", "urn:example:gold")] {
        let person = ada().claim("acr", json!(said)).claim("amr", json!(["pwd"]));
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &person).await;
        assert_eq!(answer.location(), "/", "{}", answer.body);
        let session = browser.get_json("/auth/session").await.json();
        assert_eq!(session["session"]["acr"], acr, "{said}");
    }
}

#[tokio::test]
async fn somebody_without_another_way_confirms_at_the_provider() {
    let (house, there) = house_with(|corp| corp.trust_email().trust_authentication()).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/");
    let id = browser.session_id().await;
    house.clock.advance(Duration::from_mins(20));
    let answer = browser.begin_link("corp").await;
    let step_up = answer.location().to_owned();
    assert!(step_up.starts_with("/auth/step-up?"), "{step_up}");
    let context = browser.context(&step_up).await;
    let link = context["upstreams"][0]["url"]
        .as_str()
        .expect("link")
        .to_owned();
    assert_eq!(context["sign_in_url"], json!(null));
    let url = browser.get(&link).await.location().to_owned();
    assert!(
        url.contains("prompt=login") && url.contains("max_age=0"),
        "{url}"
    );

    // Somebody else there, or somebody who signed in there long ago, confirms nothing.
    let other = FakePerson::new("other");
    let response = there.authorize(&url, &other).expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    let url = browser.get(&link).await.location().to_owned();
    let stale = ada().signed_in_at(house.clock.now().seconds() - 600);
    let response = there.authorize(&url, &stale).expect("request");
    let answer = browser.come_back(&response).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
    assert_eq!(house.count(|e| matches!(e, Event::SteppedUp { .. })), 0);

    let url = browser.get(&link).await.location().to_owned();
    let response = there.authorize(&url, &ada()).expect("request");
    let before = browser.session_cookie().map(str::to_owned);
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.location(), IDENTITIES, "{}", answer.body);
    assert_ne!(browser.session_cookie().map(str::to_owned), before);
    assert_eq!(browser.session_id().await, id, "the session keeps its id");
    assert_eq!(house.count(|e| matches!(e, Event::SteppedUp { .. })), 1);
    let context = browser.context(IDENTITIES).await;
    assert_eq!(context["recent"], true);
}

#[tokio::test]
async fn a_provider_that_is_not_trusted_with_it_confirms_nothing() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let answer = browser.get("/auth/step-up/with/corp").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let context = browser.context("/auth/step-up").await;
    assert_eq!(context["upstreams"], json!([]));
    // As everybody without a method: by signing in anew, which is all that such an account has.
    assert!(context["sign_in_url"].is_string());
    house.clock.advance(Duration::from_mins(20));
    browser.sign_in_with("corp", &there, &ada()).await;
    let session = browser.get_json("/auth/session").await.json();
    let now = house.clock.now().rfc3339();
    assert_eq!(session["session"]["auth_time"], now);
    // Whoever has a password confirms by that, and by nothing less.
    let user = browser.user_id().await.expect("user");
    let set = house.wing.set_password(&user, PASSWORD.into(), true).await;
    set.expect("set");
    house.clock.advance(Duration::from_mins(20));
    browser.sign_in_with("corp", &there, &ada()).await;
    let context = browser.context("/auth/step-up").await;
    assert_eq!(context["method"], "password");
    let answer = browser.begin_link("corp").await;
    assert!(answer.location().starts_with("/auth/step-up?"));
}

#[tokio::test]
async fn an_identity_unlinked_on_the_way_to_the_second_factor_signs_nobody_in() {
    use super::factors::*;
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    first.link("corp", &there, &ada()).await;
    let (app, _) = enrol(&house, &mut first).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    let page = browser.get("/auth/second-factor").await;
    let identities = &house.core.stores.identities;
    let gone = identities.unlink_identities(&user.id).await;
    assert_eq!(gone.expect("store"), 1);
    let (token, code) = (form_token(&page.body), app.next_code(&house));
    let fields = [("form_token", token.as_str()), ("code", &code)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert!(
        answer.location().starts_with("/auth/login"),
        "{}",
        answer.body
    );
    assert!(!browser.is_signed_in().await);
}
