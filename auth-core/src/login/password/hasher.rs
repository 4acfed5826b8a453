//! Hashing with bounded concurrency and a bounded queue, on threads that may block (threat 47).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Semaphore, TryAcquireError, oneshot};

use super::breached::{BreachedPasswords, PasswordDigest};
use super::memory::Pool;
use super::policy::{Personal, Policy, is_guessable};
use super::strength::{self, Strength};
use super::verify::{self, Argon2Cost, Outcome};
use super::{Password, PasswordRefused};
use crate::ground::Random;
use crate::store::PasswordHash;
use crate::web::Problem;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::login) enum HasherError {
    /// As many hash and wait as may.
    #[error("too many passwords are being hashed")]
    Busy,
    /// No memory, or a panic in a library.
    #[error("hashing failed")]
    Failed,
}

impl From<HasherError> for Problem {
    fn from(error: HasherError) -> Self {
        match error {
            HasherError::Busy => {
                tracing::warn!("the password hashing queue is full");
                Self::unavailable()
            }
            HasherError::Failed => {
                tracing::error!("a password could not be hashed");
                Self::internal()
            }
        }
    }
}

/// Whether a hash was begun. From then on it is computed whoever hangs up.
#[derive(Clone, Default)]
pub(in crate::login) struct Begun(Arc<AtomicBool>);

impl Begun {
    pub(in crate::login) fn has(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A hash for each processor but one: as many as there are, and a flood of sign-ins would leave nothing to the rest of
/// the app.
pub(in crate::login) fn default_permits() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors.saturating_sub(1).max(1)
}

/// Everything that is slow about passwords. One for the process, shared by every request.
pub(in crate::login) struct Hashers {
    running: Arc<Semaphore>,
    // One permit for each request that runs or waits.
    admitted: Arc<Semaphore>,
    cost: Argon2Cost,
    memory: Arc<Pool>,
    policy: Policy,
    breached: Vec<Arc<dyn BreachedPasswords>>,
    dummy: PasswordHash,
    random: Arc<dyn Random>,
    /// Hashes computed: what time would tell, without its noise.
    #[cfg(test)]
    pub(in crate::login) computed: std::sync::atomic::AtomicU64,
}

/// Wipes the memory when it goes.
struct Tidy(Arc<Pool>);

impl Drop for Tidy {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl Hashers {
    pub(in crate::login) fn new(
        cost: Argon2Cost,
        permits: usize,
        queue: usize,
        policy: Policy,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            running: Arc::new(Semaphore::new(permits)),
            admitted: Arc::new(Semaphore::new(permits + queue)),
            cost,
            // Memory is lent to who has a permit to run, so there never are more buffers than permits.
            memory: Arc::new(Pool::new(cost.blocks(), permits)),
            policy,
            breached: Vec::new(),
            dummy: verify::dummy(&*random, &cost),
            random,
            #[cfg(test)]
            computed: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Refuses what these know, too.
    pub(in crate::login) fn with_breached(
        mut self,
        breached: Vec<Arc<dyn BreachedPasswords>>,
    ) -> Self {
        self.breached = breached;
        self
    }

    /// Fills the queue until the permits are dropped.
    #[cfg(test)]
    pub(in crate::login) fn fill(&self) -> Vec<tokio::sync::OwnedSemaphorePermit> {
        std::iter::from_fn(|| self.admitted.clone().try_acquire_owned().ok()).collect()
    }

    /// Holds up whoever wants to hash until the permits are dropped; returns once nobody does. For one permit alone.
    #[cfg(test)]
    pub(in crate::login) async fn hold(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.running.clone().acquire_owned().await.ok()
    }

    /// Compares a password with a stored hash, or with the dummy when there is none: the same work, and no match.
    pub(in crate::login) async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Outcome, HasherError> {
        self.verify_noting(password, stored, &Begun::default())
            .await
    }

    /// As [`verify`](Self::verify), and notes that the comparison has begun.
    pub(in crate::login) async fn verify_noting(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
        begun: &Begun,
    ) -> Result<Outcome, HasherError> {
        self.count();
        let (password, cost, memory) = (password.clone(), self.cost, self.memory.clone());
        let is_real = stored.is_some();
        let stored = stored.unwrap_or(&self.dummy).clone();
        let outcome = self
            .run(begun, move || {
                verify::verify(password.expose(), &stored, &cost, &memory)
            })
            .await;
        match outcome {
            Ok(outcome) if is_real => Ok(outcome),
            Ok(_) => Ok(Outcome::Mismatch),
            // A library panicked over what is stored: it is unreadable, and nobody gets in by it.
            Err(HasherError::Failed) => Ok(Outcome::Unreadable),
            Err(HasherError::Busy) => Err(HasherError::Busy),
        }
    }

    /// A new hash of a password.
    pub(in crate::login) async fn hash(
        &self,
        password: &Password,
    ) -> Result<PasswordHash, HasherError> {
        self.count();
        let (password, cost, memory) = (password.clone(), self.cost, self.memory.clone());
        let salt = self.random.bytes();
        let job = move || verify::hash(password.expose(), salt, &cost, &memory);
        self.run(&Begun::default(), job)
            .await?
            .ok_or(HasherError::Failed)
    }

    /// Whether a person may choose this password.
    pub(in crate::login) async fn judge(
        &self,
        password: &Password,
        personal: Personal,
    ) -> Result<Result<(), PasswordRefused>, HasherError> {
        if let Err(refused) = self.policy.check(password, &personal) {
            return Ok(Err(refused));
        }
        if self.is_breached(password).await {
            return Ok(Err(PasswordRefused::Breached));
        }
        let password = password.clone();
        // Guessing takes milliseconds of pure computation: not on an async thread either.
        let job = move || is_guessable(password.expose(), &personal);
        let guessable = self.run(&Begun::default(), job).await;
        Ok(match guessable {
            Ok(false) => Ok(()),
            // A password that breaks the estimator is not one we vouch for.
            Ok(true) | Err(HasherError::Failed) => Err(PasswordRefused::Guessable),
            Err(HasherError::Busy) => return Err(HasherError::Busy),
        })
    }

    /// How early a password is guessed. Costs what judging it does.
    pub(in crate::login) async fn strength(
        &self,
        password: &Password,
        personal: Personal,
    ) -> Result<Strength, HasherError> {
        let password = password.clone();
        self.run(&Begun::default(), move || {
            strength::of(password.expose(), &personal)
        })
        .await
    }

    async fn is_breached(&self, password: &Password) -> bool {
        for list in &self.breached {
            match list.is_breached(PasswordDigest::of(password)).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => {
                    let error = &*error as &dyn std::error::Error;
                    tracing::error!(error, "a list of breached passwords could not be asked");
                }
            }
        }
        false
    }

    /// Runs a job within the bounds. The permits go with the job, not with the request: who hangs up does not make
    /// room for another hash while theirs still runs.
    async fn run<T: Send + 'static>(
        &self,
        begun: &Begun,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HasherError> {
        let admitted = match self.admitted.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(HasherError::Busy),
            Err(TryAcquireError::Closed) => return Err(HasherError::Failed),
        };
        let running = self
            .running
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| HasherError::Failed)?;
        let (answer, answered) = oneshot::channel();
        let memory = self.memory.clone();
        begun.0.store(true, Ordering::SeqCst);
        tokio::task::spawn_blocking(move || {
            // Dropped in reverse, also by a panic: room for the next, the answer, and only then the tidying up.
            let _tidy = Tidy(memory);
            let answer = answer;
            let permits = (running, admitted);
            let result = job();
            drop(permits);
            // Nobody listens any more who has hung up.
            drop(answer.send(result));
        });
        answered.await.map_err(|_| HasherError::Failed)
    }

    /// Gives memory that was not used since the last call back to the system.
    pub(in crate::login) fn rest(&self) {
        self.memory.rest();
    }

    #[cfg(test)]
    fn count(&self) {
        self.computed.fetch_add(1, Ordering::SeqCst);
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "counts in tests only")]
    fn count(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::ground::SystemRandom;

    const CHEAP: Argon2Cost = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };

    fn hashers(permits: usize, queue: usize) -> Arc<Hashers> {
        let policy = Policy::new(15, 128, "app.example.com");
        Arc::new(Hashers::new(
            CHEAP,
            permits,
            queue,
            policy,
            Arc::new(SystemRandom),
        ))
    }

    #[tokio::test]
    async fn hashes_verify_and_salts_differ() {
        let hashers = hashers(1, 4);
        let password = Password::from("correct horse battery staple");
        let (a, b) = (hashers.hash(&password).await, hashers.hash(&password).await);
        let (a, b) = (a.expect("hash"), b.expect("hash"));
        assert_ne!(a.expose(), b.expose());
        assert_eq!(
            hashers.verify(&password, Some(&a)).await,
            Ok(Outcome::Match { outdated: false })
        );
        assert_eq!(
            hashers.verify(&"another".into(), Some(&a)).await,
            Ok(Outcome::Mismatch)
        );
        assert_eq!(hashers.verify(&password, None).await, Ok(Outcome::Mismatch));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn threat_47_no_more_memory_is_made_than_permits() {
        let hashers = hashers(2, 200);
        let created = || hashers.memory.created.load(Ordering::SeqCst);
        assert_eq!(created(), 0);
        let password = Password::from("correct horse battery staple");
        let hash = hashers.hash(&password).await.expect("hash");
        for _ in 0..20 {
            assert!(hashers.hash(&password).await.is_ok());
            assert_eq!(
                hashers.verify(&password, Some(&hash)).await,
                Ok(Outcome::Match { outdated: false })
            );
            assert_eq!(hashers.verify(&password, None).await, Ok(Outcome::Mismatch));
        }
        assert_eq!(created(), 1);
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let (hashers, password, hash) = (hashers.clone(), password.clone(), hash.clone());
                tokio::spawn(async move {
                    if n % 2 == 0 {
                        return hashers.hash(&password).await.is_ok();
                    }
                    hashers.verify(&password, Some(&hash)).await
                        == Ok(Outcome::Match { outdated: false })
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.expect("joined"));
        }
        assert!((1..=2).contains(&created()), "{}", created());
    }

    #[tokio::test]
    async fn threat_47_past_the_queue_the_answer_is_busy_at_once() {
        let hashers = hashers(1, 1);
        let (release, released) = mpsc::channel::<()>();
        let (started, starts) = mpsc::channel::<()>();
        let blocked = tokio::spawn({
            let hashers = hashers.clone();
            async move {
                hashers
                    .run(&Begun::default(), move || {
                        started.send(()).expect("told");
                        released.recv().expect("released");
                    })
                    .await
            }
        });
        tokio::task::spawn_blocking(move || starts.recv().expect("started"))
            .await
            .expect("joined");
        let waiting = tokio::spawn({
            let hashers = hashers.clone();
            async move { hashers.verify(&"x".into(), None).await }
        });
        while hashers.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            assert_eq!(
                hashers.verify(&"x".into(), None).await,
                Err(HasherError::Busy)
            );
        }
        let problem = Problem::from(HasherError::Busy);
        assert_eq!(problem.status, http::StatusCode::SERVICE_UNAVAILABLE);
        assert!(problem.retry_after.is_some());
        release.send(()).expect("blocked job listens");
        assert_eq!(blocked.await.expect("joined"), Ok(()));
        assert_eq!(waiting.await.expect("joined"), Ok(Outcome::Mismatch));
        assert_eq!(hashers.admitted.available_permits(), 2);
    }

    #[tokio::test]
    async fn threat_47_hanging_up_frees_no_permit_while_the_hash_runs() {
        let hashers = hashers(1, 0);
        let (release, released) = mpsc::channel::<()>();
        let task = tokio::spawn({
            let hashers = hashers.clone();
            async move {
                hashers
                    .run(&Begun::default(), move || released.recv())
                    .await
            }
        });
        while hashers.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.is_err());
        assert_eq!(
            hashers.hash(&"x".into()).await.err(),
            Some(HasherError::Busy)
        );
        release.send(()).expect("job listens");
        while hashers.admitted.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(hashers.hash(&"x".into()).await.is_ok());
    }

    #[tokio::test]
    async fn threat_23_a_panic_in_a_library_is_an_error_and_frees_its_permits() {
        let hashers = hashers(1, 0);
        let failed: Result<(), _> = hashers
            .run(&Begun::default(), || panic!("library bug"))
            .await;
        assert_eq!(failed, Err(HasherError::Failed));
        assert_eq!(hashers.admitted.available_permits(), 1);
    }
}
