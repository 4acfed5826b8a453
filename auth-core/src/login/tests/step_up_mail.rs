//! Proving again who one is by the code of a mail, where there is nothing else.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::email_kit::*;
use super::factors::*;
use super::harness::*;
use super::step_up::{signed_in_by, weakly_signed_in};
use crate::login::NewUser;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::User;

const SEND: &str = "/auth/step-up/email";

fn house() -> House {
    House::with(unlimited(mail_settings()))
}

impl House {
    /// Somebody with a mailbox and no more.
    async fn with_mailbox(&self, email: &str, verified: bool) -> User {
        let new = NewUser {
            email: Some(email.to_owned()),
            email_verified: verified,
            ..NewUser::default()
        };
        self.wing.create_user(new).await.expect("account")
    }
}

impl Browser<'_> {
    /// Has a code sent; the flow it is of.
    async fn send_code(&mut self) -> String {
        let answer = self.post_json(SEND, &json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let next = answer.json()["next"].as_str().expect("next").to_owned();
        next.split_once("f=").expect("flow").1.to_owned()
    }

    async fn give_mail_code(&mut self, flow: &str, code: &str) -> Answer {
        let body = json!({ "f": flow, "email_code": code });
        self.post_json("/auth/step-up", &body).await
    }
}

#[tokio::test]
async fn whoever_has_a_mailbox_alone_confirms_by_its_code() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let id = browser.session_id().await;
    house.clock.advance(Duration::from_mins(20));
    let page = browser.get("/auth/step-up?return_to=%2Fx").await;
    assert!(page.body.contains("id=\"send_code\"") && !page.body.contains("id=\"email_code\""));
    let answer = browser.submit(&page, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let mail = house.mail().await;
    assert_eq!(mail.kind, MailKind::StepUpCode);
    assert_eq!(mail.to.as_deref(), Some(ADA));
    assert_eq!(mail.facts["url"], Value::Null, "no link");
    let page = answer.location().to_owned();
    let fields = [("email_code", mail.wrong_code())];
    let answer = browser.follow(&page, &fields).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.body.contains("That is not the code of the mail."));
    assert!(answer.body.contains("id=\"email_code\""), "asked again");
    let old = browser.session_cookie().map(str::to_owned);
    let answer = browser.follow(&page, &[("email_code", &mail.code)]).await;
    let (status, location) = (answer.status, answer.location());
    assert_eq!((status, location), (StatusCode::SEE_OTHER, "/x"));
    assert_eq!(browser.session_id().await, id);
    assert_ne!(browser.session_cookie(), old.as_deref());
    let session = browser.session_facts().await;
    assert_eq!(session["amr"], json!(["pwd", "email"]));
    let amr = vec!["email".to_owned()];
    let stepped = house.events().into_iter().any(|event| {
        matches!(&event, Event::SteppedUp { user, amr: by, .. } if *user == ada.id && *by == amr)
    });
    assert!(stepped);
    // Spent.
    let flow = page.split_once("f=").expect("flow").1;
    let answer = browser.give_mail_code(flow, &mail.code).await;
    assert_eq!(answer.status, StatusCode::GONE);
}

#[tokio::test]
async fn threat_19_a_code_by_mail_is_no_second_factor() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let page = browser.context("/auth/step-up?factor=second").await;
    assert_eq!(page["set_up_url"], PAGE, "led to where a factor is set up");
    let answer = browser
        .post_json(&format!("{SEND}?factor=second"), &json!({}))
        .await;
    let next = answer.json()["next"].as_str().expect("next").to_owned();
    let flow = next.split_once("f=").expect("flow").1;
    let mail = house.mail().await;
    let body = json!({ "f": flow, "email_code": mail.code });
    let answer = browser
        .post_json("/auth/step-up?factor=second", &body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = browser.session_facts().await;
    assert_eq!(session["acr"], "1");
    assert_eq!(session["amr"], json!(["pwd", "email"]));
    // Nor does it say anew what several factors said.
    let mut browser = signed_in_by(&house, &ada.id, &["pwd", "otp", "mfa"]).await;
    house.mails().await;
    let flow = browser.send_code().await;
    let code = house.mail().await.code;
    let answer = browser.give_mail_code(&flow, &code).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let session = browser.session_facts().await;
    assert_eq!(session["acr"], "1");
    assert_eq!(session["amr"], json!(["email"]));
}

#[tokio::test]
async fn threat_19_codes_are_good_for_what_they_were_sent_for() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    // A code to sign in confirms nothing.
    let mut other = house.browser();
    let page = other.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let flow = page.split_once("f=").expect("flow").1;
    let answer = browser.give_mail_code(flow, &mail.code).await;
    assert_eq!(answer.status, StatusCode::GONE);
    // A code to confirm signs nobody in.
    let flow = browser.send_code().await;
    let mail = house.mail().await;
    browser.cookies.remove(SESSION_COOKIE);
    let body = json!({ "f": flow, "code": mail.code });
    let answer = browser.post_json("/auth/email/code", &body).await;
    assert_eq!(answer.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_code_is_good_in_the_session_that_asked_alone() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let bob = house.with_mailbox(BOB, true).await;
    let mut asking = weakly_signed_in(&house, &ada.id).await;
    let flow = asking.send_code().await;
    let code = house.mail().await.code;
    for user in [&ada, &bob] {
        let mut another = weakly_signed_in(&house, &user.id).await;
        let answer = another.give_mail_code(&flow, &code).await;
        assert_eq!(answer.status, StatusCode::GONE);
    }
    let answer = house.browser().give_mail_code(&flow, &code).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let answer = asking.give_mail_code(&flow, &code).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn threat_06_five_guesses_and_no_more() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let flow = browser.send_code().await;
    let mail = house.mail().await;
    let before = browser.session_facts().await;
    for _ in 0..5 {
        let answer = browser.give_mail_code(&flow, mail.wrong_code()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = browser.give_mail_code(&flow, &mail.code).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(browser.session_facts().await, before);
    // The one counter of all codes by mail.
    let mut other = house.browser();
    let page = other.ask_sign_in(ADA).await;
    let code = house.mail().await.code;
    let answer = other.follow(&page, &[("code", &code)]).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_code_is_worthless_once_the_address_is_another() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let flow = browser.send_code().await;
    let code = house.mail().await.code;
    let users = &house.core.stores.users;
    let now = house.core.clock.now();
    users
        .change_email(&ada.id, Some(ADA), "ada@elsewhere.example", now)
        .await
        .expect("store");
    let answer = browser.give_mail_code(&flow, &code).await;
    assert_eq!(answer.status, StatusCode::GONE);
}

#[tokio::test]
async fn it_is_offered_to_those_who_have_nothing_else() {
    let house = house();
    // A password.
    let ada = house.verified(ADA).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let page = browser.context("/auth/step-up?use=email_code").await;
    assert_eq!(
        (&page["method"], &page["email_code"]),
        (&json!("password"), &json!(null))
    );
    let answer = browser.post_json(SEND, &json!({})).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    // An authenticator app, set up while the code was on its way.
    let bob = house.with_mailbox(BOB, true).await;
    let mut browser = weakly_signed_in(&house, &bob.id).await;
    let flow = browser.send_code().await;
    let code = house.mail().await.code;
    let mut other = weakly_signed_in(&house, &bob.id).await;
    enrol(&house, &mut other).await;
    let answer = browser.give_mail_code(&flow, &code).await;
    assert_eq!(answer.status, StatusCode::GONE);
    let answer = browser.post_json(SEND, &json!({})).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    // An address nobody has shown to be theirs.
    let eve = house.with_mailbox(EVE, false).await;
    let mut browser = weakly_signed_in(&house, &eve.id).await;
    let page = browser.context("/auth/step-up").await;
    assert_eq!(page["method"], json!(null));
    assert_eq!(page["sign_in_url"], "/auth/login?select=1");
    let answer = browser.post_json(SEND, &json!({})).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    // No mail.
    let house = House::with(settings().mail_flows(false));
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let page = browser.context("/auth/step-up").await;
    assert_eq!(page["method"], json!(null));
    let answer = browser.post_json(SEND, &json!({})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn threat_36_another_site_has_no_code_sent() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let answer = browser.post(SEND, &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(house.mails().await.is_empty());
}

#[tokio::test]
async fn the_mailbox_is_not_flooded() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let mut refused = false;
    for _ in 0..30 {
        let answer = browser.post_json(SEND, &json!({})).await;
        refused |= answer.status == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused);
    assert!(house.mails().await.len() < 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_one_code_given_many_times_at_once_one_counts() {
    let house: &'static House = Box::leak(Box::new(house()));
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(house, &ada.id).await;
    let flow = browser.send_code().await;
    let code = house.mail().await.code;
    let cookie = browser.cookies[SESSION_COOKIE].clone();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (flow, code, cookie) = (flow.clone(), code.clone(), cookie.clone());
            tokio::spawn(async move {
                let mut browser = house.browser();
                browser
                    .cookies
                    .insert(SESSION_COOKIE.to_owned(), cookie.clone());
                browser.give_mail_code(&flow, &code).await;
                browser.session_cookie().is_some_and(|now| now != cookie)
            })
        })
        .collect();
    let mut renewed = 0;
    for task in tasks {
        renewed += usize::from(task.await.expect("task"));
    }
    assert!(renewed <= 1, "{renewed}");
    let stepped = house.events().into_iter();
    let stepped = stepped.filter(|event| matches!(event, Event::SteppedUp { .. }));
    assert_eq!(stepped.count(), renewed);
    let mut again = weakly_signed_in(house, &ada.id).await;
    assert!(again.is_signed_in().await);
}

#[tokio::test]
async fn a_first_password_asks_for_what_every_other_way_in_asks_for() {
    let house = house();
    let ada = house.with_mailbox(ADA, true).await;
    let mut browser = weakly_signed_in(&house, &ada.id).await;
    let (app, _) = enrol(&house, &mut browser).await;
    // Recent, and by one factor of two.
    let mut weak = weakly_signed_in(&house, &ada.id).await;
    let answer = weak.change_password("", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let elsewhere = answer.location().to_owned();
    assert!(elsewhere.starts_with("/auth/step-up?"), "{elsewhere}");
    assert!(elsewhere.contains("factor=second"), "{elsewhere}");
    let body = json!({ "new_password": PASSWORD });
    let answer = weak.post_json("/auth/account/password", &body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "step_up_required");
    assert!(!house.has_password(&ada).await);
    house.clock.advance(Duration::from_mins(1));
    let code = json!({ "code": app.code(&house) });
    let answer = weak.post_json("/auth/step-up", &code).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    weak.change_password("", PASSWORD).await;
    assert!(house.has_password(&ada).await);
}
