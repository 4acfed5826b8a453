//! Handing over what was ordered, by any number of nodes at once.
//!
//! A mail that is not taken falls due again, later each time, until its order is of no use. One that is found after that,
//! for no node ran meanwhile, is given up, and that is told. A node that dies on the way
//! says nothing, so its mail falls due again too.

use std::time::Duration;

use tokio::time::timeout;

use super::order::Post;
use super::{Mail, MailError, MailKind};
use crate::ground::Timestamp;
use crate::services::{Core, Event, all};
use crate::store::{OutboxKind, OutboxMessage, StoreError, StoreResult};

/// How long after an attempt the next is made; after the last of these, again and again the last.
const DELAYS: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(4),
];
/// A mail that is soon of no use is tried more often, but no more often than this.
const SHORTEST: Duration = Duration::from_secs(30);
/// So long a mailer may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a node keeps what it took: longer than it may take over it.
const HELD_FOR: Duration = Duration::from_mins(3);
/// Handed over at once.
const BATCH: u32 = 8;
/// Batches in one call.
const BATCHES: usize = 16;

/// How many attempts [`Core::deliver_mails`] makes at most. When it made so many, more may be due.
pub const MOST_DELIVERIES: usize = BATCH as usize * BATCHES;

/// What became of an attempt.
enum Attempt {
    Delivered(MailKind),
    /// To nobody.
    Decoy,
    Failed(&'static str),
    Refused(&'static str),
}

impl Core {
    /// Makes the attempts that are due at `now` to hand mails over, and returns how many it made. The built `Auth` does
    /// this by itself where there is a Tokio runtime when it is built.
    ///
    /// # Errors
    /// The store's, of reading what is due. A mail that is not taken is none: it is tried again.
    pub async fn deliver_mails(&self, now: Timestamp) -> StoreResult<usize> {
        let Some(post) = self.mails.post() else {
            return Ok(0);
        };
        // Whoever asks finds done what this node had begun.
        let _turn = post.turn.lock().await;
        let mut attempts = 0;
        for _ in 0..BATCHES {
            // A slow batch takes its time, and what is taken is held from the present on.
            let now = now.max(self.clock.now());
            let outbox = &self.stores.outbox;
            let messages = outbox
                .take_due(OutboxKind::Mail, now, now + HELD_FOR, BATCH)
                .await?;
            if messages.is_empty() {
                break;
            }
            attempts += messages.len();
            let sending = messages.iter();
            all(sending.map(|message| self.deliver_mail(post, message, now))).await;
        }
        Ok(attempts)
    }

    async fn deliver_mail(&self, post: &Post, message: &OutboxMessage, now: Timestamp) {
        let (kind, attempt, until) = self.attempt_mail(post, message, now).await;
        let event = match attempt {
            Attempt::Delivered(kind) => Some(Event::MailDelivered {
                kind: kind.as_str(),
            }),
            Attempt::Decoy => None,
            Attempt::Refused(reason) => Some(Event::MailGivenUp { kind, reason }),
            Attempt::Failed(reason) => match delay_after(message, until, now) {
                Some(delay) => {
                    tracing::warn!(
                        kind,
                        reason,
                        attempt = message.attempts,
                        "a mail has to wait"
                    );
                    let outbox = &self.stores.outbox;
                    log(outbox.delay_message(&message.id, now + delay).await.err());
                    return;
                }
                None => Some(Event::MailGivenUp { kind, reason }),
            },
        };
        // A store that does not hear of it brings the message up again.
        match self.stores.outbox.finish_message(&message.id).await {
            Ok(first) => {
                if let (true, Some(event)) = (first, event) {
                    self.emit(now, None, event).await;
                }
            }
            Err(error) => log(Some(error)),
        }
    }

    /// The kind of the mail, what became of it, and until when it is of use.
    async fn attempt_mail(
        &self,
        post: &Post,
        message: &OutboxMessage,
        now: Timestamp,
    ) -> (&'static str, Attempt, Timestamp) {
        const UNKNOWN: &str = "unknown";
        let Ok(order) = self.mails.open(message) else {
            // Sealed under a secret that was dropped too early.
            tracing::error!(message = %message.id, "a stored mail order does not open; it is dropped");
            return (UNKNOWN, Attempt::Refused("unreadable"), message.expires_at);
        };
        let until = order.useful_until(message.created_at);
        let Some(kind) = order.mail_kind() else {
            // Of a newer version, which may take it up.
            return (UNKNOWN, Attempt::Failed("kind"), until);
        };
        let Some(to) = &order.to else {
            return (kind.as_str(), Attempt::Decoy, until);
        };
        if until <= now {
            return (kind.as_str(), Attempt::Refused("expired"), until);
        }
        let id = message.id.as_str();
        let templates = &post.templates;
        let attempt = match templates.write(id, to, kind, &order, message.created_at) {
            Ok(mail) => hand_over(post, &mail).await,
            Err(error) => {
                // A host's template can fail on facts its author did not think of. A corrected one finds the mail here.
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, kind = kind.as_str(), "a mail could not be written");
                Attempt::Failed("template")
            }
        };
        (kind.as_str(), attempt, until)
    }
}

async fn hand_over(post: &Post, mail: &Mail) -> Attempt {
    match timeout(PATIENCE, post.mailer.deliver(mail)).await {
        Ok(Ok(())) => Attempt::Delivered(mail.kind),
        Ok(Err(MailError::Temporary(reason))) => Attempt::Failed(reason),
        Ok(Err(MailError::Permanent(reason))) => Attempt::Refused(reason),
        Err(_) => Attempt::Failed("timeout"),
    }
}

/// How long to wait after the attempts made; `None` when there is no time left for another. Half of what is left at the
/// most, so that a link good for ten minutes is tried for ten minutes.
fn delay_after(message: &OutboxMessage, until: Timestamp, now: Timestamp) -> Option<Duration> {
    let made = usize::try_from(message.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay = DELAYS[made.min(DELAYS.len() - 1)];
    let half = until.since(now) / 2;
    if delay <= half {
        return Some(delay);
    }
    (half >= SHORTEST).then_some(half)
}

fn log(error: Option<StoreError>) {
    if let Some(error) = error {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "what became of a mail could not be written");
    }
}
