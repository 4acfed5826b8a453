//! Passwords: hashing off the async threads, verification, and what people may choose.
//!
//! A password is taken as the bytes it came in. It is not normalized (NFKC would make two spellings one, but would also
//! change what stores and other products compare against), not trimmed and never cut.

mod breached;
mod hasher;
mod memory;
mod policy;
mod strength;
mod verify;

use std::sync::Arc;

use zeroize::Zeroizing;

pub use breached::{
    BreachedFilter, BreachedPasswords, BreachedRanges, FilterError, PasswordDigest, RangeSource,
};
pub(super) use hasher::{Begun, HasherError, Hashers, default_permits};
pub use policy::PasswordRefused;
pub(super) use policy::{Personal, Policy};
pub use verify::Argon2Cost;
pub(super) use verify::Outcome;

/// A password in the clear, on its way to being hashed. Wiped when the last copy goes; has no `Debug`.
#[derive(Clone)]
pub struct Password(Arc<Zeroizing<String>>);

impl Password {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(password.into())))
    }

    fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is longer than `max` characters; looks at no more than those.
    pub(super) fn is_longer_than(&self, max: usize) -> bool {
        self.0.chars().nth(max).is_some()
    }
}

impl From<&str> for Password {
    fn from(password: &str) -> Self {
        Self::new(password)
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self::new(password)
    }
}
