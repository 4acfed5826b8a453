//! Signing out there too, and being signed out from there.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::factors::{addresses_unlimited, enrol};
use super::federation_kit::*;
use super::harness::*;
use crate::login::{SessionEnd, Upstream};
use crate::services::Event;
use crate::store::SessionId;
use crate::testkit::upstream::{FakePerson, FakeProvider};

#[tokio::test]
async fn signing_out_leads_on_to_the_provider_where_that_is_wanted() {
    let (house, there) = house_with(|corp| corp.trust_email().sign_out_there()).await;
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    let id = browser.session_id().await.expect("session");
    let page = browser.get("/auth/logout").await;
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(!policy.contains("form-action"), "the form leads on");
    let answer = browser.fill_in("/auth/logout", &[]).await;
    let next = url::Url::parse(answer.location()).expect("URL");
    assert!(
        answer.location().starts_with(&there.url("/end-session")),
        "{next}"
    );
    let query: std::collections::HashMap<_, _> = next.query_pairs().into_owned().collect();
    assert_eq!(
        query["post_logout_redirect_uri"],
        "https://app.example.com/auth/signed-out"
    );
    assert_eq!(query["client_id"], CLIENT);
    assert!(query["id_token_hint"].split('.').count() == 3);
    // It has ended here first, whatever becomes of it there.
    assert!(!browser.is_signed_in().await);
    let origins = &house.core.stores.upstream_sessions;
    let left = origins.upstream_session(&SessionId::new(id)).await;
    assert_eq!(left.expect("store"), None);
}

/// The session has ended before the browser went there, so there is nothing that a `state` could bind.
#[tokio::test]
async fn coming_back_from_signing_out_there_needs_no_state() {
    let (house, there) = house_with(|corp| corp.trust_email().sign_out_there()).await;
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    browser.fill_in("/auth/logout", &[]).await;
    for back in ["", "?state=another", "?state=a&state=b"] {
        let answer = browser.get(&format!("/auth/signed-out{back}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{back}");
        assert!(!answer.body.contains("another"), "{back}");
    }
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn elsewhere_signing_out_stays_here() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    let page = browser.get("/auth/logout").await;
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(policy.contains("form-action 'self'"));
    let answer = browser.fill_in("/auth/logout", &[]).await;
    assert_eq!(answer.location(), "/auth/signed-out");
    // Nor does a session lead there that was begun with a password since.
    let (house, there) = house_with(|corp| corp.trust_email().sign_out_there()).await;
    house.verified(ADA).await;
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    browser.sign_in(ADA, PASSWORD).await;
    let answer = browser.fill_in("/auth/logout", &[]).await;
    assert_eq!(answer.location(), "/auth/signed-out");
}

#[tokio::test]
async fn the_way_back_is_kept_over_the_sign_out_at_the_provider() {
    let (house, there) = house_with(|corp| corp.trust_email().sign_out_there()).await;
    let there_and = |answer: &Answer| answer.location().starts_with(&there.url("/end-session"));
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    let fields = [("return_to", "/goodbye?x=1")];
    let answer = browser.fill_in("/auth/logout", &fields).await;
    assert!(there_and(&answer), "{}", answer.location());
    assert!(!answer.location().contains("goodbye"), "it stays here");
    let cookies = browser.cookies.clone();
    let answer = browser.get("/auth/signed-out").await;
    assert_eq!(answer.location(), "/goodbye?x=1", "{}", answer.body);
    // Once, and not for ever.
    let answer = browser.get("/auth/signed-out").await;
    assert_eq!(answer.status, StatusCode::OK);
    let (mut other, _) = enter(&house, &there, &ada()).await;
    let long = format!("/goodbye?x={}", "y".repeat(1_500));
    other.fill_in("/auth/logout", &[("return_to", &long)]).await;
    let answer = other.get("/auth/signed-out").await;
    assert_eq!(answer.location(), long, "{}", answer.body);
    // Where the last person was going is nothing to the next one.
    let (mut next, _) = enter(&house, &there, &ada()).await;
    next.fill_in("/auth/logout", &fields).await;
    next.sign_in_with("corp", &there, &ada()).await;
    next.fill_in("/auth/logout", &[]).await;
    let answer = next.get("/auth/signed-out").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.location());
    browser.cookies = cookies;
    house.clock.advance(Duration::from_mins(11));
    let answer = browser.get("/auth/signed-out").await;
    assert_eq!(answer.status, StatusCode::OK);
    // Nor anywhere else.
    for bad in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let (mut browser, _) = enter(&house, &there, &ada()).await;
        let answer = browser.fill_in("/auth/logout", &[("return_to", bad)]).await;
        assert!(there_and(&answer), "{}", answer.location());
        let answer = browser.get("/auth/signed-out").await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{bad}: {}",
            answer.location()
        );
    }
}

#[tokio::test]
async fn threat_03_a_way_back_that_somebody_plants_leads_nowhere() {
    let (house, there) = house_with(|corp| corp.trust_email().sign_out_there()).await;
    let (mut mallory, _) = enter(&house, &there, &ada()).await;
    let (attempt, sealed) = {
        mallory.begin_with("corp").await;
        let name = mallory.attempts().remove(0);
        (name.clone(), mallory.cookies[&name].clone())
    };
    for planted in ["/evil", "L2V2aWw", &sealed] {
        let mut browser = house.browser();
        let name = "__Host-auth_signed_out";
        browser.cookies.insert(name.to_owned(), planted.to_owned());
        let answer = browser.get("/auth/signed-out").await;
        assert_eq!(answer.status, StatusCode::OK, "{attempt}");
    }
}

#[tokio::test]
async fn a_host_that_signs_somebody_in_anew_forgets_what_was_behind_the_session() {
    use crate::login::SignInRequest;
    let (house, there) = house_with(|corp| corp.trust_email().sign_out_there()).await;
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let id = browser.session_id().await.expect("session");
    let mut headers = http::HeaderMap::new();
    let cookie = browser.session_cookie().expect("cookie");
    let cookie = format!("{SESSION_COOKIE}={cookie}");
    headers.insert(http::header::COOKIE, cookie.parse().expect("header"));
    let request = SignInRequest {
        headers: &headers,
        address: None,
        remember: false,
    };
    let new = house.wing.sign_in(&user, &["pwd"], request).await;
    let new = new.expect("session");
    assert_eq!(new.session.id.as_str(), id, "it goes on");
    assert_eq!(new.session.amr, ["pwd"]);
    let origins = &house.core.stores.upstream_sessions;
    let left = origins.upstream_session(&new.session.id).await;
    assert_eq!(left.expect("store"), None);
    // So the provider has no say in it any more.
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    house.tell_back(&token).await;
    let sessions = &house.core.stores.sessions;
    let left = sessions.session(&new.session.id).await.expect("store");
    assert!(left.is_some());
}

#[tokio::test]
async fn the_back_channel_ends_the_session_with_this_sid_or_all_of_the_subject() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut one, first) = enter(&house, &there, &ada()).await;
    let (mut two, _) = enter(&house, &there, &ada()).await;
    let bob = FakePerson::new("bob-there").email(BOB, true);
    let (mut bob, _) = enter(&house, &there, &bob).await;
    let token = there.logout_token(CLIENT, None, Some(&first));
    let answer = house.tell_back(&token).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, ""),
        "{}",
        answer.body
    );
    assert!(!one.is_signed_in().await);
    assert!(two.is_signed_in().await && bob.is_signed_in().await);
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    assert!(!two.is_signed_in().await && bob.is_signed_in().await);
    assert_eq!(
        house.count(|e| matches!(e, Event::UpstreamLogout { .. })),
        2
    );
    // The rest of the house hears of it, so that other apps are signed out too.
    let why: Vec<_> = house.ended().into_iter().map(|ended| ended.why).collect();
    assert_eq!(why, [SessionEnd::EndedUpstream, SessionEnd::EndedUpstream]);
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let (house, there) = house_with(Upstream::trust_email).await;
    enter(&house, &there, &ada()).await;
    let token = there.logout_token(CLIENT, Some("ada-there"), None);
    assert_eq!(house.tell_back(&token).await.status, StatusCode::OK);
    house.clock.advance(Duration::from_secs(1));
    let (mut browser, _) = enter(&house, &there, &ada()).await;
    let answer = house.tell_back(&token).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"], "invalid_request");
    assert!(browser.is_signed_in().await, "a replay ends nothing");
}

#[tokio::test]
async fn a_logout_token_that_breaks_a_rule_ends_nothing() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut browser, sid) = enter(&house, &there, &ada()).await;
    let set = |name: &str, value| (name.to_owned(), Some(value));
    for change in [
        set("iss", json!("https://evil.example")),
        set("aud", json!("another")),
        set("nonce", json!("n")),
        set("events", json!({})),
        set("events", json!({ "https://example.com/event": {} })),
        set(
            "events",
            json!("http://schemas.openid.net/event/backchannel-logout"),
        ),
        set("exp", json!(1)),
        set("iat", json!("now")),
        ("jti".to_owned(), None),
        ("events".to_owned(), None),
        ("iat".to_owned(), None),
    ] {
        there.straighten();
        there.bend(|faults| faults.logout = vec![change.clone()]);
        let token = there.logout_token(CLIENT, Some("ada-there"), Some(&sid));
        let answer = house.tell_back(&token).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{change:?}");
        assert!(browser.is_signed_in().await, "{change:?}");
    }
    for algorithm in ["none", "HS256", "RS256"] {
        there.straighten();
        there.bend(|faults| faults.header = vec![set("alg", json!(algorithm))]);
        let token = there.logout_token(CLIENT, Some("ada-there"), Some(&sid));
        let answer = house.tell_back(&token).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{algorithm}");
    }
    there.straighten();
    let neither = there.logout_token(CLIENT, None, None);
    assert_eq!(
        house.tell_back(&neither).await.status,
        StatusCode::BAD_REQUEST
    );
    there.bend(|faults| faults.signature = true);
    let forged = there.logout_token(CLIENT, Some("ada-there"), None);
    assert_eq!(
        house.tell_back(&forged).await.status,
        StatusCode::BAD_REQUEST
    );
    for nothing in ["", "a.b.c"] {
        assert_eq!(
            house.tell_back(nothing).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    assert!(browser.is_signed_in().await);
}

/// Where a page of the provider has this browser told.
fn front(iss: &str, sid: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("iss", iss)
        .append_pair("sid", sid)
        .finish();
    format!("/auth/frontchannel-logout/corp?{query}")
}

#[tokio::test]
async fn threat_55_the_front_channel_ends_only_the_session_it_names_in_this_browser() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let (mut browser, sid) = enter(&house, &there, &ada()).await;
    let (mut other, _) = enter(&house, &there, &ada()).await;
    for wrong in [
        front("https://evil.example", &sid),
        front(there.issuer(), "another"),
        format!("/auth/frontchannel-logout/corp?sid={sid}"),
        "/auth/frontchannel-logout/corp".to_owned(),
    ] {
        let answer = browser.get(&wrong).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(browser.is_signed_in().await, "{wrong}");
    }
    let right = front(there.issuer(), &sid);
    other.get(&right).await;
    house.browser().get(&right).await;
    assert!(browser.is_signed_in().await && other.is_signed_in().await);
    let answer = browser.get(&right).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    assert!(
        !answer.headers.contains_key("x-frame-options"),
        "it is shown in a frame"
    );
    assert!(!browser.is_signed_in().await && other.is_signed_in().await);
}

/// The provider's page tells the browser of this session there, or of another, after a stranger's page has tried.
async fn hears_of(browser: &mut Browser<'_>, there: &FakeProvider, sid: Option<String>) {
    let sid = sid.as_deref().unwrap_or("another");
    let cookies = browser.cookies.clone();
    browser.get(&front("https://evil.example", sid)).await;
    assert_eq!(browser.cookies, cookies);
    browser.get(&front(there.issuer(), sid)).await;
}

#[tokio::test]
async fn the_front_channel_ends_what_waits_in_this_browser() {
    // For a second factor.
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    for is_named in [false, true] {
        let mut browser = house.browser();
        let url = browser.begin_with("corp").await;
        let response = there.authorize(&url, &ada()).expect("request");
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/auth/second-factor");
        let cookies = browser.cookies.clone();
        let sid = response.sid.filter(|_| is_named);
        hears_of(&mut browser, &there, sid).await;
        assert_eq!(browser.cookies != cookies, is_named);
        // Nor does it help to keep the cookie.
        browser.cookies = cookies;
        let answer = browser.get("/auth/second-factor").await;
        assert_eq!(answer.status == StatusCode::OK, !is_named);
        if !is_named {
            browser.give_code(&app.next_code(&house)).await;
        }
        assert_eq!(browser.is_signed_in().await, !is_named);
    }
    // For the button that makes an account.
    let (house, there) = house_with(|corp| corp).await;
    for is_named in [true, false] {
        let mut browser = house.browser();
        let url = browser.begin_with("corp").await;
        let response = there.authorize(&url, &ada()).expect("request");
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/auth/link-first");
        let cookies = browser.cookies.clone();
        let sid = response.sid.filter(|_| is_named);
        hears_of(&mut browser, &there, sid).await;
        assert_eq!(browser.cookies != cookies, is_named);
        browser.cookies = cookies;
        let answer = browser.get("/auth/link-first").await;
        let still_asks = answer.status == StatusCode::OK;
        assert_eq!(still_asks, !is_named, "{}", answer.body);
    }
}
