//! What one other issuer publishes, kept for a while: its keys and its metadata, always of one fetch.
//!
//! - Fresh keys are used as they are. Once they are late, one request sends for new ones; the others go on with the old.
//! - An issuer that is down leaves its old keys in use for [`STALE_BOUND`], and is asked again every [`RETRY`].
//! - A key nobody knows may be a new one, so the set is fetched again, but once in [`RETRY`] only: whoever makes up key
//!   names must not make us a weapon against the issuer (THREATS 45). What strangers send has a turn of its own
//!   ([`Seeker`]), so that they do not use up the one of those whom the issuer itself sent.
//! - A fetch runs in a task of its own: a client that hangs up does not end it for those who wait.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::discovery::{Discovery, FetchError};
use super::metadata::Metadata;
use crate::ground::Timestamp;
use crate::ground::jose::{JoseError, JwkSet, VerificationKeys};

/// How long keys outlive their issuer.
const STALE_BOUND: Duration = Duration::from_hours(24);
/// Between two fetches after a failure, and between two fetches for unknown keys.
const RETRY: Duration = Duration::from_secs(30);
/// As [`RETRY`], while there are no keys at all and every request fails.
const RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(5);
/// Keys younger than this are not fetched again for a key they lack and that a stranger names.
const JUST_FETCHED: Duration = Duration::from_secs(2);
/// The longest a fetch takes, whatever the bounds of each request in it.
pub(crate) const FETCH_BOUND: Duration = Duration::from_secs(10);

/// Another issuer.
pub(crate) struct RemoteIssuer {
    discovery: Discovery,
    max_age: Duration,
    state: RwLock<State>,
    /// Held while a fetch runs.
    fetching: Arc<Mutex<()>>,
}

#[derive(Default)]
struct State {
    cached: Option<Cached>,
    attempted_at: Option<Timestamp>,
    /// The last attempt failed.
    failing: bool,
    /// The last fetch for a key nobody knew, by each that may send for one.
    searched_at: [Option<Timestamp>; 3],
}

/// For whom a key that nobody knows is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seeker {
    /// Anybody, who brings a token.
    #[cfg_attr(
        not(any(feature = "resource", feature = "workos")),
        expect(dead_code, reason = "nobody brings one to a relying party")
    )]
    Bearer,
    /// Nobody but this app, which the issuer itself answered. It may have changed its keys this very moment.
    #[cfg_attr(
        not(feature = "federation"),
        expect(dead_code, reason = "nobody signs in to a resource server")
    )]
    SignIn,
    /// Anybody, who says that somebody was signed out.
    #[cfg_attr(
        not(feature = "federation"),
        expect(dead_code, reason = "a resource server is told of no logout")
    )]
    Logout,
}

/// What came of a search for a key that nobody knows.
pub(crate) enum Search {
    /// What was published since.
    Newer(Arc<Published>),
    /// What is known was published just now: there is no such key.
    Nothing,
    /// The issuer was asked a moment ago, and is not asked again yet: there may be one.
    NotNow,
    /// The issuer was asked just now and did not answer: there may be one.
    Down,
}

/// What an issuer published at one time.
pub(crate) struct Published {
    /// Its metadata.
    #[cfg_attr(
        not(feature = "federation"),
        expect(dead_code, reason = "a resource server wants the keys alone")
    )]
    pub(crate) metadata: Metadata,
    /// Its keys, as they came.
    #[cfg_attr(
        not(feature = "federation"),
        expect(dead_code, reason = "a resource server wants the parsed ones")
    )]
    pub(crate) set: JwkSet,
    /// Those that verify, parsed.
    pub(crate) keys: VerificationKeys,
}

impl Published {
    pub(super) fn new(metadata: Metadata, set: JwkSet) -> Self {
        let keys = VerificationKeys::from_set(&set);
        Self {
            metadata,
            set,
            keys,
        }
    }
}

#[derive(Clone)]
struct Cached {
    keys: Arc<Published>,
    fetched_at: Timestamp,
}

enum Look {
    Fresh(Arc<Published>),
    /// To be used while others are on their way.
    Late(Arc<Published>),
    /// None, or too old to be used without having asked.
    Wanting,
}

impl RemoteIssuer {
    pub(crate) fn new(discovery: Discovery, max_age: Duration) -> Self {
        Self {
            discovery,
            max_age,
            state: RwLock::default(),
            fetching: Arc::default(),
        }
    }

    /// What to go by at `now`; `None` if there is nothing and nothing can be had.
    pub(crate) async fn current(self: &Arc<Self>, now: Timestamp) -> Option<Arc<Published>> {
        match self.look(now) {
            Look::Fresh(keys) => return Some(keys),
            Look::Late(keys) => {
                self.refresh_behind(now);
                return Some(keys);
            }
            Look::Wanting => {}
        }
        let turn = self.fetching.clone().lock_owned().await;
        // Whoever had the turn before may have brought them, or have failed a moment ago.
        if matches!(self.look(now), Look::Wanting) && self.is_due(now) {
            self.fetch(turn, now).await;
        }
        self.usable(now)
    }

    /// What was fetched since `old`, when a token names one that is not among those.
    #[cfg(any(feature = "resource", feature = "workos"))]
    pub(crate) async fn newer_than(
        self: &Arc<Self>,
        old: &Arc<Published>,
        now: Timestamp,
    ) -> Option<Arc<Published>> {
        match self.search(old, Seeker::Bearer, now).await {
            Search::Newer(keys) => Some(keys),
            Search::Nothing | Search::NotNow | Search::Down => None,
        }
    }

    /// What was fetched since `old`, for whomever; where there is nothing, what that means.
    pub(crate) async fn search(
        self: &Arc<Self>,
        old: &Arc<Published>,
        seeker: Seeker,
        now: Timestamp,
    ) -> Search {
        let newer = |keys: &Arc<Published>| !Arc::ptr_eq(keys, old);
        let turn = self.fetching.clone().lock_owned().await;
        if let Some(keys) = self.usable(now).filter(newer) {
            return Search::Newer(keys);
        }
        if let Some(not) = self.may_not_search(seeker, now) {
            return not;
        }
        self.fetch(turn, now).await;
        let found = self.usable(now).filter(newer);
        found.map_or(Search::Down, Search::Newer)
    }

    fn look(&self, now: Timestamp) -> Look {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Cached { keys, fetched_at }) = &state.cached else {
            return Look::Wanting;
        };
        if !has_passed(self.max_age, *fetched_at, now) {
            Look::Fresh(keys.clone())
        } else if now.since(*fetched_at) < STALE_BOUND
            && (state.failing || !has_passed(self.max_age * 2, *fetched_at, now))
        {
            Look::Late(keys.clone())
        } else {
            Look::Wanting
        }
    }

    /// Keys within the bound, whether fresh or not.
    fn usable(&self, now: Timestamp) -> Option<Arc<Published>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let cached = state.cached.as_ref()?;
        (now.since(cached.fetched_at) < STALE_BOUND).then(|| cached.keys.clone())
    }

    /// Whether the issuer may be asked again, if it did not answer the last time.
    fn is_due(&self, now: Timestamp) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let pause = if state.cached.is_some() {
            RETRY
        } else {
            RETRY_WITHOUT_KEYS
        };
        !state.failing
            || state
                .attempted_at
                .is_none_or(|attempt| has_passed(pause, attempt, now))
    }

    /// Takes the turn to search for an unknown key; where there is none, what that means.
    fn may_not_search(&self, seeker: Seeker, now: Timestamp) -> Option<Search> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let just_fetched = state
            .cached
            .as_ref()
            .is_some_and(|cached| !has_passed(JUST_FETCHED, cached.fetched_at, now));
        let last = &mut state.searched_at[seeker as usize];
        let searched = last.is_some_and(|search| !has_passed(RETRY, search, now));
        if just_fetched && (searched || !matches!(seeker, Seeker::SignIn)) {
            return Some(Search::Nothing);
        }
        if searched {
            return Some(Search::NotNow);
        }
        *last = Some(now);
        None
    }

    /// Sends for new keys without waiting for them, unless somebody did.
    fn refresh_behind(self: &Arc<Self>, now: Timestamp) {
        if let Ok(turn) = self.fetching.clone().try_lock_owned()
            && self.is_due(now)
            && matches!(self.look(now), Look::Late(_))
        {
            self.spawn_fetch(turn, now);
        }
    }

    async fn fetch(self: &Arc<Self>, turn: OwnedMutexGuard<()>, now: Timestamp) {
        if let Some(task) = self.spawn_fetch(turn, now) {
            // It does not panic, and if it did there would be no new keys: what the caller then finds.
            let _ = task.await;
        }
    }

    fn spawn_fetch(
        self: &Arc<Self>,
        turn: OwnedMutexGuard<()>,
        now: Timestamp,
    ) -> Option<tokio::task::JoinHandle<()>> {
        // Outside a Tokio runtime nothing can be fetched; that is an issuer out of reach, not a panic.
        let runtime = Handle::try_current().ok()?;
        let keys = self.clone();
        Some(runtime.spawn(async move {
            let fetched = tokio::time::timeout(FETCH_BOUND, keys.discovery.fetch()).await;
            keys.settle(fetched.unwrap_or(Err(FetchError::Timeout)), now);
            drop(turn);
        }))
    }

    fn settle(&self, fetched: Result<Published, FetchError>, now: Timestamp) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.attempted_at = Some(now);
        state.failing = fetched.is_err();
        match fetched {
            Ok(keys) => {
                state.cached = Some(Cached {
                    keys: Arc::new(keys),
                    fetched_at: now,
                });
            }
            Err(error) => {
                // An issuer that publishes its private keys has no keys any more.
                if matches!(error, FetchError::Keys(JoseError::PrivateMember)) {
                    state.cached = None;
                }
                tracing::warn!(
                    issuer = self.discovery.issuer(),
                    error = &error as &dyn std::error::Error,
                    "the keys of an issuer could not be fetched"
                );
            }
        }
    }

    /// Returns when no fetch runs.
    #[cfg(all(test, feature = "resource"))]
    pub(crate) async fn settled(&self) {
        drop(self.fetching.lock().await);
    }
}

/// Whether `span` has passed since `earlier`. A request that waited has an older `now` than the one it waited for; a
/// clock that was set back by more than a minute counts as passed, so that nothing stands still until it catches up.
pub(crate) fn has_passed(span: Duration, earlier: Timestamp, now: Timestamp) -> bool {
    now.since(earlier) >= span || earlier.since(now) >= Duration::from_mins(1)
}
