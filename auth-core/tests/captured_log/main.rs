//! No log line and no error carries a secret or an e-mail address. A process of its own: the log is the whole process's.

#![cfg(all(
    feature = "login",
    feature = "provider",
    feature = "resource",
    feature = "testkit"
))]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "../both_halves/host.rs"]
#[expect(dead_code, reason = "the other tests use more of it")]
mod host;

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use auth_core::auth::Auth;
use auth_core::store::AuditQuery;
use http::{Method, StatusCode};
use tracing_subscriber::fmt::MakeWriter;

use host::{CLIENT_SECRET, EMAIL, PASSWORD, VERIFIER, authorize, host};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn threat_50_the_log_of_a_whole_run_has_no_secret_in_it() {
    let log = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let host = host().await;
    let mut browser = host.signed_in().await;
    let code = authorize(&mut browser, "openid email offline_access").await;
    let tokens = host.redeem(&code).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let id_token = tokens["id_token"].as_str().unwrap();
    assert_eq!(host.userinfo(access).await.status, StatusCode::OK);
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    host.client_post("/oauth/token", &fields).await;
    // And what goes wrong.
    host.redeem(&code).await;
    host.userinfo(&format!("{access}x")).await;
    let page = browser.get("/auth/login").await;
    browser
        .submit(
            &page,
            &[("email", EMAIL), ("password", "a wrong one of mine")],
        )
        .await;
    browser
        .send(
            Method::POST,
            "/oauth/token",
            &[("authorization", "Basic cnA6d3Jvbmctc2VjcmV0LW9mLXJw")],
            "",
        )
        .await;
    let session = browser.cookie("__Host-auth_session").unwrap().to_owned();

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(
        log.contains("signed_in") && log.contains("code_replayed"),
        "the log is there:\n{log}"
    );
    let secrets = [
        PASSWORD,
        EMAIL,
        CLIENT_SECRET,
        VERIFIER,
        "a wrong one of mine",
        "wrong-secret-of-rp",
        code.as_str(),
        access,
        refresh,
        id_token,
        session.as_str(),
    ];
    let audit = audit_of(&host.auth).await;
    assert!(
        audit.contains("signed_in") && audit.contains("code_replayed"),
        "the audit is there:\n{audit}"
    );
    for (name, text) in [("log", log), ("audit", audit)] {
        for secret in secrets {
            assert!(!text.contains(secret), "the {name} has {secret:?}");
            // Not in part either: the signature or the random half of a token would do.
            let tail = &secret[secret.len() / 2..];
            assert!(!text.contains(tail), "the {name} has a part of {secret:?}");
        }
    }
}

/// Every record there is, page by page.
async fn audit_of(auth: &Auth) -> String {
    auth.flush_audit().await.unwrap();
    let (mut text, mut pages) = (String::new(), 0);
    let mut query = AuditQuery {
        limit: 5,
        ..AuditQuery::default()
    };
    loop {
        let page = auth.audit(&query).await.unwrap();
        writeln!(text, "{:#?}", page.records).unwrap();
        pages += 1;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert!(pages > 1, "{text}");
    text
}
