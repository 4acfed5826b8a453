//! Against a real mail server.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use test_servers::{ReceivedMail, Smtp, SmtpTls, free_port};

use super::super::{Mail, MailError, MailKind, Mailer, SmtpMailer, SmtpSettingsError};
use super::house::{ADA, House, START};
use crate::store::{MemoryStore, Stores};

const FROM: &str = "Beispiel Äpfel <no-reply@example.com>";

fn mail() -> Mail {
    Mail {
        id: "id-1_x".to_owned(),
        kind: MailKind::MfaOn,
        to: ADA.to_owned(),
        locale: "de".to_owned(),
        subject: "Grüße aus Überlingen, und noch ein paar Wörter, damit die Zeile lang genug zum Umbrechen wird"
            .to_owned(),
        text: format!(".\n.one dot\n..two\nGrüße\n{}\nend", "0123456789".repeat(300)),
        html: format!("<p>.\n.\n</p><p>Grüße {}</p>", "abcdefghij".repeat(300)),
        at: START,
    }
}

fn mailer(server: &Smtp, scheme: &str, login: &str, query: &str) -> SmtpMailer {
    let url = format!("{scheme}://{login}127.0.0.1:{}{query}", server.port());
    let builder = SmtpMailer::from_url(url).from(FROM);
    match fs::read(server.ca_certificate()) {
        Ok(pem) => builder.root_certificate(pem),
        Err(_) => builder,
    }
    .build()
    .unwrap()
}

fn plain(server: &Smtp) -> SmtpMailer {
    mailer(server, "smtp", "", "?tls=none")
}

async fn received(server: &Smtp) -> Vec<ReceivedMail> {
    // Whatever is taken is there before the server says so.
    tokio::task::yield_now().await;
    server.received()
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let server = Smtp::start();
    plain(&server).deliver(&mail()).await.unwrap();
    let received = received(&server).await.remove(0);
    let expected = mail();
    assert_eq!(received.defects, "");
    assert_eq!(
        (received.from.as_str(), received.to.as_slice()),
        ("no-reply@example.com", &[ADA.to_owned()][..])
    );
    assert_eq!(received.header("Subject"), expected.subject);
    assert_eq!(received.header("From"), FROM);
    assert_eq!(received.header("To"), ADA);
    assert_eq!(received.header("Date"), "Wed, 18 Nov 2026 11:06:40 +0000");
    assert_eq!(received.header("Message-ID"), "<id-1_x@example.com>");
    assert_eq!(received.header("Auto-Submitted"), "auto-generated");
    assert_eq!(received.header("Content-Language"), "de");
    assert_eq!(received.header("MIME-Version"), "1.0");
    assert!(
        received
            .header("Content-Type")
            .starts_with("multipart/alternative")
    );
    assert_eq!(
        received.text.replace("\r\n", "\n").trim_end(),
        expected.text
    );
    assert_eq!(
        received.html.replace("\r\n", "\n").trim_end(),
        expected.html
    );
    assert_eq!(received.hello, "example.com");
    // RFC 5322 §2.1.1, RFC 5321 §2.3.8.
    for line in received.raw.split(|byte| *byte == b'\n') {
        assert!(line.len() <= 999, "a line of {}", line.len());
        assert!(
            line.is_empty() || line.ends_with(b"\r"),
            "{}",
            String::from_utf8_lossy(line)
        );
    }
    assert!(!received.tls && !received.login);
}

#[tokio::test]
async fn every_kind_arrives_in_every_language() {
    let server = Smtp::start();
    let house = House::new(plain(&server));
    let mut orders = 0;
    for locale in ["en", "de"] {
        for kind in MailKind::ALL {
            let mut order = super::house::order(*kind, kind.sample());
            order.locale = locale.to_owned();
            house.order_this(&order).await;
            orders += 1;
        }
    }
    assert_eq!(house.deliver().await, orders);
    let received = received(&server).await;
    assert_eq!(received.len(), orders);
    let german = received
        .iter()
        .filter(|mail| mail.header("Content-Language") == "de");
    assert_eq!(german.count(), orders / 2);
    for mail in &received {
        assert_eq!(mail.defects, "");
        assert!(
            mail.text.contains("https://app.example.com/"),
            "{}",
            mail.text
        );
        assert!(mail.html.contains("</html>"), "{}", mail.html);
    }
    let delivered = house.told();
    assert!(
        delivered
            .iter()
            .all(|event| event["event"] == "mail_delivered"),
        "{delivered:?}"
    );
    assert!(!json!(delivered).to_string().contains(ADA));
}

#[tokio::test]
async fn starttls_is_required_and_protects() {
    let server = Smtp::start_with(SmtpTls::StartTls, Some(("us er", "pass/w:ö@rd")));
    for query in ["", "?tls=required"] {
        let mailer = mailer(&server, "smtp", "us%20er:pass%2Fw%3A%C3%B6%40rd@", query);
        mailer.deliver(&mail()).await.unwrap();
    }
    let received = received(&server).await;
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|mail| mail.tls && mail.login));
}

#[tokio::test]
async fn a_server_without_starttls_gets_no_mail() {
    let server = Smtp::start();
    let answer = mailer(&server, "smtp", "", "").deliver(&mail()).await;
    assert_eq!(answer, Err(MailError::Temporary("server")));
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn tls_from_the_first_byte_protects() {
    let server = Smtp::start_with(SmtpTls::Implicit, Some(("user", "password")));
    let answer = mailer(&server, "smtps", "user:password@", "")
        .deliver(&mail())
        .await;
    assert_eq!(answer, Ok(()));
    let received = received(&server).await;
    assert!(received[0].tls && received[0].login);
}

#[tokio::test]
async fn a_certificate_of_nobody_we_know_is_refused() {
    for (tls, scheme) in [(SmtpTls::StartTls, "smtp"), (SmtpTls::Implicit, "smtps")] {
        let server = Smtp::start_with(tls, None);
        let url = format!("{scheme}://127.0.0.1:{}", server.port());
        let other = Smtp::start_with(tls, None);
        let pem = fs::read(other.ca_certificate()).unwrap();
        for builder in [
            SmtpMailer::from_url(&url),
            SmtpMailer::from_url(&url).root_certificate(pem),
        ] {
            let mailer = builder.from(FROM).build().unwrap();
            let answer = mailer.deliver(&mail()).await;
            assert!(
                matches!(answer, Err(MailError::Temporary("tls" | "connection"))),
                "{answer:?}"
            );
        }
        // The right authority, another name: the certificate is for 127.0.0.1 and localhost.
        let url = format!("{scheme}://127.0.0.2:{}", server.port());
        let pem = fs::read(server.ca_certificate()).unwrap();
        let mailer = SmtpMailer::from_url(url)
            .from(FROM)
            .root_certificate(pem)
            .build()
            .unwrap();
        assert!(mailer.deliver(&mail()).await.is_err());
        assert!(server.received().is_empty());
    }
}

#[tokio::test]
async fn a_login_that_is_wrong_can_be_put_right() {
    let server = Smtp::start_with(SmtpTls::StartTls, Some(("user", "password")));
    for login in ["user:other@", ""] {
        let answer = mailer(&server, "smtp", login, "").deliver(&mail()).await;
        assert_eq!(
            answer,
            Err(MailError::Temporary("authentication")),
            "{login}"
        );
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn later_is_tried_again_and_never_is_given_up() {
    let server = Smtp::start();
    let house = House::new(plain(&server));
    house
        .order(MailKind::MfaOn, Some(ADA), Duration::from_hours(1))
        .await;
    server.refuse(Some("451 4.3.0 Later"));
    assert_eq!(house.deliver().await, 1);
    assert!(house.told().is_empty());
    server.refuse(None);
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(house.deliver().await, 1);
    assert_eq!(server.received().len(), 1);

    house
        .order(MailKind::MfaOff, Some(ADA), Duration::from_hours(1))
        .await;
    server.refuse(Some("550 5.1.1 No such user"));
    assert_eq!(house.deliver().await, 1);
    server.refuse(None);
    house.clock.advance(Duration::from_mins(30));
    assert_eq!(house.deliver().await, 0);
    assert_eq!(server.received().len(), 1);
    assert_eq!(
        house.told(),
        [
            json!({ "event": "mail_delivered", "kind": "mfa_on" }),
            json!({ "event": "mail_given_up", "kind": "mfa_off", "reason": "rejected" }),
        ]
    );
}

#[tokio::test]
async fn nothing_is_lost_while_the_server_is_down() {
    let mut server = Smtp::start();
    let house = House::new(plain(&server));
    let order = || {
        house.order(
            MailKind::PasswordChanged,
            Some(ADA),
            Duration::from_hours(24),
        )
    };
    order().await;
    house.deliver().await;
    server.kill();
    for _ in 0..20 {
        order().await;
    }
    assert_eq!(house.deliver().await, 20);
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(house.deliver().await, 20);
    server.start_again();
    house.clock.advance(Duration::from_secs(30));
    assert_eq!(house.deliver().await, 20);
    let received = received(&server).await;
    assert_eq!(received.len(), 21);
    let mut ids: Vec<_> = received
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 21);
}

#[tokio::test]
async fn a_server_that_stalls_is_left() {
    let server = Smtp::start();
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port());
    let builder = SmtpMailer::from_url(url)
        .from(FROM)
        .timeout(Duration::from_millis(500));
    let mailer = builder.build().unwrap();
    mailer.deliver(&mail()).await.unwrap();
    server.pause();
    let answer = mailer.deliver(&mail()).await;
    assert_eq!(answer, Err(MailError::Temporary("timeout")));
    server.resume();
    let mut answer = mailer.deliver(&mail()).await;
    // A machine that is busy.
    for _ in 0..20 {
        if answer.is_ok() {
            break;
        }
        answer = mailer.deliver(&mail()).await;
    }
    assert_eq!(answer, Ok(()));
    let received = server.wait_for(2);
    assert_ne!(received[0].connection, received[1].connection);
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Smtp::start_with(SmtpTls::StartTls, None);
    let mailer = mailer(&server, "smtp", "", "");
    for _ in 0..5 {
        mailer.deliver(&mail()).await.unwrap();
        // Connections go back to the pool in a task of their own.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    let received = received(&server).await;
    assert_eq!(received.len(), 5);
    let mut connections: Vec<_> = received.iter().map(|mail| &mail.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(connections.len(), 1, "{connections:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_nodes_send_each_mail_once() {
    let server = Smtp::start();
    let stores = Stores::from(MemoryStore::default());
    let mailer: Arc<dyn Mailer> = Arc::new(plain(&server));
    let nodes: Vec<_> = (0..32)
        .map(|_| Arc::new(House::with(stores.clone(), Some(mailer.clone()))))
        .collect();
    for _ in 0..64 {
        nodes[0]
            .order(MailKind::MfaOn, Some(ADA), Duration::from_hours(1))
            .await;
    }
    let tasks: Vec<_> = nodes
        .iter()
        .cloned()
        .map(|node| tokio::spawn(async move { node.deliver().await }))
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let received = received(&server).await;
    let mut ids: Vec<_> = received
        .iter()
        .map(|mail| mail.header("Message-ID"))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((received.len(), ids.len()), (64, 64));
}

#[tokio::test]
async fn threat_18_headers_cannot_be_injected() {
    let server = Smtp::start();
    let mailer = plain(&server);
    let injection = "x\r\nBcc: eve@evil.example\r\n\r\nbody";
    let mut bad = mail();
    bad.subject = injection.to_owned();
    bad.locale = injection.to_owned();
    bad.text = "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<eve@evil.example>\r\n".to_owned();
    mailer.deliver(&bad).await.unwrap();
    for to in [
        "ada@example.com\r\nRCPT TO:<eve@evil.example>",
        "ada@example.com, eve@evil.example",
        "ada@example.com> <eve@evil.example",
        "Ada <ada@example.com>",
        "ada",
        "",
    ] {
        let mut bad = mail();
        bad.to = to.to_owned();
        let answer = mailer.deliver(&bad).await;
        assert_eq!(answer, Err(MailError::Permanent("address")), "{to:?}");
    }
    let received = received(&server).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].to, [ADA]);
    assert!(
        !received[0]
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("bcc"))
    );
    let raw = String::from_utf8_lossy(&received[0].raw).into_owned();
    let (head, _) = raw.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("\nBcc"), "{head}");
}

#[tokio::test]
async fn an_address_the_server_cannot_take_is_given_up() {
    let server = Smtp::start();
    let mut mail = mail();
    mail.to = "ädä@example.com".to_owned();
    let answer = plain(&server).deliver(&mail).await;
    assert_eq!(answer, Err(MailError::Permanent("smtputf8")));
}

#[tokio::test]
async fn nobody_at_the_port_is_no_end() {
    let url = format!("smtp://localhost:{}?tls=none", free_port());
    let mailer = SmtpMailer::from_url(url).from(FROM).build().unwrap();
    assert_eq!(
        mailer.deliver(&mail()).await,
        Err(MailError::Temporary("connection"))
    );
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let build = |url: &str| SmtpMailer::from_url(url).from(FROM).build();
    for good in [
        "smtp://mail.example.com",
        "smtp://user:password@mail.example.com:2525?tls=required",
        "smtps://user:password@mail.example.com",
        "smtp://[::1]:25?tls=none",
        "smtp://localhost?tls=none",
        "smtp://127.0.0.3?tls=none",
    ] {
        assert!(build(good).is_ok(), "{good}");
    }
    for bad in [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com?tls=none",
        "smtp://127.0.0.1.evil.example?tls=none",
        "smtp://mail.example.com?tls=opportunistic",
        "smtp://mail.example.com?tls=required&tls=none",
        "smtps://mail.example.com?tls=none",
        "smtp://user@mail.example.com",
        "smtp://user:pa55%ff@mail.example.com",
    ] {
        let error = build(bad).unwrap_err();
        assert!(matches!(error, SmtpSettingsError::Url(_)), "{bad}: {error}");
        assert!(!error.to_string().contains("pa55"), "{error}");
    }
    let url = "smtp://mail.example.com?tls=none";
    assert!(
        SmtpMailer::from_url(url)
            .from(FROM)
            .dangerous_without_tls()
            .build()
            .is_ok()
    );
    let url = "smtp://mail.example.com";
    for from in [
        "",
        "example.com",
        "a@example.com, b@example.com",
        "a@example.com\nBcc: b@example.com",
    ] {
        let error = SmtpMailer::from_url(url).from(from).build().unwrap_err();
        assert_eq!(error, SmtpSettingsError::From, "{from:?}");
    }
    let error = SmtpMailer::from_url(url)
        .from(FROM)
        .root_certificate("x")
        .build()
        .unwrap_err();
    assert!(
        matches!(error, SmtpSettingsError::Certificate(_)),
        "{error}"
    );
    let mailer = build("smtps://user:secret@mail.example.com").unwrap();
    let debug = format!("{mailer:?}");
    assert!(
        debug.contains("mail.example.com") && debug.contains("465") && !debug.contains("secret"),
        "{debug}"
    );
}
