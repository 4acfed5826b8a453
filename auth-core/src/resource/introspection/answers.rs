//! Answers kept for a while, and those on their way.
//!
//! - Keyed by the digest of a token: who reads this memory finds no token.
//! - An accepted token is kept to its end and no longer than the setting; a refused one for [`REFUSED`]. An outage is
//!   not kept at all.
//! - Counted from the question, not from the answer: what was revoked in between is not forgotten later for it.
//! - Past the bound the oldest goes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::ground::{Digest32, Timestamp};
use crate::resource::AccessToken;
use crate::resource::refused::Refusal;
use crate::services::issuer::has_passed;

/// How long a token stays refused without asking again.
const REFUSED: Duration = Duration::from_secs(5);

/// What became of a token.
pub(super) type Outcome = Result<AccessToken, Refusal>;

/// An answer on its way. It has come when it is no longer `None`.
type Coming = watch::Receiver<Option<Outcome>>;

pub(super) struct Answers {
    max_age: Duration,
    max_entries: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashMap<Digest32, Kept>,
    /// The oldest first.
    order: BTreeMap<u64, Digest32>,
    next_place: u64,
    coming: HashMap<Digest32, Coming>,
}

struct Kept {
    outcome: Outcome,
    asked_at: Timestamp,
    span: Duration,
    place: u64,
}

pub(super) enum Look {
    Known(Outcome),
    /// Somebody asked.
    Coming(Coming),
    /// To be asked now; the answer goes to the sender.
    Unknown(watch::Sender<Option<Outcome>>, Coming),
}

impl Answers {
    pub(super) fn new(max_age: Duration, max_entries: usize) -> Self {
        Self {
            max_age,
            max_entries,
            state: Mutex::default(),
        }
    }

    /// What is known about a token. If nothing is, the caller has to ask.
    pub(super) fn look(&self, digest: &Digest32, now: Timestamp) -> Look {
        // Without a cache everyone asks: who joined an earlier question would be told what was true before his.
        if self.max_age.is_zero() {
            let (sender, coming) = watch::channel(None);
            return Look::Unknown(sender, coming);
        }
        let mut state = self.lock();
        if let Some(kept) = state.kept.get(digest) {
            if !has_passed(kept.span, kept.asked_at, now) {
                return Look::Known(kept.outcome.clone());
            }
            state.forget(digest);
        }
        // One whose task ended without an answer brings none any more.
        let coming = state.coming.get(digest);
        if let Some(coming) = coming.filter(|coming| coming.has_changed().is_ok()) {
            return Look::Coming(coming.clone());
        }
        let (sender, coming) = watch::channel(None);
        state.coming.insert(*digest, coming.clone());
        Look::Unknown(sender, coming)
    }

    /// Keeps the answer to a question of the time `asked_at`.
    pub(super) fn keep(&self, digest: Digest32, outcome: &Outcome, asked_at: Timestamp) {
        if self.max_age.is_zero() {
            return;
        }
        let mut state = self.lock();
        state.coming.remove(&digest);
        state.forget(&digest);
        let span = match outcome {
            Ok(token) => token.expires_at().since(asked_at).min(self.max_age),
            Err(Refusal::InvalidToken(_)) => REFUSED,
            Err(_) => Duration::ZERO,
        };
        if span.is_zero() {
            return;
        }
        let place = state.next_place;
        state.next_place += 1;
        state.order.insert(place, digest);
        let kept = Kept {
            outcome: outcome.clone(),
            asked_at,
            span,
            place,
        };
        state.kept.insert(digest, kept);
        while state.kept.len() > self.max_entries {
            let Some((_, oldest)) = state.order.pop_first() else {
                return;
            };
            state.kept.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, digest: &Digest32) {
        if let Some(kept) = self.kept.remove(digest) {
            self.order.remove(&kept.place);
        }
    }
}
