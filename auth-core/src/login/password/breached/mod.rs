//! Passwords that others have lost already (NIST SP 800-63B-4 §3.1.1.2): whoever guesses tries them first.
//!
//! What everybody knows is refused without any list: the estimate of guesses holds 30,000 of the most common passwords
//! and what people make of them. Beyond that an operator supplies a corpus: a [`BreachedFilter`], built once from a list
//! and kept in memory, or [`BreachedRanges`], a service that is asked for the beginning of a digest and never learns
//! which password was meant.

mod filter;
mod ranges;

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

pub use filter::{BreachedFilter, FilterError};
pub use ranges::{BreachedRanges, RangeSource};

use super::Password;

/// The SHA-1 digest of a password: what lists of breached passwords are made of. Has no `Debug`: it is as good as a weak
/// password itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PasswordDigest([u8; 20]);

impl PasswordDigest {
    /// Of a password.
    pub fn of(password: &Password) -> Self {
        Self::of_text(password.expose())
    }

    /// Of a line of a list.
    pub(super) fn of_text(password: &str) -> Self {
        let mut bytes = [0; 20];
        let found = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        bytes.copy_from_slice(found.as_ref());
        Self(bytes)
    }

    /// As it stands in a list: 40 hexadecimal digits.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 20];
        if text.len() != 40 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// All 40 digits, upper-case.
    pub fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        })
    }

    /// The first eight bytes, by which a filter knows it.
    fn key(self) -> u64 {
        self.0.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }
}

/// Knows passwords that were breached. Asked when a password is chosen, never at sign-in.
#[async_trait]
pub trait BreachedPasswords: Send + Sync + 'static {
    /// Whether a list has it.
    ///
    /// # Errors
    /// The list cannot be asked. The password then passes: a service that is down must not keep people from leaving a
    /// bad password; the log says so.
    async fn is_breached(
        &self,
        password: PasswordDigest,
    ) -> Result<bool, Box<dyn Error + Send + Sync>>;
}
