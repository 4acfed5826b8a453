//! Hearing of sessions that end: on other nodes, over a line that breaks, until nobody listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use tokio::sync::Notify;

use super::harness::{ADA, House, settings};
use crate::ground::{Digest32, Timestamp};
use crate::login::SessionNews;
use crate::store::{
    Backend, EndedSession, EndedSessions, MemoryStore, Reach, Session, SessionId, SessionStore,
    StoreError, StoreResult, Stores, UserId,
};

/// The sessions of a memory store, over a line that can break.
#[derive(Clone, Default)]
struct Line {
    inner: MemoryStore,
    down: Arc<AtomicBool>,
    breaks: Arc<Notify>,
    open: Arc<AtomicUsize>,
}

struct Watch {
    inner: Box<dyn EndedSessions>,
    line: Line,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.line.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl EndedSessions for Watch {
    async fn next(&mut self) -> StoreResult<Vec<EndedSession>> {
        tokio::select! {
            ended = self.inner.next() => ended,
            () = self.line.breaks.notified() => Err(StoreError::unavailable("the line broke")),
        }
    }
}

impl Line {
    fn up(&self) -> StoreResult<&MemoryStore> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("the line is down"));
        }
        Ok(&self.inner)
    }

    fn breaks(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.breaks.notify_one();
    }

    fn comes_back(&self) {
        self.down.store(false, Ordering::SeqCst);
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// A node that reaches its sessions over this line.
    fn house(&self) -> House {
        let mut stores = Stores::from(self.inner.clone());
        stores.sessions = Arc::new(self.clone());
        House::build(settings(), stores)
    }
}

#[async_trait]
impl Backend for Line {
    fn reach(&self) -> Reach {
        Reach::Shared
    }
    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.up()?.prune(now, limit).await
    }
}

#[async_trait]
impl SessionStore for Line {
    async fn insert_session(&self, session: &Session) -> StoreResult<()> {
        self.up()?.insert_session(session).await
    }
    async fn session(&self, id: &SessionId) -> StoreResult<Option<Session>> {
        self.up()?.session(id).await
    }
    async fn touch_session(
        &self,
        id: &SessionId,
        at: Timestamp,
        end: Timestamp,
    ) -> StoreResult<()> {
        self.up()?.touch_session(id, at, end).await
    }
    async fn rotate_session(&self, old: &Digest32, session: &Session) -> StoreResult<bool> {
        self.up()?.rotate_session(old, session).await
    }
    async fn sessions_of(&self, user: &UserId) -> StoreResult<Vec<Session>> {
        self.up()?.sessions_of(user).await
    }
    async fn revoke_session(&self, user: &UserId, id: &SessionId) -> StoreResult<bool> {
        self.up()?.revoke_session(user, id).await
    }
    async fn revoke_sessions_of(
        &self,
        user: &UserId,
        except: Option<&SessionId>,
    ) -> StoreResult<Vec<SessionId>> {
        self.up()?.revoke_sessions_of(user, except).await
    }
    async fn watch_ended(&self) -> StoreResult<Box<dyn EndedSessions>> {
        let inner = self.up()?.watch_ended().await?;
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Watch {
            inner,
            line: self.clone(),
        }))
    }
}

/// Ends the one session of a user as if on another node: past this one's line.
async fn end_elsewhere(line: &Line, user: &UserId) -> EndedSession {
    let ended = line.inner.revoke_sessions_of(user, None).await;
    let [id] = ended.expect("store").try_into().expect("one session");
    EndedSession {
        user_id: user.clone(),
        id,
    }
}

#[tokio::test]
async fn threat_34_a_node_hears_what_another_ends() {
    let store = MemoryStore::new();
    let here = House::build(settings(), store.clone().into());
    let there = House::build(settings(), store.into());
    let ada = here.account(ADA).await;
    let mut browser = here.signed_in(ADA).await;
    let id = browser.session_id().await.expect("session");
    let mut subscriptions = [
        here.wing.subscribe().await.expect("subscribed"),
        here.wing.subscribe().await.expect("subscribed"),
        there.wing.subscribe().await.expect("subscribed"),
    ];
    let mut same = there.browser();
    same.cookies.clone_from(&browser.cookies);
    assert!(same.is_signed_in().await);
    let answer = browser.fill_in("/auth/logout", &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let ended = SessionNews::Ended(EndedSession {
        user_id: ada.id,
        id: id.into(),
    });
    for subscription in &mut subscriptions {
        assert_eq!(subscription.next().await, ended);
    }
    assert!(!same.is_signed_in().await);
}

#[tokio::test]
async fn a_line_that_broke_is_told_of_and_opened_again() {
    let line = Line::default();
    let house = line.house();
    let ada = house.account(ADA).await;
    house.signed_in(ADA).await;
    let mut subscription = house.wing.subscribe().await.expect("subscribed");
    line.breaks();
    assert_eq!(subscription.next().await, SessionNews::Missed);
    end_elsewhere(&line, &ada.id).await;
    line.comes_back();
    // Now is the time to look at the store: what ends from here on is heard.
    assert_eq!(subscription.next().await, SessionNews::Missed);
    house.signed_in(ADA).await;
    let ended = end_elsewhere(&line, &ada.id).await;
    assert_eq!(subscription.next().await, SessionNews::Ended(ended));
}

#[tokio::test]
async fn nobody_listens_and_nothing_is_watched() {
    let line = Line::default();
    let house = line.house();
    let ada = house.account(ADA).await;
    assert_eq!(line.open(), 0);
    for _ in 0..2 {
        let first = house.wing.subscribe().await.expect("subscribed");
        let mut second = house.wing.subscribe().await.expect("subscribed");
        assert_eq!(line.open(), 1);
        drop(first);
        house.signed_in(ADA).await;
        let ended = end_elsewhere(&line, &ada.id).await;
        assert_eq!(second.next().await, SessionNews::Ended(ended));
        drop(second);
        while line.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
    line.breaks();
    assert!(house.wing.subscribe().await.is_err());
}

#[tokio::test]
async fn who_is_too_slow_is_told_so() {
    let line = Line::default();
    let house = line.house();
    let mut slow = house.wing.subscribe().await.expect("subscribed");
    let mut quick = house.wing.subscribe().await.expect("subscribed");
    let ended = SessionNews::Ended(EndedSession {
        user_id: UserId::new("ada"),
        id: SessionId::new("session"),
    });
    for _ in 0..2000 {
        house.wing.watch.tell(ended.clone());
        assert_eq!(quick.next().await, ended);
    }
    assert_eq!(slow.next().await, SessionNews::Missed);
    assert_eq!(slow.next().await, ended);
}

#[tokio::test(start_paused = true)]
async fn threat_34_until_ended_returns_when_another_node_revokes() {
    let line = Line::default();
    let house = line.house();
    let ada = house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let id: SessionId = browser.session_id().await.expect("session").into();
    let ended = house.wing.until_ended(&id);
    tokio::pin!(ended);
    let minutes = tokio::time::sleep(Duration::from_mins(5));
    tokio::select! {
        () = &mut ended => panic!("the session stands"),
        () = minutes => {}
    }
    // Also when the news is lost with the line.
    line.breaks();
    end_elsewhere(&line, &ada.id).await;
    line.comes_back();
    ended.await;
    // And at once for one that is gone already.
    house.wing.until_ended(&id).await;
}

#[tokio::test(start_paused = true)]
async fn until_ended_returns_when_time_ends_the_session() {
    let house = House::new();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let id: SessionId = browser.session_id().await.expect("session").into();
    let ended = house.wing.until_ended(&id);
    tokio::pin!(ended);
    let patience = Duration::from_mins(2);
    assert!(tokio::time::timeout(patience, &mut ended).await.is_err());
    house.clock.advance(Duration::from_mins(29));
    assert!(tokio::time::timeout(patience, &mut ended).await.is_err());
    house.clock.advance(Duration::from_mins(1));
    assert!(tokio::time::timeout(patience, &mut ended).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn threat_34_what_nobody_can_ask_about_counts_as_ended() {
    let line = Line::default();
    let house = line.house();
    house.account(ADA).await;
    let mut browser = house.signed_in(ADA).await;
    let id: SessionId = browser.session_id().await.expect("session").into();
    let ended = house.wing.until_ended(&id);
    tokio::pin!(ended);
    let settle = tokio::time::timeout(Duration::from_mins(1), &mut ended);
    assert!(settle.await.is_err());
    line.breaks();
    let doubt = tokio::time::timeout(Duration::from_secs(20), &mut ended);
    assert!(doubt.await.is_err(), "a short outage closes nothing");
    let end = tokio::time::timeout(Duration::from_mins(2), &mut ended);
    assert!(end.await.is_ok(), "a long one does");
}
