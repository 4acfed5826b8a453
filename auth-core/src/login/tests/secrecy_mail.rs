//! What logs and events may not hold of mails.

use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use super::secrecy::Log;
use super::step_up::weakly_signed_in;
use crate::login::NewUser;
use crate::services::mail::MailKind;

const NEW: &str = "lovelace@example.com";

/// What was sent, and to whom.
#[derive(Default)]
struct Sent {
    secrets: Vec<String>,
    codes: Vec<String>,
}

impl Sent {
    /// Takes note of the mails since the last look; that of a kind, to somebody.
    async fn read(&mut self, house: &House, kind: MailKind) -> Mail {
        let mails = house.mails().await;
        for mail in &mails {
            if let Some((_, token)) = mail.path.split_once("?t=") {
                let (_, secret) = token.split_once('.').expect("pair");
                self.secrets.push(secret.to_owned());
            }
            self.codes
                .extend((!mail.code.is_empty()).then(|| mail.code.clone()));
        }
        let mut mails = mails.into_iter();
        let wanted = mails.find(|mail| mail.kind == kind && mail.to.is_some());
        wanted.expect("mail")
    }

    fn keep_cookies(&mut self, browser: &Browser<'_>) {
        self.secrets.extend(browser.cookies.values().cloned());
    }
}

async fn signed_in_by_mail(house: &House, sent: &mut Sent) {
    for by_link in [true, false] {
        let mut browser = house.browser();
        let page = browser.ask_sign_in(ADA).await;
        let mail = sent.read(house, MailKind::MagicLink).await;
        let fields = [("code", mail.wrong_code())];
        browser.follow(&page, &fields).await;
        if by_link {
            // Elsewhere, by both.
            let mut phone = house.browser();
            phone.follow(&mail.path, &[("code", &mail.code)]).await;
            sent.keep_cookies(&phone);
        } else {
            browser.follow(&page, &[("code", &mail.code)]).await;
            assert!(browser.is_signed_in().await);
        }
        house.mails().await;
        sent.keep_cookies(&browser);
    }
}

async fn confirmed_by_mail(house: &House, sent: &mut Sent) {
    let new = NewUser {
        email: Some(EVE.to_owned()),
        email_verified: true,
        ..NewUser::default()
    };
    let eve = house.wing.create_user(new).await.expect("account");
    let mut browser = weakly_signed_in(house, &eve.id).await;
    let asked = browser.post_json("/auth/step-up/email", &json!({})).await;
    let next = asked.json()["next"].as_str().expect("next").to_owned();
    let mail = sent.read(house, MailKind::StepUpCode).await;
    for code in [mail.wrong_code(), &mail.code] {
        browser.follow(&next, &[("email_code", code)]).await;
    }
    sent.keep_cookies(&browser);
}

#[tokio::test(flavor = "current_thread")]
async fn threat_50_mails_leave_no_token_code_or_address_in_the_log() {
    let log = Log::default();
    let _second = tracing::Dispatch::new(Log::default());
    let _guard = tracing::subscriber::set_default(log.clone());
    let house = House::with(unlimited(mail_settings()));
    let mut sent = Sent::default();
    // Registered, also by somebody who has an account; confirmed, with a code that is not right before the one that is.
    let mut browser = house.browser();
    let page = browser.register(ADA, PASSWORD).await.location().to_owned();
    let mail = sent.read(&house, MailKind::Confirmation).await;
    for code in [mail.wrong_code(), &mail.code] {
        browser.follow(&page, &[("code", code)]).await;
    }
    browser.get(&mail.path).await;
    house.browser().register(ADA, OTHER_PASSWORD).await;
    sent.read(&house, MailKind::AlreadyRegistered).await;
    signed_in_by_mail(&house, &mut sent).await;
    confirmed_by_mail(&house, &mut sent).await;
    // Locked and unlocked.
    for _ in 0..6 {
        house.browser().sign_in(ADA, "quite a wrong password").await;
    }
    let mail = sent.read(&house, MailKind::LockedOut).await;
    house.browser().follow(&mail.path, &[]).await;
    // Another password, and nonsense in place of a link.
    browser.forgot(ADA).await;
    browser.forgot("unknown@example.com").await;
    let mail = sent.read(&house, MailKind::PasswordReset).await;
    browser.get("/auth/reset?t=some.nonsense").await;
    let fields = [("new_password", OTHER_PASSWORD)];
    browser.follow(&mail.path, &fields).await;
    house.mails().await;
    // Another address.
    browser.sign_in(ADA, OTHER_PASSWORD).await;
    house.mails().await;
    let answer = browser
        .follow("/auth/account/email", &[("email", NEW)])
        .await;
    let page = answer.location().to_owned();
    let code = sent.read(&house, MailKind::EmailChangeConfirm).await.code;
    browser.follow(&page, &[("code", &code)]).await;
    sent.keep_cookies(&browser);

    let log = log.0.lock().expect("lock").clone();
    for told in [
        "email_verified",
        "mail_proof_requested",
        "stepped_up",
        "unlocked",
        "password_changed",
        "email_changed",
    ] {
        assert!(log.contains(told), "{told} is not in the log: {log}");
    }
    assert!(sent.codes.len() >= 5 && sent.secrets.len() >= 8);
    let given = ["unknown@", "nonsense", PASSWORD, OTHER_PASSWORD];
    let addresses = [ADA, NEW, EVE, "example.com"];
    let secrets = sent.secrets.iter().map(String::as_str);
    for secret in secrets.chain(given).chain(addresses) {
        assert!(!log.contains(secret), "{secret} in the log: {log}");
    }
    // As a word: six digits may well stand inside of a time.
    let words: Vec<_> = log.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for code in &sent.codes {
        assert!(!words.contains(&code.as_str()), "{code} in the log: {log}");
    }
}
