//! Delivering what waits in the outbox, in the background, on every node.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::Inner;
use crate::store::{OutboxKind, StoreResult};

/// How long until the store is asked again when nothing was due: for what another node wrote and could not deliver.
const IDLE: Duration = Duration::from_secs(30);
/// And while there is something to do: what failed comes up again soon.
const BUSY: Duration = Duration::from_secs(5);
/// So long after the last that was due, or written here, there is.
const BUSY_FOR: Duration = Duration::from_mins(3);

/// What came of a round.
struct Round {
    attempts: usize,
    /// More may be due.
    full: bool,
}

/// Delivers at once, whenever this node wrote something, and from time to time, until the last `Auth` is gone. Each kind
/// of message by itself: a mail server that is slow holds up no logout.
pub(super) fn start(inner: &Arc<Inner>) {
    for kind in OutboxKind::ALL {
        let Some(wanted) = inner.wanted(kind) else {
            continue;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::warn!(
                kind = kind.as_str(),
                "no tokio runtime: what waits in the outbox is delivered when the host asks for it alone"
            );
            continue;
        };
        runtime.spawn(work(Arc::downgrade(inner), kind, wanted));
    }
}

async fn work(inner: Weak<Inner>, kind: OutboxKind, wanted: Arc<Notify>) {
    let mut busy_until = Instant::now();
    loop {
        let round = match inner.upgrade() {
            Some(inner) => inner.deliver(kind).await,
            None => return,
        };
        let round = round.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the outbox could not be read; trying again later");
            Round {
                attempts: 0,
                full: false,
            }
        });
        if round.attempts > 0 {
            busy_until = Instant::now() + BUSY_FOR;
        }
        let wait = match round.full {
            true => Duration::ZERO,
            false if Instant::now() < busy_until => BUSY,
            false => IDLE,
        };
        // Whichever comes first.
        if timeout(wait, wanted.notified()).await.is_ok() {
            busy_until = Instant::now() + BUSY_FOR;
        }
    }
}

#[cfg(feature = "login")]
impl super::Auth {
    /// Hands over the mails that are due now, beside the worker in the background: for a host without a tokio runtime of
    /// its own, and for tests. Returns how many attempts were made; after
    /// [`MOST_DELIVERIES`](crate::services::mail::MOST_DELIVERIES) more may be due.
    ///
    /// # Errors
    /// The store's. Nothing is lost then: what waits is tried again.
    pub async fn deliver_mails(&self) -> StoreResult<usize> {
        let core = &self.inner.core;
        core.deliver_mails(core.clock.now()).await
    }
}

impl Inner {
    /// Says when this node wrote a message of this kind; `None` where nobody delivers such.
    fn wanted(&self, kind: OutboxKind) -> Option<Arc<Notify>> {
        match kind {
            #[cfg(feature = "provider")]
            OutboxKind::BackChannelLogout => Some(self.provider.as_ref()?.delivery_wanted()),
            #[cfg(feature = "login")]
            OutboxKind::Mail => {
                let mails = &self.core.mails;
                mails.has_mailer().then(|| mails.wanted())
            }
            #[cfg(not(all(feature = "login", feature = "provider")))]
            _ => None,
        }
    }

    /// Makes the attempts that are due.
    async fn deliver(&self, kind: OutboxKind) -> StoreResult<Round> {
        let now = self.core.clock.now();
        let (attempts, most) = match kind {
            #[cfg(feature = "provider")]
            OutboxKind::BackChannelLogout => match &self.provider {
                Some(provider) => {
                    let attempts = provider.deliver_due(now).await?;
                    (attempts, crate::provider::ProviderWing::MOST_DELIVERIES)
                }
                None => (0, 1),
            },
            #[cfg(feature = "login")]
            OutboxKind::Mail => {
                let attempts = self.core.deliver_mails(now).await?;
                (attempts, crate::services::mail::MOST_DELIVERIES)
            }
            #[cfg(not(all(feature = "login", feature = "provider")))]
            _ => (0, 1),
        };
        Ok(Round {
            attempts,
            full: attempts >= most,
        })
    }
}
