use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::super::{DevelopmentOutbox, Mail, MailError, MailKind, Mailer, Mails};
use super::house::{ADA, order};
use crate::auth::{Auth, BuildError};
use crate::ground::{Clock as _, KeyRing, SystemClock, SystemRandom};
use crate::login::Login;
use crate::store::{MemoryStore, Stores};
use crate::testkit::Browser;

const SECRET: [u8; 32] = [7; 32];

async fn auth(base: &str, stores: &Stores, outbox: &DevelopmentOutbox) -> Result<Auth, BuildError> {
    Auth::builder(base)
        .secret(SECRET)
        .store(stores.clone())
        .login(Login::default())
        .mailer(outbox.clone())
        .build()
        .await
}

async fn send(auth: &Auth, stores: &Stores, kind: MailKind) {
    let now = SystemClock.now();
    let mails = Mails::new(stores.outbox.clone(), KeyRing::new([SECRET]).unwrap());
    let mut order = order(kind, kind.sample());
    order.expires_at = now + Duration::from_hours(1);
    mails.order(&order, &SystemRandom, now).await.unwrap();
    auth.login().unwrap().deliver_mails(now).await.unwrap();
}

#[tokio::test]
async fn what_was_sent_is_shown_on_this_machine() {
    let stores = Stores::from(MemoryStore::default());
    let outbox = DevelopmentOutbox::default();
    let auth = auth("http://localhost:3000", &stores, &outbox)
        .await
        .unwrap();
    let mut browser = Browser::new(&auth);
    let empty = browser.get("/auth/dev/mail").await;
    assert_eq!(empty.status, StatusCode::OK);
    assert!(empty.text.contains("No mail yet."), "{}", empty.text);

    send(&auth, &stores, MailKind::PasswordReset).await;
    send(&auth, &stores, MailKind::Confirmation).await;
    let caught = outbox.mails();
    assert_eq!(caught[0].kind, "confirmation");
    assert_eq!(outbox.last_to(ADA), Some(caught[0].clone()));
    let url = MailKind::Confirmation.sample()["url"].clone();
    assert_eq!(
        json!(caught[0].links),
        json!([url, "http://localhost:3000/"])
    );

    let list = browser.get("/auth/dev/mail").await;
    for mail in &caught {
        assert!(
            list.text.contains(&format!("id=\"open-{}\"", mail.id)),
            "{}",
            list.text
        );
    }
    let one = browser
        .get(&format!("/auth/dev/mail?id={}", caught[0].id))
        .await;
    assert!(
        one.text.contains("123456") && one.text.contains("id=\"link-1\""),
        "{}",
        one.text
    );
    let policy = one.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );

    let html = browser
        .get(&format!("/auth/dev/mail/html?id={}", caught[0].id))
        .await;
    assert_eq!(html.text, caught[0].html);
    let policy = html.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("sandbox; default-src 'none';"),
        "{policy}"
    );
    for missing in [
        "/auth/dev/mail?id=nobody",
        "/auth/dev/mail/html?id=nobody",
        "/auth/dev/mail/html",
    ] {
        assert_eq!(
            browser.get(missing).await.status,
            StatusCode::NOT_FOUND,
            "{missing}"
        );
    }
    outbox.clear();
    assert_eq!(outbox.mails(), []);
}

#[tokio::test]
async fn it_shows_nothing_where_others_can_look() {
    let stores = Stores::from(MemoryStore::default());
    let outbox = DevelopmentOutbox::default();
    let error = auth("https://app.example.com", &stores, &outbox)
        .await
        .unwrap_err();
    assert!(matches!(error, BuildError::DevelopmentOutbox), "{error}");
    let outbox = DevelopmentOutbox::without_page();
    let auth = auth("https://app.example.com", &stores, &outbox)
        .await
        .unwrap();
    assert!(!auth.routes().any(|route| route.path.contains("/dev/")));
    send(&auth, &stores, MailKind::MfaOn).await;
    assert_eq!(outbox.mails().len(), 1);
}

#[tokio::test]
async fn a_mailer_that_wraps_it_is_shown_too() {
    struct Wrapped(DevelopmentOutbox);
    #[async_trait::async_trait]
    impl Mailer for Wrapped {
        async fn deliver(&self, mail: &Mail) -> Result<(), MailError> {
            self.0.deliver(mail).await
        }

        fn development_outbox(&self) -> Option<DevelopmentOutbox> {
            self.0.development_outbox()
        }
    }
    let stores = Stores::from(MemoryStore::default());
    let auth = Auth::builder("http://localhost:3000")
        .secret(SECRET)
        .store(stores)
        .login(Login::default())
        .mailer(Wrapped(DevelopmentOutbox::default()));
    let auth = auth.build().await.unwrap();
    assert!(auth.routes().any(|route| route.path == "/auth/dev/mail"));
}

#[tokio::test]
async fn a_broken_mail_template_is_an_error_of_the_builder() {
    let auth = Auth::builder("http://localhost:3000")
        .secret(SECRET)
        .store(MemoryStore::default())
        .login(Login::default())
        .mail_template("mfa_on.txt", "{{ nothing }}");
    let error = auth.build().await.unwrap_err().to_string();
    assert!(
        error.starts_with("mails: template `mfa_on.txt`, line 1: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_hundred_are_kept_and_a_repeated_one_is_one() {
    let outbox = DevelopmentOutbox::default();
    for index in 0..150 {
        let mail = Mail {
            id: format!("mail-{}", index / 2 * 2),
            kind: MailKind::MfaOn,
            to: ADA.to_owned(),
            locale: "en".to_owned(),
            subject: format!("{index}"),
            text: String::new(),
            html: String::new(),
            at: SystemClock.now(),
        };
        outbox.deliver(&mail).await.unwrap();
    }
    let mails = outbox.mails();
    assert_eq!(mails.len(), 75);
    assert_eq!(
        (mails[0].id.as_str(), mails[0].subject.as_str()),
        ("mail-148", "149")
    );
}
