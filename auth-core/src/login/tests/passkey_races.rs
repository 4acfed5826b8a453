//! What changes between a look at passkeys and what follows from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;
use tokio::sync::{Barrier, Semaphore};

use super::email_kit::*;
use super::email_undo::{NEW, change};
use super::harness::*;
use super::passkey_device::*;
use crate::ground::Timestamp;
use crate::login::{EmailProof, Login};
use crate::services::Event;
use crate::store::{
    AddPasskey, Backend, MemoryStore, Passkey, PasskeyId, PasskeyStore, Reach, StoreResult, Stores,
    UserId,
};

const REMOVERS: usize = 4;

/// Passkeys, of which none is removed before all who want to remove one have come that far; and which can be made to go
/// in the moment they are used.
struct Held {
    inner: MemoryStore,
    removers: Barrier,
    holds: AtomicBool,
    goes_when_used: AtomicBool,
    /// Those added wait for it.
    holds_added: AtomicBool,
    added: AtomicUsize,
    /// Who looks at a user's next waits for it, having looked.
    holds_look: AtomicBool,
    looked: AtomicBool,
    gate: Semaphore,
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
impl PasskeyStore for Held {
    async fn add_passkey(&self, passkey: &Passkey, most: u32) -> StoreResult<AddPasskey> {
        if self.holds_added.load(Ordering::SeqCst) {
            self.added.fetch_add(1, Ordering::SeqCst);
            let _permit = self.gate.acquire().await.expect("gate");
        }
        self.inner.add_passkey(passkey, most).await
    }

    async fn passkey(&self, id: &PasskeyId) -> StoreResult<Option<Passkey>> {
        self.inner.passkey(id).await
    }

    async fn passkeys_of(&self, user: &UserId) -> StoreResult<Vec<Passkey>> {
        let found = self.inner.passkeys_of(user).await;
        if self.holds_look.swap(false, Ordering::SeqCst) {
            self.looked.store(true, Ordering::SeqCst);
            let _permit = self.gate.acquire().await.expect("gate");
        }
        found
    }

    async fn use_passkey(
        &self,
        id: &PasskeyId,
        expected: u32,
        counter: u32,
        credential: &[u8],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let inner = &self.inner;
        let used = inner
            .use_passkey(id, expected, counter, credential, now)
            .await?;
        if self.goes_when_used.load(Ordering::SeqCst)
            && let Some(passkey) = inner.passkey(id).await?
        {
            inner.remove_passkey(&passkey.user_id, id).await?;
        }
        Ok(used)
    }

    async fn rename_passkey(&self, user: &UserId, id: &PasskeyId, name: &str) -> StoreResult<bool> {
        self.inner.rename_passkey(user, id, name).await
    }

    async fn remove_passkey(&self, user: &UserId, id: &PasskeyId) -> StoreResult<bool> {
        if self.holds.load(Ordering::SeqCst) {
            self.removers.wait().await;
        }
        self.inner.remove_passkey(user, id).await
    }

    async fn remove_passkeys(&self, user: &UserId) -> StoreResult<u64> {
        self.inner.remove_passkeys(user).await
    }
}

fn held() -> (House, Arc<Held>) {
    held_with(settings())
}

fn held_with(login: Login) -> (House, Arc<Held>) {
    let inner = MemoryStore::new();
    let held = Arc::new(Held {
        inner: inner.clone(),
        removers: Barrier::new(REMOVERS),
        holds: AtomicBool::new(false),
        goes_when_used: AtomicBool::new(false),
        holds_added: AtomicBool::new(false),
        added: AtomicUsize::new(0),
        holds_look: AtomicBool::new(false),
        looked: AtomicBool::new(false),
        gate: Semaphore::new(0),
    });
    let mut stores: Stores = inner.into();
    stores.passkeys = held.clone();
    (House::build(login, stores), held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_52_removals_that_all_saw_another_way_in_leave_one() {
    let (house, held) = held();
    let house: &'static House = Box::leak(Box::new(house));
    let mut browser = house.without_password(ADA).await;
    for _ in 0..REMOVERS {
        browser.add_passkey(&mut Device::new()).await;
    }
    held.holds.store(true, Ordering::SeqCst);
    let mut tasks = tokio::task::JoinSet::new();
    for passkey in house.passkeys(ADA).await {
        let mut tab = house.browser();
        tab.cookies = browser.cookies.clone();
        let body = json!({ "passkey_id": passkey.id });
        let path = "/auth/account/passkeys/remove";
        tasks.spawn(async move { tab.post_json(path, &body).await.status });
    }
    let statuses = tasks.join_all().await;
    let count = |wanted: StatusCode| statuses.iter().filter(|status| **status == wanted).count();
    let (removed, refused) = (count(StatusCode::OK), count(StatusCode::CONFLICT));
    assert_eq!(removed + refused, REMOVERS, "{statuses:?}");
    assert!(refused > 0, "{statuses:?}");
    assert_eq!(house.passkeys(ADA).await.len(), refused, "put back");
}

#[tokio::test]
async fn a_passkey_removed_while_it_answers_raises_nothing() {
    let (house, held) = held();
    let mut device = Device::new();
    house.with_passkey(ADA, &mut device).await;
    let mut browser = house.known(ADA, &["pwd"]).await;
    let before = browser.session_cookie().map(str::to_owned);
    let begun = browser.begin(STEP_UP).await;
    let given = device.get(ORIGIN, &begun["publicKey"]).await;
    held.goes_when_used.store(true, Ordering::SeqCst);
    let answer = browser.finish(STEP_UP, &begun, &given).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
    assert_eq!(answer.json()["code"], "invalid_passkey");
    assert_eq!(browser.session_cookie(), before.as_deref());
    assert_eq!(browser.amr().await, json!(["pwd"]));
    let raised = |event: &Event| matches!(event, Event::SteppedUp { .. });
    assert!(!house.events().iter().any(raised));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_29_a_passkey_that_races_the_first_proof_of_the_mailbox_does_not_outlive_it() {
    const TASKS: usize = 32;
    let (house, held) = held();
    let house: &'static House = Box::leak(Box::new(house));
    let user = house.account(ADA).await;
    let mut ready = Vec::new();
    for _ in 0..TASKS {
        let mut mallory = house.known(ADA, &["pwd"]).await;
        let begun = mallory.begin(PASSKEYS).await;
        let made = Device::new().create(ORIGIN, &begun["publicKey"]).await;
        ready.push((mallory, begun, made));
    }
    held.holds_added.store(true, Ordering::SeqCst);
    let mut tasks = tokio::task::JoinSet::new();
    for (mut mallory, begun, made) in ready {
        tasks.spawn(async move { mallory.finish(PASSKEYS, &begun, &made).await.status });
    }
    while held.added.load(Ordering::SeqCst) < TASKS {
        tokio::task::yield_now().await;
    }
    // All of them have looked whether they are signed in. Now its owner comes, and then they go on.
    let proof = EmailProof::MailboxOwner;
    let verified = house.wing.verify_email(&user.id, ADA, proof).await;
    assert!(verified.expect("store"));
    held.gate.add_permits(TASKS);
    let statuses = tasks.join_all().await;
    let left = house.passkeys(ADA).await;
    assert!(left.is_empty(), "{} of {statuses:?}", left.len());
    let added = |event: &Event| matches!(event, Event::PasskeyAdded { .. });
    assert!(!house.events().iter().any(added));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_29_a_passkey_that_races_the_undoing_of_a_change_of_address_does_not_outlive_it() {
    const STOP: &str = "/auth/account/email/stop";
    let (house, held) = held_with(unlimited(mail_settings()));
    let house: &'static House = Box::leak(Box::new(house));
    house.verified(ADA).await;
    let mut thief = house.signed_in(ADA).await;
    house.mails().await;
    change(house, &mut thief, NEW).await;
    let done = house.mail().await;
    let begun = thief.begin(PASSKEYS).await;
    let made = Device::new().create(ORIGIN, &begun["publicKey"]).await;
    held.holds_look.store(true, Ordering::SeqCst);
    let undoing = tokio::spawn(async move {
        let body = json!({ "t": done.token() });
        house.browser().post_json(STOP, &body).await.status
    });
    while !held.looked.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    // What was added has been looked for, and is not removed yet.
    let added = thief.finish(PASSKEYS, &begun, &made).await;
    held.gate.add_permits(1);
    assert_eq!(undoing.await.expect("task"), StatusCode::OK);
    assert!(house.passkeys(ADA).await.is_empty(), "{}", added.body);
}
