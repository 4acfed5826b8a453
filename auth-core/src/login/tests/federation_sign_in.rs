//! Signing in with others, as honest people and providers do it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::email_kit::unlimited;
use super::factors::*;
use super::federation_kit::*;
use super::harness::*;
use crate::ground::Clock as _;
use crate::login::federation::ResponseMode;
use crate::login::{HookError, LifecycleHooks, NewIdentity, Upstream};
use crate::services::Event;
use crate::store::SessionId;
use crate::testkit::upstream::FakePerson;

#[tokio::test]
async fn somebody_new_gets_an_account_and_is_known_the_next_time() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let person = ada().claim("name", json!("Ada Lovelace"));
    let mut browser = house.browser();
    let page = browser.get("/auth/login").await;
    assert!(page.body.contains("id=\"with_corp\""), "{}", page.body);
    let answer = browser.sign_in_with("corp", &there, &person).await;
    assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"));
    assert_eq!(browser.attempts(), Vec::<String>::new(), "the cookie goes");
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["user"]["email_verified"], true);
    assert_eq!(session["user"]["name"], "Ada Lovelace");
    assert_eq!(session["session"]["amr"], json!(["fed"]));
    assert_eq!(session["session"]["acr"], "1");
    let user = browser.user_id().await.expect("user");
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(identity.last_used_at, Some(house.clock.now()));
    assert_eq!(
        (identity.user_id, identity.upstream),
        (user.clone(), "corp".to_owned())
    );
    assert_eq!(identity.tokens, None, "not asked for");
    assert_eq!(house.count(|e| matches!(e, Event::Registered { .. })), 1);
    assert_eq!(
        house.count(|e| matches!(e, Event::IdentityLinked { .. })),
        1
    );

    let mut other = house.browser();
    let answer = other
        .get("/auth/login/with/corp?return_to=/reports&remember=1")
        .await;
    let response = there
        .authorize(answer.location(), &person)
        .expect("request");
    let answer = other.come_back(&response).await;
    assert_eq!(answer.location(), "/reports");
    assert_eq!(other.user_id().await, Some(user));
    let session = other.get_json("/auth/session").await.json();
    assert_eq!(session["session"]["remember"], true);
    assert_eq!(house.count(|e| matches!(e, Event::Registered { .. })), 1);
}

#[tokio::test]
async fn the_second_factor_is_asked_for_after_another_provider_too() {
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    assert_eq!(browser.session_cookie(), None);
    let answer = browser.give_code(&app.next_code(&house)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let session = browser.get_json("/auth/session").await.json();
    assert_eq!(session["session"]["amr"], json!(["fed", "otp", "mfa"]));
    let id = browser.session_id().await.expect("session");
    let origins = &house.core.stores.upstream_sessions;
    let origin = origins.upstream_session(&SessionId::new(id)).await;
    let origin = origin.expect("store").expect("kept on the way");
    assert_eq!(
        (origin.upstream, origin.subject),
        ("corp".to_owned(), "ada-there".to_owned())
    );
    assert!(origin.sid.is_some());
}

#[tokio::test]
async fn two_tabs_and_two_providers_do_not_disturb_each_other() {
    let clock = House::midday();
    let (one, two) = (provider(&clock).await, provider(&clock).await);
    let upstreams = [
        upstream("one", &one).trust_email(),
        upstream("two", &two).trust_email(),
    ];
    let house = house_at(clock, unlimited(settings()).sign_in_with(upstreams));
    let mut browser = house.browser();
    let (first, second) = (
        browser.begin_with("one").await,
        browser.begin_with("one").await,
    );
    let third = browser.begin_with("two").await;
    assert_eq!(browser.attempts().len(), 3);
    let last = two.authorize(&third, &ada()).expect("request");
    let early = one.authorize(&first, &ada()).expect("request");
    let late = one.authorize(&second, &ada()).expect("request");
    // The last begun comes back first.
    for response in [last, late, early] {
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/", "{}", answer.body);
    }
    assert_eq!(browser.attempts().len(), 0);
    // The same verified address at two trusted providers is one account.
    assert_eq!(house.count(|e| matches!(e, Event::Registered { .. })), 1);
    let user = browser.user_id().await.expect("user");
    let identities = house.core.stores.identities.identities_of(&user).await;
    assert_eq!(identities.expect("store").len(), 2);
}

#[tokio::test]
async fn a_posted_answer_finds_its_cookie() {
    let (house, there) = house_with(|mut corp| {
        corp.response_mode = ResponseMode::FormPost;
        corp.trust_email()
    })
    .await;
    let mut browser = house.browser();
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, &ada()).expect("request");
    assert!(response.is_post);
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    assert!(browser.is_signed_in().await);

    // What was posted long ago is nothing any more.
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, &ada()).expect("request");
    let answer = browser
        .post("/auth/callback/corp", &fields(&response.parameters))
        .await;
    let next = answer.location().to_owned();
    assert!(next.starts_with("/auth/callback/corp?response="), "{next}");
    house.clock.advance(Duration::from_mins(2));
    let answer = browser.get(&next).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("id=\"retry\""));
}

fn fields(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = parameters.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[tokio::test]
async fn a_browser_has_eight_attempts_and_each_a_quarter_of_an_hour() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    let oldest = browser.begin_with("corp").await;
    house.clock.advance(Duration::from_secs(1));
    let mut last = String::new();
    for _ in 0..8 {
        last = browser.begin_with("corp").await;
    }
    assert_eq!(browser.attempts().len(), 8);
    let response = there.authorize(&oldest, &ada()).expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "it gave way");
    let response = there.authorize(&last, &ada()).expect("request");
    house.clock.advance(Duration::from_mins(15));
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "too late");
    assert!(!browser.is_signed_in().await);
    // However long the way back is, the cookies stay small.
    let long = format!("/auth/login/with/corp?return_to=/{}", "x".repeat(1_900));
    for _ in 0..8 {
        browser.get(&long).await;
    }
    let sizes = browser
        .cookies
        .iter()
        .map(|(name, value)| name.len() + value.len());
    assert!(sizes.sum::<usize>() < 8 * 1024);
}

#[tokio::test]
async fn scripts_get_json() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    let begun = browser.get_json("/auth/login/with/corp").await.json();
    let url = begun["next"].as_str().expect("next").to_owned();
    let response = there.authorize(&url, &ada()).expect("request");
    let answer = browser.get_json(&response.path_and_query()).await.json();
    assert_eq!(answer["next"], "/");
    assert!(answer["user"]["id"].is_string());
    let again = browser.get_json(&response.path_and_query()).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(again.json()["code"], "attempt_lost");
    let login = browser.context("/auth/login").await;
    assert_eq!(login["upstreams"][0]["name"], "corp");
    assert_eq!(login["upstreams"][0]["url"], "/auth/login/with/corp");
}

#[tokio::test]
async fn a_provider_that_is_down_gets_a_clear_page_and_other_ways_work() {
    let (house, there) = house_with(Upstream::trust_email).await;
    house.account(ADA).await;
    there.bend(|faults| faults.down = true);
    let mut browser = house.browser();
    let answer = browser.get("/auth/login/with/corp?return_to=/x").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.body.contains("id=\"login\"") && answer.body.contains("return_to=%2Fx"));
    assert_eq!(browser.attempts().len(), 0);
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.location(), "/");

    there.straighten();
    house.clock.advance(Duration::from_mins(5));
    let mut browser = house.browser();
    let url = browser.begin_with("corp").await;
    let response = there.authorize(&url, &ada()).expect("request");
    there.bend(|faults| faults.down = true);
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("id=\"retry\""));
    assert!(!browser.is_signed_in().await);
}

struct Door;

#[async_trait]
impl LifecycleHooks for Door {
    async fn enrich_new_user(
        &self,
        claims: &mut Map<String, Value>,
        from: &NewIdentity<'_>,
    ) -> Result<(), HookError> {
        if from.claims["department"] != "engines" {
            return Err(HookError::Refused("Engines only.".to_owned()));
        }
        assert_eq!(from.upstream, "corp");
        claims.insert("zoneinfo".to_owned(), json!("Europe/London"));
        Ok(())
    }
}

#[tokio::test]
async fn the_host_refuses_or_enriches_who_is_new() {
    let login = unlimited(settings()).lifecycle_hooks(Door);
    let (house, there) = house_of(login, Upstream::trust_email).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("Engines only."));
    assert!(house.identity(&there, "ada-there").await.is_none());
    let person = ada().claim("department", json!("engines"));
    let answer = browser.sign_in_with("corp", &there, &person).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    let user = browser.user_id().await.expect("user");
    assert_eq!(
        house.user_by(&user).await.claims["zoneinfo"],
        "Europe/London"
    );
}

#[tokio::test]
async fn where_registration_is_closed_nobody_new_gets_in() {
    let login = unlimited(settings()).registration(false);
    let (house, there) = house_of(login, Upstream::trust_email).await;
    let mut browser = house.browser();
    for person in [ada(), FakePerson::new("nobody")] {
        let answer = browser.sign_in_with("corp", &there, &person).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
        assert!(!browser.is_signed_in().await);
    }
    // Whoever has an account is let in.
    let user = house.verified(ADA).await;
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/");
    assert_eq!(browser.user_id().await, Some(user.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_one_new_identity_makes_one_account_however_often_it_comes() {
    let (house, there) = house_with(|corp| corp).await;
    let person = FakePerson::new("without-address");
    let house = Arc::new(house);
    let there = Arc::new(there);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (house, there, person) = (house.clone(), there.clone(), person.clone());
        tasks.spawn(async move {
            let mut browser = house.browser();
            let answer = browser.sign_in_with("corp", &there, &person).await;
            assert_eq!(answer.location(), "/", "{}", answer.body);
            browser.user_id().await.expect("user")
        });
    }
    let users = tasks.join_all().await;
    assert!(users.iter().all(|user| *user == users[0]));
    assert_eq!(house.count(|e| matches!(e, Event::Registered { .. })), 1);
}

#[test]
fn names_and_issuers_are_each_providers_own() {
    let openid =
        |name: &str| Upstream::openid(name, "https://id.example", "app").secret_in_header("secret");
    let twice = settings().sign_in_with([openid("corp"), openid("corp")]);
    let error = twice.validate().expect_err("two of one name");
    assert_eq!(error.setting, "sign_in_with");
    // An entry that asks an API who came must not speak for one whose tokens are signed (threat 09).
    let api = Upstream::oauth2(
        "api",
        "https://api.example/authorize",
        "https://api.example/token",
        "app",
    )
    .secret_in_body("secret")
    .user_info("https://api.example/me")
    .profile(crate::login::ProfileMap {
        subject: &["/id"],
        ..crate::login::ProfileMap::default()
    });
    let borrowed = api.clone().issuer("https://id.example");
    let error = settings().sign_in_with([openid("corp"), borrowed]);
    assert_eq!(
        error.validate().expect_err("borrowed").setting,
        "sign_in_with"
    );
    assert_eq!(
        settings().sign_in_with([openid("corp"), api]).validate(),
        Ok(())
    );
}
