//! Encrypted tokens: JWE compact (RFC 7516) with the algorithms of JWA (RFC 7518 sections 4 and 5, RFC 8037
//! section 3.2).
//!
//! - Only public-key algorithms: RSAES-OAEP and ECDH-ES. There is no `RSA1_5` (its padding is an oracle), no `dir`, no
//!   password (`p2c` is a denial of service, CVE-2023-50658), so none of them can be chosen.
//! - There is no `zip`: a few bytes must not become gigabytes (CVE-2024-33664).
//! - What is decrypted is only confidential. Anyone can encrypt to a public key, so whom it comes from is what the
//!   signature inside says (RFC 8725 section 3.3): see [`Decrypted::nested_jwt`].
//! - A key that does not unwrap, a tag that does not match and a padding that is wrong are one and the same error.

mod agreement;
mod algorithm;
mod cbc_hmac;
mod compact;
mod concat_kdf;
mod content;
mod decryption_key;
mod encryption_key;
mod header;

pub use algorithm::{ContentEncryption, KeyManagement};
pub use compact::{Decrypted, Jwe, MAX_JWE_BYTES};
pub use decryption_key::DecryptionKey;
pub use encryption_key::EncryptionKey;

#[cfg(test)]
pub(crate) mod test_keys;
#[cfg(test)]
mod tests;
