//! Unpredictable values. The only file that asks the system for randomness.

use super::base64url;

/// Where randomness comes from. Everything that must not be guessed is drawn here.
pub trait Random: Send + Sync + 'static {
    /// Fills `destination` with unpredictable bytes.
    fn fill(&self, destination: &mut [u8]);
}

impl dyn Random {
    /// `N` unpredictable bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A 256-bit secret as 43 base64url characters: beyond guessing (RFC 6749 §10.10 asks for 128 bits).
    pub fn secret(&self) -> String {
        base64url(&self.bytes::<32>())
    }

    /// A 128-bit identifier as 22 base64url characters: unique without coordination, not a credential.
    pub fn id(&self) -> String {
        base64url(&self.bytes::<16>())
    }
}

/// The operating system's generator, through aws-lc-rs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place where randomness is drawn; AWS-LC aborts by itself when the system has no entropy, \
                  and going on with predictable secrets would be worse than stopping"
    )]
    fn fill(&self, destination: &mut [u8]) {
        aws_lc_rs::rand::fill(destination).expect("the system's random generator failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_full_length() {
        let random: &dyn Random = &SystemRandom;
        let (first, second) = (random.secret(), random.secret());
        assert_ne!(first, second);
        assert_eq!(first.len(), 43);
        assert_eq!(random.id().len(), 22);
    }
}
