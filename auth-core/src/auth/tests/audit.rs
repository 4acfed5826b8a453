//! What the builder does about the audit.

use std::time::Duration;

use crate::auth::{Auth, AuthBuilder, BuildError};
use crate::login::{Login, NewUser};
use crate::store::{AuditQuery, MemoryStore};
use crate::testkit::ManualClock;

const DAY: Duration = Duration::from_hours(24);

fn builder() -> AuthBuilder {
    Auth::builder("https://app.example.com")
        .secret([7; 32])
        .clock(ManualClock::at(crate::ground::Timestamp::from_seconds(
            1_800_000_000,
        )))
        .store(MemoryStore::default())
        .prune_every(None)
}

fn all() -> AuditQuery {
    AuditQuery {
        limit: 100,
        ..AuditQuery::default()
    }
}

async fn registered(auth: &Auth) {
    let new = NewUser {
        email: Some("ada@example.com".to_owned()),
        ..NewUser::default()
    };
    let login = auth.login().expect("login");
    login.create_user(new).await.expect("account");
    auth.flush_audit().await.expect("flush");
}

#[tokio::test]
async fn events_are_kept_unless_the_host_says_otherwise() {
    for (kept, expected) in [(true, 1), (false, 0)] {
        let auth = builder().login(Login::default()).audit(kept);
        let auth = auth.build().await.expect("build");
        registered(&auth).await;
        let page = auth.audit(&all()).await.expect("page");
        assert_eq!(page.records.len(), expected, "{kept}");
        assert_eq!(page.next, None);
    }
}

#[tokio::test]
async fn events_are_kept_as_long_as_the_host_says() {
    for days in [400, 1, 36_500] {
        let mut auth = builder().login(Login::default());
        if days != 400 {
            auth = auth.audit_retention(DAY * days);
        }
        let auth = auth.build().await.expect("build");
        registered(&auth).await;
        let page = auth.audit(&all()).await.expect("page");
        let kept = page.records[0].expires_at.since(page.records[0].at);
        assert_eq!(kept, DAY * days);
        // A call of the host's has no actor, and no address.
        assert_eq!(page.records[0].actor, None);
        assert_eq!(page.records[0].address, None);
        assert!(page.records[0].subject.is_some());
    }
}

#[tokio::test]
async fn a_retention_that_cannot_be_meant_is_refused() {
    for retention in [
        Duration::ZERO,
        Duration::from_hours(23),
        DAY * 36_601,
        Duration::MAX,
    ] {
        let auth = builder().login(Login::default()).audit_retention(retention);
        let refused = auth.build().await.expect_err("refused");
        assert!(matches!(refused, BuildError::AuditRetention), "{refused}");
    }
}
