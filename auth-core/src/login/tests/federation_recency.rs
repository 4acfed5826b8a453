//! How recent a sign-in at another provider is, and that what was shown there is no second factor of here.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::email_kit::{mail_settings, unlimited};
use super::factors::*;
use super::federation_kit::*;
use super::harness::*;
use crate::ground::{Clock as _, Timestamp};
use crate::login::{Confirmation, Login, Upstream};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{Session, ThrottlePolicy};
use crate::testkit::upstream::FakePerson;

const LATER: Duration = Duration::from_mins(20);

fn trusted(corp: Upstream) -> Upstream {
    corp.trust_email().trust_authentication()
}

impl House {
    fn seconds_ago(&self, seconds: i64) -> i64 {
        self.clock.now().seconds() - seconds
    }
}

impl Browser<'_> {
    async fn auth_time(&mut self) -> String {
        let session = self.session_facts().await;
        session["auth_time"].as_str().expect("time").to_owned()
    }

    /// Whether what asks for a recent sign-in is let through.
    async fn passes_for_recent(&mut self) -> bool {
        let answer = self.begin_link("corp").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        !answer.location().starts_with("/auth/step-up")
    }
}

#[tokio::test]
async fn who_has_a_password_here_is_no_more_recent_by_a_provider_that_lets_anybody_through() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    house.clock.advance(LATER);
    // Nobody signed in here: the session is as old as the account.
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(browser.auth_time().await, user.created_at.rfc3339());
    assert!(!browser.passes_for_recent().await);
    // Nor does it renew the session there is: a browser left open stays as it is.
    let mut browser = house.signed_in(ADA).await;
    let before = browser.auth_time().await;
    house.clock.advance(LATER);
    for _ in 0..2 {
        browser.sign_in_with("corp", &there, &ada()).await;
        assert_eq!(browser.auth_time().await, before);
        assert!(!browser.passes_for_recent().await);
    }
    let fields = [("password", PASSWORD)];
    let answer = browser.fill_in("/auth/step-up", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(browser.auth_time().await, house.clock.now().rfc3339());
    assert!(browser.passes_for_recent().await);
    // What was proven here a moment ago stays so.
    let before = browser.auth_time().await;
    house.clock.advance(Duration::from_mins(1));
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(browser.auth_time().await, before);
    assert!(browser.passes_for_recent().await);
}

#[tokio::test]
async fn the_session_of_somebody_else_makes_nobody_recent() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    house.verified(BOB).await;
    house.clock.advance(LATER);
    let mut browser = house.signed_in(BOB).await;
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(browser.user_id().await, Some(user.id));
    assert_eq!(browser.auth_time().await, user.created_at.rfc3339());
}

#[tokio::test]
async fn who_has_nothing_here_is_as_recent_as_the_provider_lets_them_be() {
    let (house, there) = house_with(Upstream::trust_email).await;
    // It says no time.
    there.bend(|faults| faults.id_token = vec![("auth_time".to_owned(), None)]);
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    house.clock.advance(LATER);
    assert!(!browser.passes_for_recent().await);
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(browser.auth_time().await, house.clock.now().rfc3339());
    assert!(browser.passes_for_recent().await);
    // It says one: nothing is newer than that, whether or not it is believed otherwise.
    there.straighten();
    let stale = ada().signed_in_at(house.seconds_ago(3_600));
    browser.sign_in_with("corp", &there, &stale).await;
    let at = Timestamp::from_seconds(house.seconds_ago(3_600));
    assert_eq!(browser.auth_time().await, at.rfc3339());
    assert!(!browser.passes_for_recent().await);
    // The way to confirm asks the provider to ask, or it would lead nowhere.
    let context = browser.context("/auth/step-up").await;
    let again = context["sign_in_url"].as_str().expect("url").to_owned();
    let context = browser.context(&again).await;
    let link = context["upstreams"][0]["url"].as_str().expect("url");
    let url = browser.get(link).await.location().to_owned();
    assert!(url.contains("prompt=login"), "{url}");
    let response = there.authorize(&url, &ada()).expect("request");
    browser.come_back(&response).await;
    assert!(browser.passes_for_recent().await);
}

#[tokio::test]
async fn who_can_be_asked_for_a_code_by_mail_is_no_more_recent_either() {
    let (house, there) = house_of(unlimited(mail_settings()), Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    // Nobody had the account before.
    let created = browser.auth_time().await;
    assert_eq!(created, house.clock.now().rfc3339());
    assert!(browser.passes_for_recent().await);
    house.clock.advance(LATER);
    browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(browser.auth_time().await, created);
    assert!(!browser.passes_for_recent().await);
    let mut other = house.browser();
    other.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(other.auth_time().await, created);
    // The mailbox is what confirms it.
    house.mails().await;
    let asked = browser.follow("/auth/step-up", &[]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.body);
    let mail = house.mail().await;
    assert_eq!(mail.kind, MailKind::StepUpCode);
    let fields = [("email_code", mail.code.as_str())];
    let answer = browser.follow(asked.location(), &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(browser.auth_time().await, house.clock.now().rfc3339());
    assert!(browser.passes_for_recent().await);
}

#[tokio::test]
async fn where_mails_are_sent_who_has_no_address_that_they_reach_has_nothing_here() {
    for person in [
        FakePerson::new("eve"),
        FakePerson::new("bob").email(BOB, false),
    ] {
        let login = unlimited(mail_settings()).confirmation(Confirmation::Off);
        let (house, there) = house_of(login, Upstream::trust_email).await;
        let mut browser = house.browser();
        let answer = browser.sign_in_with("corp", &there, &person).await;
        if answer.location() == "/auth/link-first" {
            browser.make_account().await;
        }
        house.clock.advance(LATER);
        browser.sign_in_with("corp", &there, &person).await;
        assert_eq!(browser.auth_time().await, house.clock.now().rfc3339());
        assert!(browser.passes_for_recent().await);
    }
}

#[tokio::test]
async fn a_time_that_is_signed_is_the_latest_for_who_has_a_password_too() {
    let (house, there) = house_with(Upstream::trust_email).await;
    house.verified(ADA).await;
    house.clock.advance(LATER);
    let mut browser = house.signed_in(ADA).await;
    let stale = ada().signed_in_at(house.seconds_ago(300));
    browser.sign_in_with("corp", &there, &stale).await;
    let at = Timestamp::from_seconds(house.seconds_ago(300));
    assert_eq!(browser.auth_time().await, at.rfc3339());
    // One that is trusted with it says when, also where there is a password.
    let (house, there) = house_with(trusted).await;
    house.verified(ADA).await;
    house.clock.advance(LATER);
    let mut browser = house.browser();
    let recent = ada().signed_in_at(house.seconds_ago(60));
    browser.sign_in_with("corp", &there, &recent).await;
    let at = Timestamp::from_seconds(house.seconds_ago(60));
    assert_eq!(browser.auth_time().await, at.rfc3339());
    assert!(browser.passes_for_recent().await);
}

#[tokio::test]
async fn a_second_factor_given_now_is_a_proof_of_now_and_a_spared_one_is_none() {
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    house.clock.advance(LATER);
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    let code = app.next_code(&house);
    let fields = [("code", code.as_str()), ("trust_device", "true")];
    browser.fill_in("/auth/second-factor", &fields).await;
    assert_eq!(browser.auth_time().await, house.clock.now().rfc3339());
    browser.fill_in("/auth/logout", &[]).await;
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/", "the device is trusted");
    assert_eq!(browser.auth_time().await, user.created_at.rfc3339());
}

#[tokio::test]
async fn a_second_factor_set_up_on_the_way_makes_no_sign_in_recent() {
    let login = addresses_unlimited().mfa(crate::login::Mfa::Optional);
    let (house, there) = house_of(login, Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    house
        .wing
        .require_mfa(&user.id, true)
        .await
        .expect("required");
    house.clock.advance(LATER);
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/second-factor/enrol");
    let begun = browser
        .post_json("/auth/second-factor/enrol", &json!({}))
        .await;
    let (factor, app, _) = read_enrolment(&begun.json()["context"]["enrolment"]);
    let body = json!({ "factor": factor, "code": app.code(&house) });
    let path = "/auth/second-factor/enrol/confirm";
    let answer = browser.post_json(path, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(browser.auth_time().await, user.created_at.rfc3339());
}

#[cfg(feature = "passkeys")]
#[tokio::test]
async fn a_passkey_is_a_proof_of_here_as_a_password_is() {
    use super::passkey_device::Device;
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let created = browser.auth_time().await;
    let mut device = Device::new();
    let answer = browser.add_passkey(&mut device).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    browser.fill_in("/auth/logout", &[]).await;
    house.clock.advance(LATER);
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    let begun = browser.begin("/auth/second-factor/passkey").await;
    let given = device.get("https://app.example.com", &begun["publicKey"]);
    let given = given.await;
    let answer = browser
        .finish("/auth/second-factor/passkey", &begun, &given)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let now = house.clock.now().rfc3339();
    assert_eq!(browser.auth_time().await, now);
    assert_ne!(now, created);
}

#[tokio::test]
async fn what_a_provider_calls_several_factors_is_none_of_those_set_up_here() {
    let (house, there) = house_of(addresses_unlimited(), trusted).await;
    let person = || ada().claim("amr", json!(["pwd", "otp", "mfa"]));
    house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    // At sign-in, on a device that is spared the factor of here.
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &person()).await;
    let code = app.next_code(&house);
    let fields = [("code", code.as_str()), ("trust_device", "true")];
    browser.fill_in("/auth/second-factor", &fields).await;
    browser.fill_in("/auth/logout", &[]).await;
    let answer = browser.sign_in_with("corp", &there, &person()).await;
    assert_eq!(answer.location(), "/", "the device is trusted");
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["fed", "pwd", "otp"]));
    assert_eq!(session["acr"], "1");
    // At the step-up.
    let url = browser.get("/auth/step-up/with/corp").await;
    let response = there.authorize(url.location(), &person()).expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(browser.session_facts().await["acr"], "1");
    // So nothing that asks for the second factor is let through.
    assert!(!browser.passes_for_recent().await);
}

#[tokio::test]
async fn where_none_is_set_up_here_several_factors_there_count() {
    let (house, there) = house_of(addresses_unlimited(), trusted).await;
    let person = FakePerson::new("eve").claim("amr", json!(["pwd", "otp", "mfa"]));
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &person).await;
    let session = browser.session_facts().await;
    assert_eq!(session["acr"], "2");
}

#[tokio::test]
async fn an_age_that_is_asked_for_goes_on_to_a_provider_that_is_trusted_with_it() {
    let (house, there) = house_with(trusted).await;
    let mut browser = house.browser();
    for (asked, sent) in [
        ("max_age=60", Some("max_age=60")),
        ("max_age=-1", None),
        ("max_age=1e3", None),
        ("max_age=99999999999", None),
        ("max_age=", None),
        ("prompt=login", Some("prompt=login")),
        ("prompt=none", None),
    ] {
        let answer = browser.get(&format!("/auth/login/with/corp?{asked}")).await;
        let url = answer.location();
        match sent {
            Some(sent) => assert!(url.contains(sent), "{asked}: {url}"),
            None => assert!(!url.contains("max_age") && !url.contains("prompt"), "{url}"),
        }
    }
    // What comes back is held to it.
    for (age, is_let_in) in [(30, true), (600, false)] {
        let answer = browser.get("/auth/login/with/corp?max_age=60").await;
        let person = ada().signed_in_at(house.seconds_ago(age));
        let response = there.authorize(answer.location(), &person);
        let answer = browser.come_back(&response.expect("request")).await;
        assert_eq!(answer.location() == "/", is_let_in, "{}", answer.body);
    }
    // One that is not believed is not asked: many cannot tell.
    let (house, _there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    let answer = browser.get("/auth/login/with/corp?max_age=60").await;
    assert!(!answer.location().contains("max_age"));
}

#[tokio::test]
async fn when_a_sign_in_was_completed_is_known_whatever_it_proved() {
    let (house, there) = house_with(Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    for path in ["/auth/login/with/corp", "/auth/login/with/corp?remember=1"] {
        let mut browser = house.browser();
        for _ in 0..2 {
            house.clock.advance(LATER);
            let at = house.clock.now();
            let url = browser.get(path).await.location().to_owned();
            let response = there.authorize(&url, &ada()).expect("request");
            browser.come_back(&response).await;
            house.clock.advance(Duration::from_mins(1));
            let sessions = &house.core.stores.sessions;
            let session = sessions
                .sessions_of(&user.id)
                .await
                .expect("store")
                .remove(0);
            assert_eq!(session.auth_time, user.created_at);
            assert_eq!(house.wing.signed_in_at(&session), at);
            // One that is to live longer, or less long, than the settings say now.
            for (more, less) in [(LATER, Duration::ZERO), (Duration::ZERO, 3 * LATER)] {
                let other = Session {
                    expires_at: session.expires_at + more - less,
                    ..session.clone()
                };
                assert_eq!(house.wing.signed_in_at(&other), user.created_at);
            }
        }
        house.clock.advance(LATER);
        browser
            .fill_in("/auth/step-up", &[("password", PASSWORD)])
            .await;
        let sessions = &house.core.stores.sessions;
        let session = sessions
            .sessions_of(&user.id)
            .await
            .expect("store")
            .remove(0);
        assert_eq!(house.wing.signed_in_at(&session), house.clock.now());
        browser.fill_in("/auth/logout", &[]).await;
    }
}

/// An address may fail to sign in once in a minute.
fn strict() -> Login {
    settings().address_throttle(ThrottlePolicy {
        limit: 1,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_hours(1),
    })
}

/// They prove themselves, and then there is a second factor or a consent before they are let go.
#[tokio::test]
async fn who_takes_long_there_after_proving_themselves_is_let_in() {
    let (house, there) = house_with(trusted).await;
    for max_age in [0, 1, 30] {
        let mut browser = house.browser();
        let path = format!("/auth/login/with/corp?max_age={max_age}");
        let url = browser.get(&path).await.location().to_owned();
        house.clock.advance(Duration::from_secs(20));
        let response = there.authorize(&url, &ada()).expect("request");
        let at = house.clock.now();
        house.clock.advance(Duration::from_mins(10));
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.location(), "/", "{max_age}: {}", answer.body);
        // It counts for no more than it is.
        assert_eq!(browser.auth_time().await, at.rfc3339());
    }
    // So it is where the provider is to confirm.
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let url = browser.get("/auth/step-up/with/corp").await;
    let response = there.authorize(url.location(), &ada()).expect("request");
    house.clock.advance(Duration::from_mins(2));
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(house.count(|e| matches!(e, Event::SteppedUp { .. })), 1);
}

#[tokio::test]
async fn a_time_that_is_not_told_keeps_nobody_out_and_confirms_nothing() {
    let (house, there) = house_with(trusted).await;
    let user = house.verified(ADA).await;
    house.clock.advance(LATER);
    there.bend(|faults| faults.id_token = vec![("auth_time".to_owned(), None)]);
    let mut browser = house.browser();
    let url = browser.get("/auth/login/with/corp?max_age=60").await;
    let response = there.authorize(url.location(), &ada()).expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    assert_eq!(browser.auth_time().await, user.created_at.rfc3339());
    assert!(!browser.passes_for_recent().await);
    let url = browser.get("/auth/step-up/with/corp").await;
    let response = there.authorize(url.location(), &ada()).expect("request");
    let answer = browser.come_back(&response).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    assert_eq!(house.count(|e| matches!(e, Event::SteppedUp { .. })), 0);
    assert!(!browser.passes_for_recent().await);
}

#[tokio::test]
async fn a_sign_in_there_that_is_too_old_is_not_held_against_the_address() {
    let (house, there) = house_of(strict(), trusted).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    for path in [
        "/auth/login/with/corp?max_age=60",
        "/auth/step-up/with/corp",
    ] {
        for _ in 0..5 {
            let url = browser.get(path).await.location().to_owned();
            let stale = ada().signed_in_at(house.seconds_ago(600));
            let response = there.authorize(&url, &stale).expect("request");
            let answer = browser.come_back(&response).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
        }
        let url = browser.get(path).await.location().to_owned();
        let response = there.authorize(&url, &ada()).expect("request");
        let answer = browser.come_back(&response).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    }
    assert_eq!(house.refusals(), ["not_fresh"; 10]);
}
