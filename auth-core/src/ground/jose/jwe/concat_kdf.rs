//! The key derivation of ECDH-ES (RFC 7518 section 4.6.2, NIST SP 800-56A section 5.8.1).

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use aws_lc_rs::error::Unspecified;
use zeroize::Zeroizing;

/// What the derived key is bound to.
#[derive(Clone, Copy)]
pub(super) struct Party<'a> {
    /// `apu`, decoded; empty when absent.
    pub(super) producer: &'a [u8],
    /// `apv`, decoded; empty when absent.
    pub(super) recipient: &'a [u8],
}

/// A key of `key_len` octets out of the shared secret, for the algorithm named `algorithm`.
pub(super) fn derive(
    secret: &[u8],
    algorithm: &str,
    party: Party<'_>,
    key_len: usize,
) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let number = |number: usize| u32::try_from(number).map_err(|_| Unspecified);
    let mut key = Zeroizing::new(Vec::with_capacity(key_len + SHA256_OUTPUT_LEN));
    for round in 1..=key_len.div_ceil(SHA256_OUTPUT_LEN) {
        let mut hash = Context::new(&SHA256);
        hash.update(&number(round)?.to_be_bytes());
        hash.update(secret);
        for text in [algorithm.as_bytes(), party.producer, party.recipient] {
            hash.update(&number(text.len())?.to_be_bytes());
            hash.update(text);
        }
        hash.update(&number(key_len * 8)?.to_be_bytes());
        key.extend_from_slice(hash.finish().as_ref());
    }
    key.truncate(key_len);
    Ok(key)
}
