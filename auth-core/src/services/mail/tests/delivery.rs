use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::super::{Mail, MailError, MailKind, MailOrder, Mailer};
use super::house::{ADA, House, START, order};
use crate::store::{MemoryStore, OutboxKind, Stores};

const HOUR: Duration = Duration::from_hours(1);

/// Says what it is told to say, and keeps what it took.
#[derive(Clone, Default)]
struct Script {
    says: Arc<Mutex<Option<MailError>>>,
    taken: Arc<Mutex<Vec<Mail>>>,
    asked: Arc<Mutex<usize>>,
}

impl Script {
    fn say(&self, answer: impl Into<Option<MailError>>) {
        *self.says.lock().unwrap() = answer.into();
    }

    fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

#[async_trait]
impl Mailer for Script {
    async fn deliver(&self, mail: &Mail) -> Result<(), MailError> {
        *self.asked.lock().unwrap() += 1;
        tokio::task::yield_now().await;
        if let Some(error) = *self.says.lock().unwrap() {
            return Err(error);
        }
        self.taken.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

/// Takes nothing and never answers.
struct Silent;

#[async_trait]
impl Mailer for Silent {
    async fn deliver(&self, _mail: &Mail) -> Result<(), MailError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_mail_is_handed_over_once() {
    let script = Script::default();
    let house = House::new(script.clone());
    house
        .order(MailKind::PasswordChanged, Some(ADA), HOUR)
        .await;
    assert_eq!(house.deliver().await, 1);
    assert_eq!(house.deliver().await, 0);
    house.clock.advance(HOUR / 2);
    assert_eq!(house.deliver().await, 0);
    let taken = script.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].to.as_str(), taken[0].at), (ADA, START));
    assert_eq!(taken[0].subject, "Your password was changed");
    assert_eq!(
        house.told(),
        [json!({ "event": "mail_delivered", "kind": "password_changed" })]
    );
}

#[tokio::test]
async fn a_mail_to_nobody_ends_in_silence() {
    let script = Script::default();
    let house = House::new(script.clone());
    house.order(MailKind::PasswordReset, None, HOUR).await;
    assert_eq!(house.deliver().await, 1);
    house.clock.advance(HOUR / 2);
    assert_eq!(house.deliver().await, 0);
    assert_eq!(script.asked(), 0);
    assert!(house.told().is_empty());
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_later_each_time() {
    let script = Script::default();
    let house = House::new(script.clone());
    script.say(MailError::Temporary("deferred"));
    house
        .order(MailKind::PasswordChanged, Some(ADA), HOUR * 24)
        .await;
    assert_eq!(house.deliver().await, 1);
    for delay in [5, 30, 120, 600, 3600, 4 * 3600, 4 * 3600] {
        house.clock.advance(Duration::from_millis(delay * 1000 - 1));
        assert_eq!(house.deliver().await, 0, "before {delay}");
        house.clock.advance(Duration::from_millis(1));
        assert_eq!(house.deliver().await, 1, "after {delay}");
    }
    assert!(house.told().is_empty());
    script.say(None);
    house.clock.advance(HOUR * 4);
    assert_eq!(house.deliver().await, 1);
    assert_eq!(script.taken().len(), 1);
    assert_eq!(script.asked(), 9);
}

#[tokio::test]
async fn a_link_good_for_ten_minutes_is_tried_for_ten_minutes() {
    let script = Script::default();
    let house = House::new(script.clone());
    script.say(MailError::Temporary("connection"));
    house
        .order(MailKind::MagicLink, Some(ADA), Duration::from_mins(10))
        .await;
    let mut tried = Vec::new();
    for second in 0..=700 {
        if house.deliver().await > 0 {
            tried.push(second);
        }
        house.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(tried[..4], [0, 5, 35, 155]);
    assert!((480..600).contains(tried.last().unwrap()), "{tried:?}");
    assert!(
        tried.windows(2).skip(1).all(|pair| pair[1] - pair[0] >= 30),
        "{tried:?}"
    );
    assert_eq!(
        house.told(),
        [json!({ "event": "mail_given_up", "kind": "magic_link", "reason": "connection" })]
    );
}

#[tokio::test]
async fn what_is_refused_is_given_up() {
    let script = Script::default();
    let house = House::new(script.clone());
    script.say(MailError::Permanent("rejected"));
    house.order(MailKind::NewDevice, Some(ADA), HOUR).await;
    house.deliver().await;
    script.say(None);
    house.clock.advance(HOUR / 2);
    assert_eq!(house.deliver().await, 0);
    assert_eq!(
        house.told(),
        [json!({ "event": "mail_given_up", "kind": "new_device", "reason": "rejected" })]
    );
}

#[tokio::test]
async fn a_mail_of_a_node_that_died_falls_due_again() {
    let script = Script::default();
    let house = House::new(script.clone());
    house.order(MailKind::MfaOff, Some(ADA), HOUR).await;
    let (now, held) = (START, START + Duration::from_mins(3));
    let outbox = &house.stores.outbox;
    let taken = outbox
        .take_due(OutboxKind::Mail, now, held, 10)
        .await
        .unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(house.deliver().await, 0);
    house.clock.advance(Duration::from_mins(3));
    assert_eq!(house.deliver().await, 1);
    assert_eq!(script.taken()[0].id, taken[0].id.as_str());
}

#[tokio::test]
async fn a_mail_that_was_of_use_while_no_node_ran_is_given_up_aloud() {
    let script = Script::default();
    let house = House::new(script.clone());
    house.order(MailKind::MfaOff, Some(ADA), HOUR).await;
    house.order(MailKind::MfaOff, None, HOUR).await;
    house.clock.advance(HOUR * 20);
    assert_eq!(house.deliver().await, 2);
    assert_eq!(script.asked(), 0);
    assert_eq!(
        house.told(),
        [json!({ "event": "mail_given_up", "kind": "mfa_off", "reason": "expired" })]
    );
    assert_eq!(house.deliver().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_mailer_that_never_answers_holds_nobody_up() {
    let house = House::new(Silent);
    house.order(MailKind::MfaOn, Some(ADA), HOUR).await;
    assert_eq!(house.deliver().await, 1);
    house.clock.advance(Duration::from_secs(5));
    assert_eq!(house.deliver().await, 1);
}

#[tokio::test]
async fn without_a_mailer_nothing_is_kept() {
    let stores = Stores::from(MemoryStore::default());
    let house = House::with(stores.clone(), None);
    assert!(!house.core.mails.has_mailer());
    house.order(MailKind::MfaOn, Some(ADA), HOUR).await;
    assert_eq!(house.deliver().await, 0);
    let script = Script::default();
    let house = House::with(stores, Some(Arc::new(script.clone())));
    assert!(house.core.mails.has_mailer());
    assert_eq!(house.deliver().await, 0);
    house.order(MailKind::MfaOn, Some(ADA), HOUR).await;
    assert_eq!(house.deliver().await, 1);
    assert_eq!(script.taken().len(), 1);
}

#[tokio::test]
async fn a_kind_or_facts_of_another_version_wait_for_one_that_knows_them() {
    let script = Script::default();
    let house = House::new(script.clone());
    let newer = MailOrder {
        kind: "of_tomorrow".to_owned(),
        ..order(MailKind::MfaOn, json!({}))
    };
    let lacking = order(MailKind::BackupCodeUsed, json!({}));
    for strange in [&newer, &lacking] {
        house.order_this(strange).await;
        assert_eq!(house.deliver().await, 1);
        house.clock.advance(Duration::from_secs(5));
        assert_eq!(house.deliver().await, 1);
    }
    assert_eq!(script.asked(), 0);
    assert!(house.told().is_empty());
}

#[tokio::test]
async fn an_order_sealed_by_nobody_is_dropped() {
    let script = Script::default();
    let house = House::new(script.clone());
    house.order(MailKind::MfaOn, Some(ADA), HOUR).await;
    let outbox = &house.stores.outbox;
    let mut taken = outbox
        .take_due(OutboxKind::Mail, START, START, 1)
        .await
        .unwrap();
    let mut strange = taken.remove(0);
    strange.id = crate::store::MessageId::new("other");
    outbox.put_messages(&[strange]).await.unwrap();
    assert_eq!(house.deliver().await, 2);
    assert_eq!(script.taken().len(), 1);
    assert!(
        house.told().contains(
            &json!({ "event": "mail_given_up", "kind": "unknown", "reason": "unreadable" })
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_nodes_one_hands_a_mail_over() {
    let stores = Stores::from(MemoryStore::default());
    let script = Script::default();
    let nodes: Vec<_> = (0..32)
        .map(|_| Arc::new(House::with(stores.clone(), Some(Arc::new(script.clone())))))
        .collect();
    for _ in 0..100 {
        nodes[0].order(MailKind::MfaOn, Some(ADA), HOUR).await;
    }
    let tasks: Vec<_> = nodes
        .iter()
        .cloned()
        .map(|node| tokio::spawn(async move { node.deliver().await }))
        .collect();
    let mut made = 0;
    for task in tasks {
        made += task.await.unwrap();
    }
    assert_eq!(made, 100);
    let mut times = BTreeMap::new();
    for mail in script.taken() {
        *times.entry(mail.id).or_insert(0) += 1;
    }
    assert_eq!(times.len(), 100);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}
