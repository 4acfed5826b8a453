//! Telling the rest of the house that sessions have ended.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::ground::Timestamp;
use crate::store::{SessionId, UserId};

/// Why sessions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The user signed out.
    SignedOut,
    /// Another sign-in took the browser over.
    Replaced,
    /// The user or an operator ended them.
    Revoked,
    /// The password changed.
    PasswordChanged,
    /// The account was disabled or is gone.
    AccountDisabled,
    /// Another provider, by which the user had signed in, ended them.
    EndedUpstream,
    /// The owner of the e-mail address came; what was there before them went.
    EmailVerified,
}

/// Sessions of one user that have just ended. Those that time ends are not reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsEnded {
    /// Whose they were.
    pub user: UserId,
    /// Which; never empty.
    pub sessions: Vec<SessionId>,
    /// Why.
    pub why: SessionEnd,
    /// When.
    pub at: Timestamp,
}

/// Hears of sessions that ended, after the store has forgotten them. The request waits for it, so it should be quick;
/// it cannot fail the request: one that can fail keeps its own queue.
#[async_trait]
pub trait SessionObserver: Send + Sync + 'static {
    /// Takes the news.
    async fn sessions_ended(&self, ended: &SessionsEnded);
}

/// Everybody who wants to hear.
pub(super) struct Observers(RwLock<Vec<Arc<dyn SessionObserver>>>);

impl Observers {
    pub(super) fn new(observers: Vec<Arc<dyn SessionObserver>>) -> Self {
        Self(RwLock::new(observers))
    }

    pub(super) fn add(&self, observer: Arc<dyn SessionObserver>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(observer);
    }

    pub(super) async fn tell(&self, ended: &SessionsEnded) {
        // Cloned, so that no lock is held while they work.
        let observers = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for observer in observers {
            observer.sessions_ended(ended).await;
        }
    }
}
