//! A compact filter over a list of breached passwords: 18 bits for each, and one in 65,536 others refused by mistake.
//!
//! A file is the line `auth breached-password filter 1`, the SHA-256 digest of what follows, four numbers of the
//! filter's shape (seed: 8 bytes, three of 4) and its fingerprints of two bytes each, all little-endian.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use async_trait::async_trait;
use xorf::{BinaryFuse16, Descriptor, Filter as _};

use super::{BreachedPasswords, PasswordDigest};
use crate::ground::Digest32;

const HEAD: &[u8] = b"auth breached-password filter 1\n";
const SHAPE_LEN: usize = 8 + 3 * 4;
const DIGEST_LEN: usize = 32;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A file cannot be read or written.
    #[error("the list or the filter cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// It is no filter, or was damaged.
    #[error(
        "this is no filter of breached passwords, or it was damaged; build it again from its list"
    )]
    Damaged,
    /// The list has no password.
    #[error("the list has no password")]
    Empty,
    /// No filter of this list was found in a thousand attempts.
    #[error("no filter could be built from this list")]
    NotBuilt,
}

/// A list of breached passwords, as a filter in memory.
///
/// ```
/// use auth_core::login::{BreachedFilter, Login};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A password a line, or its SHA-1 digest in hexadecimal with anything after a colon.
/// let filter = BreachedFilter::build("letmein2026letmein\ncorrect horse battery\n".as_bytes())?;
/// let login = Login::default().breached_passwords(filter);
/// # Ok(()) }
/// ```
pub struct BreachedFilter {
    filter: BinaryFuse16,
}

impl BreachedFilter {
    /// Builds a filter from a list: on each line a password, or its SHA-1 digest as 40 hexadecimal digits, with or
    /// without `:` and a count behind it, as public corpora come. Needs 40 bytes of memory for each while it builds.
    ///
    /// # Errors
    /// See [`FilterError`].
    pub fn build(list: impl BufRead) -> Result<Self, FilterError> {
        let mut keys = BTreeSet::new();
        for line in list.split(b'\n') {
            let line = line?;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                continue;
            }
            // A password that is no UTF-8 cannot be typed into a form of ours.
            if let Ok(line) = std::str::from_utf8(line) {
                let digest = line.split(':').next().and_then(PasswordDigest::from_hex);
                keys.insert(
                    digest
                        .unwrap_or_else(|| PasswordDigest::of_text(line))
                        .key(),
                );
            }
        }
        if keys.is_empty() {
            return Err(FilterError::Empty);
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let filter = BinaryFuse16::try_from(&keys).map_err(|_| FilterError::NotBuilt)?;
        Ok(Self { filter })
    }

    /// Reads a filter from a file.
    ///
    /// # Errors
    /// See [`FilterError`].
    pub fn open(file: impl AsRef<Path>) -> Result<Self, FilterError> {
        Self::from_bytes(&fs::read(file)?)
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// [`FilterError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FilterError> {
        Self::parse(bytes).ok_or(FilterError::Damaged)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (digest, body) = bytes.strip_prefix(HEAD)?.split_at_checked(DIGEST_LEN)?;
        if Digest32::of(body).as_bytes() != digest {
            return None;
        }
        let (shape, fingerprints) = body.split_at_checked(SHAPE_LEN)?;
        let (seed, lengths) = shape.split_first_chunk::<8>()?;
        let mut lengths = lengths.chunks_exact(4).map(|four| match four {
            [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => 0,
        });
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(*seed),
            segment_length: lengths.next()?,
            segment_length_mask: lengths.next()?,
            segment_count_length: lengths.next()?,
        };
        let pairs = fingerprints.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        let fingerprints: Box<[u16]> = pairs
            .map(|pair| match pair {
                [a, b] => u16::from_le_bytes([*a, *b]),
                _ => 0,
            })
            .collect();
        fits(&descriptor, fingerprints.len()).then_some(Self {
            filter: BinaryFuse16 {
                descriptor,
                fingerprints,
            },
        })
    }

    /// The filter, to be written to a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Descriptor {
            seed,
            segment_length,
            segment_length_mask,
            segment_count_length,
        } = self.filter.descriptor;
        let mut body = seed.to_le_bytes().to_vec();
        for length in [segment_length, segment_length_mask, segment_count_length] {
            body.extend_from_slice(&length.to_le_bytes());
        }
        for fingerprint in &self.filter.fingerprints {
            body.extend_from_slice(&fingerprint.to_le_bytes());
        }
        [HEAD, Digest32::of(&body).as_bytes(), &body].concat()
    }

    fn contains(&self, password: PasswordDigest) -> bool {
        self.filter.contains(&password.key())
    }
}

/// Whether every look-up stays inside: a file may be whole and still be made by somebody else.
fn fits(shape: &Descriptor, fingerprints: usize) -> bool {
    let (length, count) = (
        shape.segment_length as usize,
        shape.segment_count_length as usize,
    );
    length.is_power_of_two()
        && shape.segment_length_mask as usize == length - 1
        && count.is_multiple_of(length)
        && count
            .checked_add(2 * length)
            .is_some_and(|all| all <= fingerprints)
}

#[async_trait]
impl BreachedPasswords for BreachedFilter {
    async fn is_breached(
        &self,
        password: PasswordDigest,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.contains(password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(filter: &BreachedFilter, password: &str) -> bool {
        filter.contains(PasswordDigest::of_text(password))
    }

    #[test]
    fn passwords_and_digests_are_found_and_others_hardly_ever() {
        let many: Vec<_> = (0..20_000)
            .map(|n| format!("password number {n}"))
            .collect();
        let many = many.join("\n");
        let digest = PasswordDigest::of_text("only as a digest").to_hex();
        let list = format!(
            "{many}\r\n\nwith:a:colon\r\n{digest}:4711\n{}\n",
            digest.to_lowercase()
        );
        let filter = BreachedFilter::build(list.as_bytes()).expect("filter");
        for n in 0..20_000 {
            assert!(has(&filter, &format!("password number {n}")));
        }
        assert!(has(&filter, "with:a:colon"));
        assert!(has(&filter, "only as a digest"));
        let mistaken = (0..100_000).filter(|n| has(&filter, &format!("another {n}")));
        assert!(mistaken.count() < 20);
        assert!(filter.to_bytes().len() < 20_000 * 3);
    }

    #[test]
    fn a_file_comes_back_whole_or_not_at_all() {
        let filter = BreachedFilter::build("one\ntwo\nthree\n".as_bytes()).expect("filter");
        let bytes = filter.to_bytes();
        let read = BreachedFilter::from_bytes(&bytes).expect("whole");
        assert!(has(&read, "one") && has(&read, "two") && has(&read, "three"));
        for cut in 0..bytes.len() {
            assert!(BreachedFilter::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        for flipped in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[flipped] ^= 1;
            assert!(BreachedFilter::from_bytes(&bytes).is_err(), "{flipped}");
        }
        assert!(matches!(
            BreachedFilter::build("\n\r\n".as_bytes()),
            Err(FilterError::Empty)
        ));
    }

    #[test]
    fn a_forged_shape_never_reads_outside() {
        let shape = |segment_length: u32, mask: u32, count: u32| Descriptor {
            seed: 7,
            segment_length,
            segment_length_mask: mask,
            segment_count_length: count,
        };
        assert!(fits(&shape(4, 3, 8), 16));
        for (bad, fingerprints) in [
            (shape(4, 3, 8), 15),
            (shape(4, 7, 8), 64),
            (shape(3, 2, 6), 64),
            (shape(4, 3, 6), 64),
            (shape(0, u32::MAX, 8), 64),
            (shape(1 << 31, (1 << 31) - 1, 0), 64),
        ] {
            assert!(!fits(&bad, fingerprints));
        }
    }
}
