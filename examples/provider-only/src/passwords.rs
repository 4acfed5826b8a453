//! Password hashes: Argon2id, off the async threads, never more at once than the machine can bear.

use std::sync::Arc;

use adapter_axum::ground::{Random, SystemRandom};
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::accounts::Fault;

/// How many are hashed at once: each takes 19 MiB.
const RUNNING: usize = 2;
/// How many more may wait; past that a sign-in is told to come back.
const WAITING: usize = 64;

/// Hashes and compares.
#[derive(Clone)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    // Of nobody's password: compared with where there is no account, so that time does not tell.
    dummy: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new() -> Result<Self, Fault> {
        let random: &dyn Random = &SystemRandom;
        let mut passwords = Self {
            running: Arc::new(Semaphore::new(RUNNING)),
            admitted: Arc::new(Semaphore::new(RUNNING + WAITING)),
            dummy: Arc::from(""),
        };
        passwords.dummy = passwords.hash(&random.secret()).await?.into();
        Ok(passwords)
    }

    /// A new hash, with a salt of its own.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Fault> {
        let password = password.to_owned();
        let random: &dyn Random = &SystemRandom;
        let salt = random.bytes::<16>();
        self.run(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
        })
        .await?
        .map_err(|_| Fault::Hashing)
    }

    /// Whether it is the password of this hash; the same work, and `false`, where there is none.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Fault> {
        let (password, is_real) = (password.to_owned(), hash.is_some());
        let hash: Arc<str> = hash.map_or_else(|| self.dummy.clone(), Arc::from);
        let verified = self
            .run(move || Argon2::default().verify_password(password.as_bytes(), &*hash))
            .await?;
        Ok(verified.is_ok() && is_real)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let admitted = self.admitted.clone().try_acquire_owned();
        let admitted = admitted.map_err(|_| Fault::Busy)?;
        let running = self.running.clone().acquire_owned().await;
        let running = running.map_err(|_| Fault::Hashing)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the request: whoever hangs up frees no place.
            let _held = (admitted, running);
            work()
        });
        done.await.map_err(|_| Fault::Hashing)
    }
}
