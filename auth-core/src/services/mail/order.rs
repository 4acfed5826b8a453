//! From an endpoint to the outbox.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Mutex, Notify};

use super::{MailKind, MailTemplates, Mailer};
use crate::ground::{KeyRing, Purpose, Random, Timestamp};
use crate::store::{MessageId, OutboxKind, OutboxMessage, OutboxStore, StoreError, StoreResult};

/// So long after it is of no use any more an order is found, and its loss told.
const FOUND_FOR: Duration = Duration::from_hours(24);

/// A mail to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailOrder {
    /// The name of its [`MailKind`].
    pub kind: String,
    /// To this address, normalized. `None`: to nobody. An endpoint that must not tell whether there is an account
    /// orders such a mail where there is none, so that both take the same work.
    pub to: Option<String>,
    /// Language tag to write in.
    pub locale: String,
    /// What the templates of its kind name.
    pub facts: Value,
    /// Of no use from here on.
    pub expires_at: Timestamp,
}

impl MailOrder {
    /// When it is of no use any more: not before there was a first attempt.
    pub(super) fn useful_until(&self, created_at: Timestamp) -> Timestamp {
        self.expires_at.max(created_at + Duration::from_mins(1))
    }

    /// What it is about.
    pub fn mail_kind(&self) -> Option<MailKind> {
        let mut kinds = MailKind::ALL.iter().copied();
        kinds.find(|kind| kind.as_str() == self.kind)
    }
}

/// Takes orders.
#[derive(Clone)]
pub struct Mails {
    outbox: Arc<dyn OutboxStore>,
    keys: KeyRing,
    wanted: Arc<Notify>,
    post: Option<Post>,
    discards: bool,
}

/// What writes the mails and who takes them.
#[derive(Clone)]
pub(super) struct Post {
    pub(super) templates: Arc<MailTemplates>,
    pub(super) mailer: Arc<dyn Mailer>,
    /// One round at a time on this node.
    pub(super) turn: Arc<Mutex<()>>,
}

impl Mails {
    /// Orders kept in `outbox`, sealed under `keys`.
    pub fn new(outbox: Arc<dyn OutboxStore>, keys: KeyRing) -> Self {
        Self {
            outbox,
            keys,
            wanted: Arc::default(),
            post: None,
            discards: false,
        }
    }

    /// The same, with somebody to hand the mails to.
    pub(crate) fn with_mailer(
        self,
        templates: Arc<MailTemplates>,
        mailer: Option<Arc<dyn Mailer>>,
    ) -> Self {
        let post = mailer.map(|mailer| Post {
            templates,
            mailer,
            turn: Arc::default(),
        });
        Self {
            discards: post.is_none(),
            post,
            ..self
        }
    }

    /// Whether there is somebody to hand mails to.
    pub fn has_mailer(&self) -> bool {
        self.post.is_some()
    }

    pub(super) fn post(&self) -> Option<&Post> {
        self.post.as_ref()
    }

    /// What is shown of what was sent, if the mailer shows it.
    pub(crate) fn development_outbox(&self) -> Option<super::DevelopmentOutbox> {
        self.post()?.mailer.development_outbox()
    }

    /// Keeps an order; it is delivered as soon as a worker comes to it. One write, whoever it is for. Where the host has
    /// no mailer, nothing is kept that nobody would ever deliver.
    pub async fn order(
        &self,
        order: &MailOrder,
        random: &dyn Random,
        now: Timestamp,
    ) -> StoreResult<()> {
        if self.discards {
            return Ok(());
        }
        let id = MessageId::new(random.id());
        let text = serde_json::to_vec(order).unwrap_or_default();
        let payload = self
            .keys
            .seal(
                random,
                Purpose::OutboxPayload,
                id.as_str().as_bytes(),
                &text,
            )
            .map_err(|error| StoreError::corrupt("mail order", error))?;
        let message = OutboxMessage {
            id,
            kind: OutboxKind::Mail,
            payload,
            created_at: now,
            attempts: 0,
            due_at: now,
            // Found for a while after it is of use, and then given up aloud: no node may have run meanwhile.
            expires_at: order.useful_until(now) + FOUND_FOR,
        };
        self.outbox.put_messages(&[message]).await?;
        self.wanted.notify_one();
        Ok(())
    }

    /// Reads an order back.
    pub fn open(&self, message: &OutboxMessage) -> StoreResult<MailOrder> {
        let corrupt = |detail: String| StoreError::corrupt("mail order", detail);
        let context = message.id.as_str().as_bytes();
        let opened = self
            .keys
            .open(Purpose::OutboxPayload, context, &message.payload)
            .map_err(|error| corrupt(error.to_string()))?;
        serde_json::from_slice(&opened).map_err(|error| corrupt(error.to_string()))
    }

    /// Tells the worker that something was ordered here.
    pub fn wanted(&self) -> Arc<Notify> {
        self.wanted.clone()
    }
}
