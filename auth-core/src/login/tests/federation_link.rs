//! When an identity is linked: not before everything that is asked for was given, and not by somebody who has no say any
//! more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use http::StatusCode;
use tokio::sync::Semaphore;

use super::email_kit::{mail_settings, unlimited};
use super::factors::*;
use super::federation_kit::*;
use super::harness::*;
use crate::ground::Timestamp;
use crate::login::{EmailProof, HookError, LifecycleHooks, Upstream};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{
    Backend, IdentityId, IdentityStore, IdentityUse, LinkIdentity, LinkedIdentity, MemoryStore,
    Reach, StoreError, StoreResult, Stores, User, UserId,
};
use crate::testkit::upstream::{FakePerson, FakeProvider};

#[tokio::test]
async fn an_identity_is_linked_by_its_address_only_after_the_second_factor() {
    let login = addresses_unlimited().mail_flows(true);
    let (house, there) = house_of(login, Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    house.mails().await;
    // Somebody who has the address there, and not the second factor.
    let mut stranger = house.browser();
    let answer = stranger.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/auth/second-factor");
    let answer = stranger.give_code(&app.wrong_code(&house)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(house.identity(&there, "ada-there").await.is_none());
    let linked = |event: &Event| matches!(event, Event::IdentityLinked { .. });
    assert_eq!(house.count(linked), 0);
    let kinds: Vec<_> = house.mails().await.into_iter().map(|m| m.kind).collect();
    assert!(!kinds.contains(&MailKind::ProviderLinked), "{kinds:?}");

    let mut owner = house.browser();
    owner.sign_in_with("corp", &there, &ada()).await;
    owner.give_code(&app.next_code(&house)).await;
    assert_eq!(owner.user_id().await, Some(user.id.clone()));
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(identity.user_id, user.id);
    assert_eq!(house.count(linked), 1);
    let kinds: Vec<_> = house.mails().await.into_iter().map(|m| m.kind).collect();
    assert!(kinds.contains(&MailKind::ProviderLinked), "{kinds:?}");
}

#[tokio::test]
async fn an_address_given_up_on_the_way_to_the_second_factor_links_nothing() {
    let (house, there) = house_of(addresses_unlimited(), Upstream::trust_email).await;
    let user = house.verified(ADA).await;
    let mut first = house.signed_in(ADA).await;
    let (app, _) = enrol(&house, &mut first).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let page = browser.get("/auth/second-factor").await;
    let (users, now) = (&house.core.stores.users, house.core.clock.now());
    let changed = users.change_email(&user.id, Some(ADA), BOB, now).await;
    assert_eq!(changed.expect("store"), crate::store::ChangeEmail::Changed);
    let (token, code) = (form_token(&page.body), app.next_code(&house));
    let fields = [("form_token", token.as_str()), ("code", &code)];
    let answer = browser.post("/auth/second-factor", &fields).await;
    assert!(answer.location().starts_with("/auth/login"));
    assert!(house.identity(&there, "ada-there").await.is_none());
}

struct Shut;

#[async_trait]
impl LifecycleHooks for Shut {
    async fn before_sign_in(&self, _: &User) -> Result<(), HookError> {
        Err(HookError::Refused("Not today.".to_owned()))
    }
}

#[tokio::test]
async fn a_sign_in_that_the_host_refuses_links_nothing() {
    let login = unlimited(settings()).lifecycle_hooks(Shut);
    let (house, there) = house_of(login, Upstream::trust_email).await;
    house.verified(ADA).await;
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    assert!(house.identity(&there, "ada-there").await.is_none());
}

/// Identities, of which none is linked before it is said so; or none at all.
struct Held {
    inner: MemoryStore,
    holds: AtomicBool,
    arrived: AtomicUsize,
    gate: Semaphore,
    refuses: AtomicBool,
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
impl IdentityStore for Held {
    async fn link_identity(
        &self,
        identity: &LinkedIdentity,
        most: u32,
    ) -> StoreResult<LinkIdentity> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("the cable is out"));
        }
        if self.holds.load(Ordering::SeqCst) {
            self.arrived.fetch_add(1, Ordering::SeqCst);
            let _permit = self.gate.acquire().await.expect("gate");
        }
        self.inner.link_identity(identity, most).await
    }

    async fn identity(&self, issuer: &str, subject: &str) -> StoreResult<Option<LinkedIdentity>> {
        self.inner.identity(issuer, subject).await
    }

    async fn identities_of(&self, user: &UserId) -> StoreResult<Vec<LinkedIdentity>> {
        self.inner.identities_of(user).await
    }

    async fn use_identity(
        &self,
        id: &IdentityId,
        seen: &IdentityUse,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.inner.use_identity(id, seen, now).await
    }

    async fn replace_identity_tokens(
        &self,
        id: &IdentityId,
        expected: u64,
        tokens: Option<&[u8]>,
    ) -> StoreResult<bool> {
        let inner = &self.inner;
        inner.replace_identity_tokens(id, expected, tokens).await
    }

    async fn unlink_identity(&self, user: &UserId, id: &IdentityId) -> StoreResult<bool> {
        self.inner.unlink_identity(user, id).await
    }

    async fn unlink_identities(&self, user: &UserId) -> StoreResult<u64> {
        self.inner.unlink_identities(user).await
    }
}

async fn held() -> (House, FakeProvider, Arc<Held>) {
    let inner = MemoryStore::new();
    let held = Arc::new(Held {
        inner: inner.clone(),
        holds: AtomicBool::new(false),
        arrived: AtomicUsize::new(0),
        gate: Semaphore::new(0),
        refuses: AtomicBool::new(false),
    });
    let mut stores: Stores = inner.into();
    stores.identities = held.clone();
    let clock = House::midday();
    let there = provider(&clock).await;
    let login = unlimited(mail_settings()).confirmation(crate::login::Confirmation::Optional);
    let corp = upstream("corp", &there).trust_email();
    let house = House::build_at(clock, login.sign_in_with([corp]), stores);
    (house, there, held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threat_29_a_link_that_races_the_first_proof_of_the_mailbox_does_not_outlive_it() {
    const TASKS: usize = 32;
    let (house, there, held) = held().await;
    let house: &'static House = Box::leak(Box::new(house));
    let user = house.account(ADA).await;
    let mut tabs = Vec::new();
    for at in 0..TASKS {
        let mut mallory = house.signed_in(ADA).await;
        let url = mallory.begin_link("corp").await.location().to_owned();
        let person = FakePerson::new(&format!("mallory-{at}"));
        let response = there.authorize(&url, &person).expect("request");
        tabs.push((mallory, response));
    }
    held.holds.store(true, Ordering::SeqCst);
    let mut tasks = tokio::task::JoinSet::new();
    for (mut mallory, response) in tabs {
        tasks.spawn(async move { mallory.come_back(&response).await.status });
    }
    while held.arrived.load(Ordering::SeqCst) < TASKS {
        tokio::task::yield_now().await;
    }
    // All of them have looked whether they are signed in. Now its owner comes, and then they go on.
    let proof = EmailProof::MailboxOwner;
    let verified = house.wing.verify_email(&user.id, ADA, proof).await;
    assert!(verified.expect("store"));
    held.gate.add_permits(TASKS);
    let statuses = tasks.join_all().await;
    let identities = &house.core.stores.identities;
    let left = identities.identities_of(&user.id).await.expect("store");
    assert!(left.is_empty(), "{} of {statuses:?}", left.len());
    let linked = |event: &Event| matches!(event, Event::IdentityLinked { .. });
    assert_eq!(house.count(linked), 0);
}

#[tokio::test]
async fn an_account_whose_identity_cannot_be_linked_does_not_stay() {
    let (house, there, held) = held().await;
    held.refuses.store(true, Ordering::SeqCst);
    let mut browser = house.browser();
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let email = crate::store::Identifier::Email(ADA.to_owned());
    let users = &house.core.stores.users;
    assert!(users.credentials(&email).await.expect("store").is_none());
    // Nothing of the attempt is in the way of the next.
    held.refuses.store(false, Ordering::SeqCst);
    let answer = browser.sign_in_with("corp", &there, &ada()).await;
    assert_eq!(answer.location(), "/", "{}", answer.body);
    let registered = |event: &Event| matches!(event, Event::Registered { .. });
    let ended = |event: &Event| matches!(event, Event::AccountEnded { .. });
    assert_eq!((house.count(registered), house.count(ended)), (2, 1));
}
