//! Ground floor: time, randomness, digests, sealed values and JOSE. It knows nothing of ours above it.

mod clock;
mod digest;
pub mod jose;
mod keyring;
mod random;

#[cfg(feature = "testkit")]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock, Timestamp};
pub use digest::Digest32;
pub use keyring::{KeyRing, KeyRingError, Purpose};
pub use random::{Random, SystemRandom};

/// base64url without padding (RFC 4648 §5), as every JOSE and OAuth value wants it.
pub fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; `None` for anything else.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .ok()
}
