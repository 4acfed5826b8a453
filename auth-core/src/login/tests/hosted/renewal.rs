//! Refreshes that are slow, come to nothing, or meet another node's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use tokio::task::JoinSet;

use super::super::harness::SESSION_COOKIE;
use super::fake::{Fault, Hold, LIFE};
use super::{Came, Stage};
use crate::ground::Timestamp;
use crate::login::{HostedError, LoginWing};
use crate::store::{Backend, LeaseStore, MemoryStore, Reach, StoreResult, Stores};

const PAST: Duration = Duration::from_secs(LIFE.unsigned_abs() + 1);
/// After this WorkOS is asked again.
const PAUSE: Duration = Duration::from_secs(3);
const AUTHENTICATE: &str = "/user_management/authenticate";

/// Leases that tell how often one was asked for.
struct Counted {
    inner: MemoryStore,
    asked: AtomicUsize,
}

#[async_trait]
impl Backend for Counted {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl LeaseStore for Counted {
    async fn hold_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let held = self.inner.hold_lease(name, holder, now, until).await;
        self.asked.fetch_add(1, Ordering::SeqCst);
        held
    }

    async fn release_lease(&self, name: &str, holder: &str) -> StoreResult<()> {
        self.inner.release_lease(name, holder).await
    }
}

async fn is_let_in(wing: &LoginWing, came: &Came) -> bool {
    wing.session(&came.headers()).await.unwrap().is_some()
}

/// Refreshes that reached it, answered or not.
fn refreshes(stage: &Stage) -> usize {
    let heads = stage.fake.heads();
    let asked = heads.iter().filter(|head| head.contains(AUTHENTICATE));
    asked.count()
}

async fn is_told_to_wait(stage: &Stage, came: &Came) -> bool {
    let answer = stage.house.wing.session(&came.headers()).await;
    answer.is_err_and(|problem| problem.status == StatusCode::SERVICE_UNAVAILABLE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_whose_call_is_under_way_keeps_its_turn() {
    let inner = MemoryStore::new();
    let leases = Arc::new(Counted {
        inner: inner.clone(),
        asked: AtomicUsize::new(0),
    });
    let mut stores = Stores::from(inner);
    stores.leases = leases.clone();
    let minute = Duration::from_mins(1);
    let stage = Stage::on(stores, |login| login, |settings| settings.timeout(minute)).await;
    let other = stage.second_node_with(|settings| settings.timeout(minute));
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    stage.advance(PAST);
    let release = stage.fake.hold_next(AUTHENTICATE, Hold::After);
    let second = async {
        stage.fake.holds().await;
        // As long as one call may take.
        stage.advance(Duration::from_secs(59));
        is_let_in(&other.wing, &came).await
    };
    let lets_go = async {
        // Until the second node has asked for the turn, too.
        while leases.asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        drop(release);
    };
    let (first, second, ()) = tokio::join!(is_let_in(&stage.house.wing, &came), second, lets_go);
    assert!(first && second);
    assert_eq!(stage.fake.state().refreshes, 1);
    assert_eq!(stage.row(&came).await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_stalls_past_its_turn_reads_what_the_other_got() {
    let stage = Stage::new().await;
    let other = stage.second_node();
    let user = stage.user().await;
    let came = stage.came(&user, None).await;
    stage.advance(PAST);
    let release = stage.fake.hold_next(AUTHENTICATE, Hold::Before);
    let second = async {
        stage.fake.holds().await;
        stage.advance(Duration::from_mins(2));
        let let_in = is_let_in(&other.wing, &came).await;
        assert_eq!(stage.row(&came).await.unwrap().version, 1);
        drop(release);
        let_in
    };
    let (first, second) = tokio::join!(is_let_in(&stage.house.wing, &came), second);
    assert!(first && second);
    assert_eq!(
        stage.fake.state().refreshes,
        2,
        "the second one was refused"
    );
    assert_eq!(stage.row(&came).await.unwrap().version, 1);
    assert!(stage.house.ended().is_empty());
}

#[tokio::test]
async fn new_tokens_are_kept_where_their_keys_cannot_be_had() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    // A node that has just started, and has no keys yet.
    let node = stage.second_node();
    stage.fake.state().fault = Some(Fault::KeysDown);
    let mut browser = node.browser();
    let cookies = &mut browser.cookies;
    cookies.insert(SESSION_COOKIE.to_owned(), came.cookie.clone());
    let answer = browser.fill_in("/auth/hosted/refresh", &[]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stage.row(&came).await.unwrap().version, 1);
    stage.fake.state().fault = None;
    stage.advance(Duration::from_secs(6));
    assert!(is_let_in(&node.wing, &came).await);
    assert_eq!(stage.fake.state().refreshes, 1);
}

#[tokio::test]
async fn keys_that_rotate_while_they_cannot_be_had_end_no_session() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let came = stage.came(&user, Some("org_1")).await;
    assert!(stage.seen(&came).await.is_some());
    stage.advance(PAST);
    stage.fake.rotate_keys();
    stage.fake.state().fault = Some(Fault::KeysDown);
    assert!(is_told_to_wait(&stage, &came).await);
    assert_eq!(stage.row(&came).await.unwrap().version, 1);
    stage.fake.state().fault = None;
    stage.advance(Duration::from_secs(31));
    assert!(stage.seen(&came).await.is_some());
    assert_eq!(stage.fake.state().refreshes, 1);
}

/// A stage whose WorkOS is given up on soon, with sessions whose tokens have ended.
async fn waiting(count: usize) -> (Stage, Vec<Came>) {
    let stage = Stage::on(
        MemoryStore::new().into(),
        |login| login,
        |settings| settings.timeout(Duration::from_millis(200)),
    )
    .await;
    let user = stage.user().await;
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(stage.came(&user, None).await);
    }
    stage.advance(PAST);
    (stage, all)
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_waited_for_by_one() {
    let (stage, all) = waiting(8).await;
    stage.fake.state().fault = Some(Fault::Slow);
    assert!(is_told_to_wait(&stage, &all[0]).await);
    let calls = stage.fake.requests();
    for came in &all {
        assert!(is_told_to_wait(&stage, came).await);
    }
    assert_eq!(stage.fake.requests(), calls, "the others did not ask");
    // Nor do those who want to know of users and organizations.
    let error = stage.house.wing.hosted_organization("org_1").await;
    assert_eq!(error.unwrap_err(), HostedError::Unavailable);
    assert_eq!(stage.fake.requests(), calls);
    stage.fake.state().fault = None;
    stage.advance(PAUSE);
    for came in &all {
        assert!(stage.seen(came).await.is_some());
    }
}

#[tokio::test]
async fn what_is_asked_of_the_directory_tells_the_others_too() {
    let (stage, all) = waiting(1).await;
    stage.fake.state().fault = Some(Fault::Slow);
    let error = stage.house.wing.hosted_organization("org_1").await;
    assert_eq!(error.unwrap_err(), HostedError::Unavailable);
    assert!(is_told_to_wait(&stage, &all[0]).await);
    assert_eq!(refreshes(&stage), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_call_that_was_not_answered_one_asks_at_a_time() {
    let (stage, all) = waiting(2).await;
    let stage = Stage {
        // The same stores, with time enough for a call that is held.
        house: stage.second_node(),
        fake: stage.fake,
    };
    // Nobody is there at all: so it is known at once.
    stage.fake.state().fault = Some(Fault::Cut);
    assert!(is_told_to_wait(&stage, &all[0]).await);
    stage.fake.state().fault = None;
    stage.advance(PAUSE);
    let release = stage.fake.hold_next(AUTHENTICATE, Hold::Before);
    let other = async {
        stage.fake.holds().await;
        let calls = stage.fake.requests();
        assert!(is_told_to_wait(&stage, &all[1]).await);
        assert_eq!(stage.fake.requests(), calls);
        drop(release);
    };
    let (probe, ()) = tokio::join!(is_let_in(&stage.house.wing, &all[0]), other);
    assert!(probe);
    assert!(stage.seen(&all[1]).await.is_some(), "it answers: all ask");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_sessions_at_once_one_finds_out_whether_it_answers_again() {
    let (stage, all) = waiting(32).await;
    let stage = Arc::new(Stage {
        house: stage.second_node(),
        fake: stage.fake,
    });
    stage.fake.state().fault = Some(Fault::Cut);
    assert!(is_told_to_wait(&stage, &all[0]).await);
    stage.fake.state().fault = None;
    stage.advance(PAUSE);
    let before = refreshes(&stage);
    let release = stage.fake.hold_next(AUTHENTICATE, Hold::Before);
    let mut tasks = JoinSet::new();
    for came in all {
        let stage = stage.clone();
        tasks.spawn(async move { is_told_to_wait(&stage, &came).await });
    }
    for _ in 0..31 {
        let told = tasks.join_next().await.unwrap();
        assert!(told.unwrap(), "nobody waits for the one that asks");
    }
    stage.fake.holds().await;
    assert_eq!(refreshes(&stage), before + 1);
    drop(release);
    let told = tasks.join_next().await.unwrap();
    assert!(!told.unwrap(), "that one is let in");
}

#[tokio::test]
async fn an_answer_that_is_an_error_holds_up_nobody_else() {
    let (stage, all) = waiting(2).await;
    stage.fake.state().fault = Some(Fault::Down);
    assert!(is_told_to_wait(&stage, &all[0]).await);
    stage.fake.state().fault = None;
    assert!(stage.seen(&all[1]).await.is_some());
    assert!(is_told_to_wait(&stage, &all[0]).await, "not at once again");
}
