//! SHA-256 digests of high-entropy secrets, as they stand in a store.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use super::{base64url, from_base64url};

/// A SHA-256 value. Comparison takes the same time wherever two values differ.
///
/// Plain (unkeyed) digests are for secrets drawn by [`Random`](super::Random) with 128 bits or more;
/// whatever a person chose or could guess goes through [`KeyRing::mac`](super::KeyRing::mac) or a password hash.
#[derive(Clone, Copy, PartialOrd, Ord)]
pub struct Digest32([u8; 32]);

// Equal digests have equal bytes, so the derived-like hash agrees with the constant-time equality below.
impl std::hash::Hash for Digest32 {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Digest32 {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, bytes.as_ref()).as_ref());
        Self(out)
    }

    /// The SHA-256 of several parts, each preceded by its length so that no two lists collide.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// A digest read back from a store.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 43 base64url characters: the form in which stores keep digests as text keys.
    pub fn to_text(&self) -> String {
        base64url(&self.0)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(Self(from_base64url(text)?.try_into().ok()?))
    }
}

impl PartialEq for Digest32 {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Digest32 {}

impl serde::Serialize for Digest32 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> serde::Deserialize<'de> for Digest32 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 digest"))
    }
}

impl fmt::Debug for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight characters tell two values apart in a log and say nothing about the secret.
        write!(f, "Digest32({}…)", &self.to_text()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let digest = Digest32::of("abc");
        assert_eq!(Digest32::from_text(&digest.to_text()), Some(digest));
        assert_eq!(Digest32::from_text("short"), None);
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(
            Digest32::of_parts(&[b"ab", b"c"]),
            Digest32::of_parts(&[b"a", b"bc"])
        );
    }
}
