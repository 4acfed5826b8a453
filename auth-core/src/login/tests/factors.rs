//! What the tests of second factors share: an authenticator app, enrolment, mails that were ordered.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use super::harness::*;
use crate::ground::Clock as _;
use crate::login::Login;
use crate::services::mail::MailOrder;
use crate::store::{OutboxKind, ThrottlePolicy};

pub(super) const STEP: Duration = Duration::from_secs(30);
pub(super) const PENDING_COOKIE: &str = "__Host-auth_pending";
pub(super) const DEVICE_COOKIE: &str = "__Host-auth_device";
pub(super) const PAGE: &str = "/auth/account/two-factor";

/// Settings under which an address may try as often as it likes.
pub(super) fn addresses_unlimited() -> Login {
    settings().address_throttle(ThrottlePolicy {
        limit: 1_000_000,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    })
}

/// An authenticator app.
pub(super) struct App(Totp);

impl App {
    pub(super) fn new(shown: &str) -> Self {
        let secret: String = shown.split_whitespace().collect();
        assert_eq!(secret.len(), 32, "160 bits");
        let secret = Secret::try_from_base32(secret).expect("base32");
        Self(Builder::new().with_secret(secret).build().expect("app"))
    }

    /// The code the app shows now.
    pub(super) fn code(&self, house: &House) -> String {
        self.code_off_by(house, 0)
    }

    /// The code of an app whose clock is off by so many steps.
    pub(super) fn code_off_by(&self, house: &House, steps: i64) -> String {
        let seconds = house.clock.now().seconds() + steps * 30;
        let seconds = u64::try_from(seconds).expect("after 1970");
        self.0.generate(seconds).to_string()
    }

    /// The next code, of a step that is not spent.
    pub(super) fn next_code(&self, house: &House) -> String {
        house.clock.advance(STEP);
        self.code(house)
    }

    /// A code that is not right now, nor a step before or after.
    pub(super) fn wrong_code(&self, house: &House) -> String {
        let right: Vec<_> = (-1..=1).map(|off| self.code_off_by(house, off)).collect();
        let mut wrong = (0..10).map(|number| format!("{number:06}"));
        wrong.find(|code| !right.contains(code)).expect("code")
    }
}

/// Begins an enrolment and reads what is shown.
pub(super) async fn begin(browser: &mut Browser<'_>) -> (String, App, Value) {
    let begun = browser
        .post_json(&format!("{PAGE}/begin"), &json!({}))
        .await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    read_enrolment(&begun.json()["context"]["enrolment"])
}

pub(super) fn read_enrolment(shown: &Value) -> (String, App, Value) {
    let secret = shown["secret"].as_str().expect("secret");
    let factor = shown["factor"].as_str().expect("factor");
    (factor.to_owned(), App::new(secret), shown.clone())
}

/// Enrols an app; returns it with the backup codes. The clock moves on, so that its present code is not spent.
pub(super) async fn enrol(house: &House, browser: &mut Browser<'_>) -> (App, Vec<String>) {
    let (factor, app, _) = begin(browser).await;
    let body = json!({ "factor": factor, "code": app.code(house) });
    let confirmed = browser.post_json(&format!("{PAGE}/confirm"), &body).await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.body);
    let codes = confirmed.json()["backup_codes"].clone();
    house.clock.advance(STEP);
    (app, serde_json::from_value(codes).expect("codes"))
}

impl House {
    /// A browser signed in as the account, whose app and backup codes are these.
    pub(super) async fn enrolled(&self, email: &str) -> (App, Vec<String>) {
        self.verified(email).await;
        let mut browser = self.signed_in(email).await;
        enrol(self, &mut browser).await
    }

    /// A browser that gave the password and is asked for more.
    pub(super) async fn half_signed_in(&self, email: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(answer.location(), "/auth/second-factor");
        browser
    }

    /// The mails ordered since the last look, save those about new browsers.
    pub(super) async fn orders(&self) -> Vec<MailOrder> {
        let now = self.clock.now();
        let later = now + Duration::from_hours(24 * 365);
        let outbox = &self.core.stores.outbox;
        let taken = outbox.take_due(OutboxKind::Mail, now, later, 500).await;
        let taken = taken.expect("outbox");
        let mails = &self.core.mails;
        taken
            .iter()
            .map(|message| mails.open(message).expect("order"))
            .filter(|order| order.kind != "new_device")
            .collect()
    }

    pub(super) async fn mail_kinds(&self) -> Vec<String> {
        let mut kinds: Vec<_> = self.orders().await.into_iter().map(|m| m.kind).collect();
        kinds.sort();
        kinds
    }
}

impl Browser<'_> {
    pub(super) async fn give_code(&mut self, code: &str) -> Answer {
        self.fill_in("/auth/second-factor", &[("code", code)]).await
    }

    pub(super) async fn give_backup_code(&mut self, code: &str) -> Answer {
        let page = "/auth/second-factor?use=backup_code";
        let page = self.get(page).await;
        let token = form_token(&page.body);
        let fields = [("backup_code", code), ("form_token", &token)];
        self.post("/auth/second-factor", &fields).await
    }

    pub(super) async fn session_facts(&mut self) -> Value {
        self.get_json("/auth/session").await.json()["session"].take()
    }
}
