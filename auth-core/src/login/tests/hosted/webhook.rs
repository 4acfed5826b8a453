//! What WorkOS tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use workos::compute_webhook_signature;

use super::super::harness::Answer;
use super::fake::{Hold, USER};
use super::{Came, Stage};
use crate::ground::{Clock as _, Timestamp};
use crate::services::Event;
use crate::store::{
    Backend, MemoryStore, Reach, SessionId, StoreError, StoreResult, Stores, UpstreamSession,
    UpstreamSessionStore,
};

const WEBHOOK: &str = "/auth/hosted/webhook";
const SECRET: &str = "whsec_0123456789abcdef";

fn signed(stage: &Stage, secret: &str, ago: Duration, body: &str) -> String {
    let at = (stage.house.clock.now() - ago).millis().to_string();
    let signature = compute_webhook_signature(secret, &at, body);
    format!("t={at}, v1={signature}")
}

async fn send(stage: &Stage, header: Option<&str>, body: &str) -> Answer {
    let mut request = Request::post(WEBHOOK).header("content-type", "application/json");
    if let Some(header) = header {
        request = request.header("workos-signature", header);
    }
    let body = Bytes::copy_from_slice(body.as_bytes());
    let request = request.body(body).unwrap();
    stage.house.browser().send(request).await
}

pub(super) async fn tell(stage: &Stage, event: &str, data: Value) -> Answer {
    let body = json!({ "id": "event_1", "event": event, "data": data }).to_string();
    let header = signed(stage, SECRET, Duration::ZERO, &body);
    send(stage, Some(&header), &body).await
}

async fn two(stage: &Stage) -> (Came, Came) {
    let user = stage.user().await;
    let first = stage.came(&user, Some("org_1")).await;
    (first, stage.came(&user, Some("org_1")).await)
}

#[tokio::test]
async fn a_session_that_was_revoked_there_ends_here_and_no_other() {
    let stage = Stage::new().await;
    let (first, second) = two(&stage).await;
    let data = json!({ "id": first.sid, "user_id": USER });
    let answer = tell(&stage, "session.revoked", data).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(stage.seen(&first).await.is_none());
    assert!(stage.seen(&second).await.is_some());
    let told = stage.house.events();
    assert!(told.iter().any(|event| matches!(event,
        Event::UpstreamLogout { sessions, .. } if *sessions == [first.session.id.clone()])));
}

#[tokio::test]
async fn a_user_that_was_deleted_there_is_signed_out_everywhere() {
    let stage = Stage::new().await;
    let (first, second) = two(&stage).await;
    tell(&stage, "user.deleted", json!({ "id": USER })).await;
    assert!(stage.seen(&first).await.is_none());
    assert!(stage.seen(&second).await.is_none());
}

#[tokio::test]
async fn another_persons_events_change_nothing() {
    let stage = Stage::new().await;
    let (first, second) = two(&stage).await;
    tell(&stage, "user.deleted", json!({ "id": "user_other" })).await;
    let data = json!({ "id": first.sid, "user_id": "user_other" });
    tell(&stage, "session.revoked", data).await;
    let unknown = tell(&stage, "directory.user.deleted", json!({ "id": USER })).await;
    assert_eq!(unknown.status, StatusCode::OK);
    assert!(stage.seen(&first).await.is_some());
    assert!(stage.seen(&second).await.is_some());
}

#[tokio::test]
async fn a_role_that_changed_counts_at_once() {
    let stage = Stage::new().await;
    let (first, _) = two(&stage).await;
    let role = async || {
        let seen = stage.seen(&first).await.unwrap();
        stage.house.wing.scope(&seen).await.unwrap().role
    };
    assert_eq!(role().await.as_deref(), Some("admin"));
    let changed = ("org_1".to_owned(), "member".to_owned());
    stage.fake.state().memberships.extend([changed]);
    let data = json!({ "id": "om_1", "user_id": USER, "organization_id": "org_1" });
    tell(&stage, "organization_membership.updated", data).await;
    assert_eq!(role().await.as_deref(), Some("member"));
}

#[tokio::test]
async fn a_forged_delivery_changes_nothing() {
    let stage = Stage::new().await;
    let (first, _) = two(&stage).await;
    let body = json!({ "id": "e", "event": "user.deleted", "data": { "id": USER } }).to_string();
    let good = signed(&stage, SECRET, Duration::ZERO, &body);
    let (timestamp, signature) = good.split_once(", ").unwrap();
    let old = signed(&stage, SECRET, Duration::from_mins(4), &body);
    let other_secret = signed(&stage, "whsec_another_secret", Duration::ZERO, &body);
    let other_body = signed(&stage, SECRET, Duration::ZERO, "{}");
    let far = u64::MAX.to_string();
    let overflow = format!(
        "t={far}, v1={}",
        compute_webhook_signature(SECRET, &far, &body)
    );
    let negative = format!(
        "t=-1, v1={}",
        compute_webhook_signature(SECRET, "-1", &body)
    );
    let later = format!("t=1, {signature}");
    let truncated = good[..good.len() - 2].to_owned();
    for header in [
        None,
        Some(""),
        Some("v1="),
        Some(timestamp),
        Some(signature),
        Some(old.as_str()),
        Some(other_secret.as_str()),
        Some(other_body.as_str()),
        Some(overflow.as_str()),
        Some(negative.as_str()),
        Some(later.as_str()),
        Some(truncated.as_str()),
    ] {
        let answer = send(&stage, header, &body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{header:?}");
    }
    assert!(stage.seen(&first).await.is_some());
    assert_eq!(
        send(&stage, Some(&good), &body).await.status,
        StatusCode::OK
    );
    assert!(stage.seen(&first).await.is_none());
}

#[tokio::test]
async fn a_replayed_delivery_counts_once() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let body = json!({ "id": "e", "event": "user.deleted", "data": { "id": USER } }).to_string();
    let header = signed(&stage, SECRET, Duration::ZERO, &body);
    assert_eq!(
        send(&stage, Some(&header), &body).await.status,
        StatusCode::OK
    );
    let came = stage.came(&user, None).await;
    let again = send(&stage, Some(&header), &body).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(stage.seen(&came).await.is_some());
}

#[tokio::test]
async fn whatever_else_is_posted_is_refused_clearly() {
    let stage = Stage::new().await;
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "{\"event\":7}",
        "{\"event\":\"x\",\"data\":[]}",
    ] {
        let header = signed(&stage, SECRET, Duration::ZERO, body);
        let answer = send(&stage, Some(&header), body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

/// A store that is down where sessions are looked for.
struct Failing {
    inner: MemoryStore,
    fails: AtomicBool,
}

#[async_trait]
impl Backend for Failing {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl UpstreamSessionStore for Failing {
    async fn put_upstream_session(&self, session: &UpstreamSession) -> StoreResult<()> {
        self.inner.put_upstream_session(session).await
    }

    async fn upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>> {
        self.inner.upstream_session(id).await
    }

    async fn replace_upstream_secrets(
        &self,
        id: &SessionId,
        expected: u64,
        secrets: &[u8],
    ) -> StoreResult<bool> {
        let store = &self.inner;
        store.replace_upstream_secrets(id, expected, secrets).await
    }

    async fn take_upstream_session(&self, id: &SessionId) -> StoreResult<Option<UpstreamSession>> {
        self.inner.take_upstream_session(id).await
    }

    async fn upstream_sessions(
        &self,
        upstream: &str,
        issuer: &str,
        subject: Option<&str>,
        sid: Option<&str>,
        limit: u32,
    ) -> StoreResult<Vec<UpstreamSession>> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("down"));
        }
        let store = &self.inner;
        store
            .upstream_sessions(upstream, issuer, subject, sid, limit)
            .await
    }
}

#[tokio::test]
async fn an_event_that_could_not_be_acted_on_counts_when_it_comes_again() {
    let inner = MemoryStore::new();
    let failing = Arc::new(Failing {
        inner: inner.clone(),
        fails: AtomicBool::new(true),
    });
    let mut stores = Stores::from(inner);
    stores.upstream_sessions = failing.clone();
    let stage = Stage::on(stores, |login| login, |settings| settings).await;
    let (first, _) = two(&stage).await;
    let data = json!({ "id": first.sid, "user_id": USER });
    let body = json!({ "id": "e", "event": "session.revoked", "data": data }).to_string();
    let header = signed(&stage, SECRET, Duration::ZERO, &body);
    let answer = send(&stage, Some(&header), &body).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stage.seen(&first).await.is_some());
    failing.fails.store(false, Ordering::SeqCst);
    let answer = send(&stage, Some(&header), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(stage.seen(&first).await.is_none());
    let answer = send(&stage, Some(&header), &body).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_asked_for_before_an_event_is_not_kept_after_it() {
    let stage = Stage::new().await;
    let (first, _) = two(&stage).await;
    let wing = &stage.house.wing;
    let seen = stage.seen(&first).await.unwrap();
    let access = wing.hosted_access(&seen).await.unwrap().unwrap();
    let release = stage.fake.hold_next("/user_management/users/", Hold::After);
    let changes = async {
        stage.fake.holds().await;
        stage.fake.state().first_name = "Augusta";
        let answer = tell(&stage, "user.updated", json!({ "id": USER })).await;
        assert_eq!(answer.status, StatusCode::OK);
        drop(release);
    };
    let (old, ()) = tokio::join!(wing.hosted_user(&access), changes);
    assert_eq!(old.unwrap().first_name.as_deref(), Some("Ada"));
    let name = async || wing.hosted_user(&access).await.unwrap().first_name.clone();
    assert_eq!(name().await.as_deref(), Some("Augusta"));
    // An event that comes late has the record asked for anew, and says nothing of it itself.
    let late = json!({ "id": USER, "first_name": "Ada", "updated_at": "2025-01-01T00:00:00.000Z" });
    tell(&stage, "user.updated", late).await;
    assert_eq!(name().await.as_deref(), Some("Augusta"));
}
