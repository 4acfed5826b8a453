//! The mail server, spoken to by hand.
#![expect(clippy::expect_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use test_servers::{Smtp, SmtpTls};

/// Sends lines, each after the reply to the one before; the replies' last lines.
fn talk(port: u16, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut reply = || loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("text");
        if line.get(3..4) != Some("-") {
            return line.trim_end().to_owned();
        }
    };
    let mut replies = vec![reply()];
    for line in lines {
        (&stream)
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("sent");
        replies.push(reply());
    }
    replies
}

const MAIL: [&str; 5] = [
    "EHLO client.example",
    "MAIL FROM:<a@example.com>",
    "RCPT TO:<b@example.com>",
    "DATA",
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n..a dot\r\n.",
];

#[test]
fn keeps_what_it_takes() {
    let mut server = Smtp::start();
    assert_eq!(server.received(), []);
    let replies = talk(server.port(), &MAIL);
    assert!(replies[5].starts_with("250"), "{replies:?}");
    server.kill();
    server.start_again();
    talk(server.port(), &MAIL);
    let received = server.wait_for(2);
    for mail in &received {
        assert_eq!(
            (mail.from.as_str(), mail.to.join(" ").as_str()),
            ("a@example.com", "b@example.com")
        );
        assert_eq!(mail.header("subject"), "Grüße");
        assert_eq!(mail.text.trim(), ".a dot");
        assert_eq!(mail.hello, "client.example");
        assert!(!mail.tls && !mail.login);
    }
    assert_ne!(received[0].connection, received[1].connection);
}

#[test]
fn refuses_as_told() {
    let server = Smtp::start();
    server.refuse(Some("451 4.3.0 Later"));
    assert_eq!(talk(server.port(), &MAIL[..3])[3], "451 4.3.0 Later");
    server.refuse(None);
    assert!(talk(server.port(), &MAIL[..3])[3].starts_with("250"));
}

#[test]
fn insists_on_what_it_asks_for() {
    let server = Smtp::start_with(SmtpTls::StartTls, Some(("user", "password")));
    assert!(talk(server.port(), &MAIL[..2])[2].starts_with("530"));
    assert!(server.ca_certificate().is_file());
    let server = Smtp::start_with(SmtpTls::None, Some(("user", "password")));
    assert!(talk(server.port(), &MAIL[..2])[2].starts_with("530"));
    // "\0user\0password"
    let right = ["EHLO client.example", "AUTH PLAIN AHVzZXIAcGFzc3dvcmQ="];
    assert!(talk(server.port(), &right)[2].starts_with("235"));
    let wrong = ["EHLO client.example", "AUTH PLAIN AHVzZXIAcGFzc3dvcmU="];
    assert!(talk(server.port(), &wrong)[2].starts_with("535"));
}
