//! The life of sessions.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;

use super::harness::*;
use crate::ground::{Digest32, Timestamp};
use crate::login::SessionEnd;
use crate::store::{
    Backend, EndedSessions, MemoryStore, Reach, Session, SessionId, SessionStore, StoreError,
    StoreResult, Stores, UserId,
};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn idle_sessions_end_and_used_ones_go_on_until_the_absolute_end() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    house.clock.advance(30 * MINUTE);
    assert!(!browser.is_signed_in().await, "idle for 30 min");

    let mut browser = house.signed_in(ADA).await;
    for _ in 0..57 {
        house.clock.advance(25 * MINUTE);
        assert!(browser.is_signed_in().await);
    }
    // 23 h 45 min.
    house.clock.advance(14 * MINUTE);
    assert!(browser.is_signed_in().await);
    house.clock.advance(MINUTE);
    assert!(!browser.is_signed_in().await, "24 h in all");
}

#[tokio::test]
async fn remembered_sessions_live_sixty_days_used_or_not() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.browser();
    let fields = [("email", ADA), ("password", PASSWORD), ("remember", "true")];
    browser.fill_in("/auth/login", &fields).await;
    house.clock.advance(59 * 24 * 60 * MINUTE);
    assert!(browser.is_signed_in().await);
    house.clock.advance(24 * 60 * MINUTE);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn activity_is_written_every_five_minutes_at_most() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let id = SessionId::new(browser.session_id().await.expect("id"));
    let started = house.core.clock.now();
    let seen = async || {
        let session = house.core.stores.sessions.session(&id).await;
        session.expect("store").expect("session").last_seen_at
    };
    house.clock.advance(Duration::from_secs(299));
    assert!(browser.is_signed_in().await);
    assert_eq!(seen().await, started);
    house.clock.advance(Duration::from_secs(1));
    assert!(browser.is_signed_in().await);
    assert_eq!(seen().await, started + 5 * MINUTE);
}

#[tokio::test]
async fn threat_34_a_revoked_session_is_gone_at_once() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    assert!(browser.is_signed_in().await);
    assert_eq!(
        house.wing.revoke_sessions(&ada.id).await.expect("revoked"),
        1
    );
    assert!(!browser.is_signed_in().await);
    let answer = browser.get("/auth/account").await;
    assert_eq!(answer.location(), "/auth/login?return_to=%2Fauth%2Faccount");
    assert_eq!(house.ended()[0].why, SessionEnd::Revoked);
}

#[tokio::test]
async fn threat_14_disabled_and_deleted_users_are_out_at_once() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    // Disabled behind the wing's back, as another node or a migration would: the session is still there.
    let change = crate::store::UserChange {
        disabled_at: Some(Some(house.core.clock.now())),
        ..crate::store::UserChange::default()
    };
    let users = &house.core.stores.users;
    users
        .update_user(&ada.id, &change, house.core.clock.now())
        .await
        .expect("store");
    let sessions = &house.core.stores.sessions;
    assert_eq!(sessions.sessions_of(&ada.id).await.expect("store").len(), 1);
    assert!(!browser.is_signed_in().await);
    assert_eq!(sessions.sessions_of(&ada.id).await.expect("store").len(), 0);
    assert_eq!(house.ended()[0].why, SessionEnd::AccountDisabled);
    // Enabled again, the old session stays dead.
    house.wing.enable_user(&ada.id).await.expect("enabled");
    assert!(!browser.is_signed_in().await);

    let mut browser = house.signed_in(ADA).await;
    house.wing.disable_user(&ada.id).await.expect("disabled");
    assert!(!browser.is_signed_in().await);
    assert_eq!(house.ended().len(), 2);
}

#[tokio::test]
async fn metadata_is_kept_and_cut() {
    let house = House::new();
    let ada = house.account(ADA).await;
    let mut browser = house.browser();
    let body = serde_json::json!({ "email": ADA, "password": PASSWORD });
    browser.extra = vec![("user-agent", "x".repeat(600))];
    browser.post_json("/auth/login", &body).await;
    let sessions = house
        .core
        .stores
        .sessions
        .sessions_of(&ada.id)
        .await
        .expect("store");
    assert_eq!(sessions[0].user_agent.as_ref().map(String::len), Some(512));
    assert_eq!(sessions[0].address.as_deref(), Some("192.0.2.7"));
}

/// A session store that is down.
struct Down;

fn down<T>() -> StoreResult<T> {
    Err(StoreError::unavailable("down"))
}

#[async_trait]
impl Backend for Down {
    fn reach(&self) -> Reach {
        Reach::Shared
    }

    async fn prune(&self, _: Timestamp, _: u32) -> StoreResult<u64> {
        down()
    }
}

#[async_trait]
impl SessionStore for Down {
    async fn insert_session(&self, _: &Session) -> StoreResult<()> {
        down()
    }
    async fn session(&self, _: &SessionId) -> StoreResult<Option<Session>> {
        down()
    }
    async fn touch_session(&self, _: &SessionId, _: Timestamp, _: Timestamp) -> StoreResult<()> {
        down()
    }
    async fn rotate_session(&self, _: &Digest32, _: &Session) -> StoreResult<bool> {
        down()
    }
    async fn sessions_of(&self, _: &UserId) -> StoreResult<Vec<Session>> {
        down()
    }
    async fn revoke_session(&self, _: &UserId, _: &SessionId) -> StoreResult<bool> {
        down()
    }
    async fn revoke_sessions_of(
        &self,
        _: &UserId,
        _: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        down()
    }
    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        down()
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_a_503_and_never_signed_out() {
    let mut stores = Stores::from(MemoryStore::new());
    stores.sessions = std::sync::Arc::new(Down);
    let house = House::build(settings(), stores);
    house.account(ADA).await;
    let mut browser = house.browser();
    browser.cookies.insert(
        SESSION_COOKIE.to_owned(),
        format!("{}.{}", "A".repeat(22), "A".repeat(43)),
    );
    for path in [
        "/auth/session",
        "/auth/account",
        "/auth/login",
        "/auth/logout",
    ] {
        let answer = browser.get_json(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.headers.contains_key("retry-after"));
        assert!(browser.session_cookie().is_some());
    }
    let answer = house.browser().sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.set_cookies().len(), 0);
}
