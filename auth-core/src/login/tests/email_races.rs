//! One link or code, used by many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;

use super::email_kit::*;
use super::harness::*;
use crate::ground::{Digest32, Timestamp};
use crate::services::Event;
use crate::store::{
    Backend, Consumed, MemoryStore, OneTimeKind, OneTimeStore, OneTimeValue, Reach, StoreResult,
    Stores,
};

fn sign_ins(house: &House) -> usize {
    let is_one = |event: &&Event| matches!(event, Event::SignedIn { .. });
    house.events().iter().filter(is_one).count()
}

/// Posts the same from 32 tasks in the same browser; the statuses.
async fn at_once(
    house: &Arc<House>,
    browser: &Browser<'_>,
    path: &'static str,
    body: serde_json::Value,
) -> Vec<StatusCode> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (house, cookies, body) = (house.clone(), browser.cookies.clone(), body.clone());
        tasks.spawn(async move {
            let mut browser = house.browser();
            browser.cookies = cookies;
            browser.post_json(path, &body).await.status
        });
    }
    tasks.join_all().await
}

/// Single-use values that let nobody go on from reading one before all 32 have read it.
struct Held {
    inner: MemoryStore,
    all_have_read: tokio::sync::Barrier,
    holds: AtomicBool,
}

#[async_trait]
impl Backend for Held {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl OneTimeStore for Held {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        self.inner.put(value).await
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        let found = self.inner.peek(kind, key, now).await;
        if self.holds.load(Ordering::SeqCst) {
            self.all_have_read.wait().await;
        }
        found
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        self.inner.consume(kind, key, now).await
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool> {
        self.inner.claim_once(kind, key, now, keep_until).await
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.inner.is_claimed(kind, key, now).await
    }
}

/// A house where whoever spends a proof has read it before anybody spent it.
fn held() -> (Arc<House>, Arc<Held>) {
    let inner = MemoryStore::new();
    let held = Arc::new(Held {
        inner: inner.clone(),
        all_have_read: tokio::sync::Barrier::new(32),
        holds: AtomicBool::new(false),
    });
    let mut stores: Stores = inner.into();
    stores.one_time = held.clone();
    let house = House::build(unlimited(mail_settings()), stores);
    (Arc::new(house), held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_uses_of_one_link_one_signs_in() {
    let (house, held) = held();
    house.verified(ADA).await;
    let mut browser = house.browser();
    browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let body = json!({ "t": mail.token() });
    held.holds.store(true, Ordering::SeqCst);
    let statuses = at_once(&house, &browser, "/auth/email/code", body).await;
    let won = statuses.iter().filter(|s| s.as_u16() == 200).count();
    let lost = statuses.iter().filter(|s| s.as_u16() == 410).count();
    assert_eq!((won, lost, sign_ins(&house)), (1, 31, 1), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_uses_of_one_code_one_signs_in() {
    let (house, held) = held();
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let flow = waiting.split_once("f=").expect("flow").1;
    let body = json!({ "f": flow, "code": mail.code });
    held.holds.store(true, Ordering::SeqCst);
    let statuses = at_once(&house, &browser, "/auth/email/code", body).await;
    let won = statuses.iter().filter(|s| s.as_u16() == 200).count();
    assert_eq!((won, sign_ins(&house)), (1, 1), "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|s| matches!(s.as_u16(), 200 | 410 | 429)),
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_a_link_and_its_code_at_once_one_signs_in() {
    let (house, held) = held();
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let flow = waiting.split_once("f=").expect("flow").1.to_owned();
    held.holds.store(true, Ordering::SeqCst);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..32 {
        let (house, cookies) = (house.clone(), browser.cookies.clone());
        let body = if number < 28 {
            json!({ "t": mail.token() })
        } else {
            json!({ "f": flow, "code": mail.code })
        };
        tasks.spawn(async move {
            let mut browser = house.browser();
            browser.cookies = cookies;
            browser.post_json("/auth/email/code", &body).await.status
        });
    }
    let statuses = tasks.join_all().await;
    let won = statuses.iter().filter(|s| s.as_u16() == 200).count();
    assert_eq!((won, sign_ins(&house)), (1, 1), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_12_of_many_guesses_at_once_no_more_than_five_are_looked_at() {
    let house = Arc::new(House::with(unlimited(mail_settings())));
    house.verified(ADA).await;
    let mut browser = house.browser();
    let waiting = browser.ask_sign_in(ADA).await;
    let mail = house.mail().await;
    let flow = waiting.split_once("f=").expect("flow").1;
    let body = json!({ "f": flow, "code": mail.wrong_code() });
    let statuses = at_once(&house, &browser, "/auth/email/code", body).await;
    let looked = statuses.iter().filter(|s| s.as_u16() == 422).count();
    assert_eq!(looked, 5, "{statuses:?}");
}
