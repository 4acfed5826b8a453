//! What logs and events may not hold.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::factors::*;
use super::harness::*;
use crate::login::EmailProof;
use crate::store::PasswordHash;

/// Everything that is logged, as text.
#[derive(Clone, Default)]
pub(super) struct Log(pub(super) Arc<Mutex<String>>);

struct Line<'l>(&'l mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Line(&mut self.0.lock().expect("lock")));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().expect("lock")));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().expect("lock");
        event.record(&mut Line(&mut text));
        text.push('\n');
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "current_thread")]
async fn threat_50_a_whole_run_logs_no_secret_and_no_address() {
    let log = Log::default();
    // With a single dispatcher, `tracing` asks the thread that first reaches a callsite, which may be another test's and
    // have none, and then skips the callsite for all. With two it asks them.
    let _second = tracing::Dispatch::new(Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let house = House::new();
    let mut browser = house.browser();
    browser.register(ADA, PASSWORD).await;
    browser.register(ADA, OTHER_PASSWORD).await;
    browser.sign_in(ADA, "quite a wrong password").await;
    browser.sign_in("unknown@example.com", PASSWORD).await;
    browser.sign_in(ADA, PASSWORD).await;
    let mut secrets = vec![browser.session_cookie().expect("cookie").to_owned()];
    browser
        .change_password("quite a wrong password", OTHER_PASSWORD)
        .await;
    browser.change_password(PASSWORD, OTHER_PASSWORD).await;
    secrets.push(browser.session_cookie().expect("cookie").to_owned());
    secrets.push(browser.cookies["__Host-auth_browser"].clone());
    let session = browser.get_json("/auth/session").await.json();
    let id = crate::store::UserId::new(session["user"]["id"].as_str().expect("id"));
    house
        .wing
        .verify_email(&id, ADA, EmailProof::SignedInUser)
        .await
        .expect("store");
    let garbage = PasswordHash::new("$argon2id$garbage");
    let users = &house.core.stores.users;
    users
        .set_password(&id, None, &garbage, house.core.clock.now())
        .await
        .expect("set");
    for _ in 0..7 {
        browser.sign_in(ADA, PASSWORD).await;
    }
    house.wing.disable_user(&id).await.expect("disabled");
    browser.get_json("/auth/session").await;

    let log = log.0.lock().expect("lock").clone();
    assert!(
        log.contains("unreadable") && log.contains("signed_in"),
        "it is the log: {log}"
    );
    assert!(log.contains(id.as_str()), "ids are what it tells");
    let given = [
        PASSWORD,
        OTHER_PASSWORD,
        "quite a wrong password",
        "argon2",
        "form_token",
    ];
    let secrets = secrets.iter().map(String::as_str).chain(given);
    for secret in secrets.chain([ADA, "unknown@", "example.com"]) {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn threat_50_second_factors_leave_no_secret_in_the_log() {
    let log = Log::default();
    let _second = tracing::Dispatch::new(Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let house = House::with(addresses_unlimited());
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let (factor, app, shown) = begin(&mut browser).await;
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let key = text(&shown["secret"]);
    let mut secrets = vec![key.split_whitespace().collect(), key, text(&shown["uri"])];
    let code = app.code(&house);
    let body = json!({ "factor": factor, "code": code });
    let path = format!("{PAGE}/confirm");
    let codes = browser.post_json(&path, &body).await.json()["backup_codes"].clone();
    let codes: Vec<String> = serde_json::from_value(codes).expect("codes");
    secrets.extend([code, app.next_code(&house)]);
    let mut browser = house.half_signed_in(ADA).await;
    secrets.push(browser.cookies[PENDING_COOKIE].clone());
    let body = json!({ "code": app.code(&house), "trust_device": true });
    browser.post_json("/auth/second-factor", &body).await;
    let device = browser.cookies[DEVICE_COOKIE]
        .split_once('.')
        .expect("pair");
    secrets.push(device.1.to_owned());
    let body = json!({ "email": ADA, "password": PASSWORD, "session": "bearer" });
    let mut client = house.browser();
    let pending = text(&client.post_json("/auth/login", &body).await.json()["pending"]);
    let body = json!({ "pending": pending, "backup_code": codes[0] });
    let answer = client.post_json("/auth/second-factor", &body).await.json();
    secrets.extend([pending, text(&answer["token"])]);
    secrets.extend(codes);
    let wrong = app.wrong_code(&house);
    let mut half = house.half_signed_in(ADA).await;
    for _ in 0..6 {
        half.give_code(&wrong).await;
    }

    let log = log.0.lock().expect("lock").clone();
    assert!(
        log.contains("backup_code_used") && log.contains("locked_out"),
        "{log}"
    );
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} in the log");
    }
}

#[test]
fn threat_50_errors_and_settings_name_no_secret() {
    // `Password`, `NewUser`, `NewSession` and `LoginWing` have no `Debug` at all: nothing can print them by accident.
    let stored = PasswordHash::new("$argon2id$v=19$secret");
    assert_eq!(format!("{stored:?}"), "PasswordHash(…)");
}
