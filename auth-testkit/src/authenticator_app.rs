//! An authenticator app (RFC 6238): six digits every 30 seconds, by the kit's clock.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth_core::ground::Clock as _;
use totp_rs::{Builder, Secret, Totp};

use crate::fail::Outcome as _;
use crate::kit::KitClock;

const STEP: u64 = 30;

/// An app that knows the secret of one account. A clone is the same app.
#[derive(Clone)]
pub struct AuthenticatorApp {
    totp: Arc<Totp>,
    clock: KitClock,
    given: Arc<Mutex<Option<u64>>>,
}

impl AuthenticatorApp {
    pub(crate) fn new(clock: KitClock, secret: &str) -> Self {
        let secret: String = secret.split_whitespace().collect();
        let secret = Secret::try_from_base32(secret).or_fail("the secret is no base32");
        let totp = Builder::new().with_secret(secret).build();
        Self {
            totp: Arc::new(totp.or_fail("the secret makes no codes")),
            clock,
            given: Arc::default(),
        }
    }

    /// A code that was not given before. Each is good once, so where the present one was given the clock moves on to the
    /// next: by 30 seconds at the most.
    pub fn code(&self) -> String {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let mut step = self.seconds() / STEP;
        if let Some(last) = *given
            && step <= last
        {
            let next = (last + 1) * STEP;
            let millis = next * 1000 - self.millis();
            self.clock.advance(Duration::from_millis(millis));
            step = last + 1;
        }
        *given = Some(step);
        self.totp.generate(step * STEP).to_string()
    }

    /// A code that is not right: neither now nor a step before or after.
    pub fn wrong_code(&self) -> String {
        let now = self.seconds();
        let near = [now.saturating_sub(STEP), now, now + STEP];
        let right = near.map(|seconds| self.totp.generate(seconds).to_string());
        let mut codes = (0..4).map(|number| format!("{number:06}"));
        let wrong = codes.find(|code| !right.contains(code));
        wrong.or_fail("four codes cannot all be among three")
    }

    fn seconds(&self) -> u64 {
        self.millis() / 1000
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.clock.now().millis()).or_fail("the clock stands before 1970")
    }
}

impl fmt::Debug for AuthenticatorApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorApp").finish_non_exhaustive()
    }
}
