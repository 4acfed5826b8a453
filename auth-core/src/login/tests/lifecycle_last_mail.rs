//! The last mail about an account.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::json;

use super::harness::*;
use super::lifecycle::{DAY, Hook, Host, stored, token, verified};
use crate::ground::Timestamp;
use crate::login::NewUser;
use crate::store::{
    Backend, MemoryStore, MessageId, OutboxKind, OutboxMessage, OutboxStore, Reach, StoreError,
    StoreResult, Stores,
};

#[tokio::test]
async fn the_last_mail_is_in_the_language_the_end_was_asked_for_in() {
    let house = House::new();
    let ada = verified(&house).await;
    let mut browser = house.signed_in(ADA).await;
    let token = token(&mut browser, "delete").await;
    browser.extra = vec![("accept-language", "de".to_owned())];
    let fields = [("form_token", &*token)];
    browser.post("/auth/account/delete", &fields).await;
    // And of a host's own order, in the language that the person's claims name.
    let new = NewUser {
        email: Some(BOB.to_owned()),
        email_verified: true,
        claims: json!({ "locale": "de-AT" })
            .as_object()
            .expect("object")
            .clone(),
        ..NewUser::default()
    };
    let bob = house.wing.create_user(new).await.expect("account");
    house.wing.schedule_deletion(&bob.id).await.expect("store");
    house.clock.advance(DAY * 15);
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 2);
    assert_eq!(stored(&house, &ada).await, None);
    let (now, outbox) = (house.core.clock.now(), &house.core.stores.outbox);
    let due = outbox.take_due(OutboxKind::Mail, now, now, 100).await;
    let due = due.expect("store");
    let orders = due
        .iter()
        .map(|message| house.core.mails.open(message).expect("order"));
    let mut told: Vec<_> = orders
        .filter(|order| order.kind == "deletion_done")
        .map(|order| (order.to.expect("address"), order.locale))
        .collect();
    told.sort();
    let expected = [(ADA, "de"), (BOB, "de-AT")];
    assert_eq!(
        told,
        expected.map(|(to, locale)| (to.to_owned(), locale.to_owned()))
    );
}

/// Mails that cannot be ordered once it matters.
struct FailingOutbox {
    inner: MemoryStore,
    fails: AtomicBool,
}

#[async_trait]
impl Backend for FailingOutbox {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl OutboxStore for FailingOutbox {
    async fn put_messages(&self, messages: &[OutboxMessage]) -> StoreResult<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::corrupt("outbox", "down"));
        }
        self.inner.put_messages(messages).await
    }

    async fn take_due(
        &self,
        kind: OutboxKind,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<OutboxMessage>> {
        self.inner.take_due(kind, now, until, limit).await
    }

    async fn finish_message(&self, id: &MessageId) -> StoreResult<bool> {
        self.inner.finish_message(id).await
    }

    async fn delay_message(&self, id: &MessageId, due_at: Timestamp) -> StoreResult<()> {
        self.inner.delay_message(id, due_at).await
    }
}

#[tokio::test]
async fn the_host_hears_of_an_end_whose_last_mail_cannot_be_ordered() {
    let inner = MemoryStore::new();
    let outbox = Arc::new(FailingOutbox {
        inner: inner.clone(),
        fails: AtomicBool::new(false),
    });
    let mut stores: Stores = inner.into();
    stores.outbox = outbox.clone();
    let host = Arc::new(Host::default());
    let house = House::build(settings().lifecycle_hooks(Hook(host.clone())), stores);
    let ada = verified(&house).await;
    house.wing.schedule_deletion(&ada.id).await.expect("store");
    house.clock.advance(DAY * 15);
    outbox.fails.store(true, Ordering::SeqCst);
    assert_eq!(house.wing.end_due_accounts().await.expect("store"), 1);
    let told = host.told.lock().expect("lock").clone();
    assert_eq!(told.last(), Some(&format!("-{}", ada.id)));
}
