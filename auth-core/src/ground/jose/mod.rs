//! Signed and encrypted tokens: JWS compact (RFC 7515), JWE compact (RFC 7516, see [`jwe`]), JWK (RFC 7517),
//! the algorithms of JWA (RFC 7518, RFC 8037) and the registered claims of JWT (RFC 7519), with the rules of RFC 8725.
//!
//! - The key decides the algorithm; a token only says which of the allowed ones it used.
//! - There is no `none` and no HMAC here, so neither can be chosen.
//! - Keys are parsed once, when a [`VerificationKeys`] or a [`SigningKey`] is made.
//! - [`Verified`] is a proof: only a checked signature makes one.
//! - No clock: [`ClaimsCheck`] is told the time.

mod algorithm;
mod claims;
mod claims_check;
mod encoding;
mod error;
mod half_hash;
mod header;
pub mod jwe;
mod jwk;
mod jwk_set;
mod jws;
mod object;
mod signing;
mod unsigned;
mod verification;

pub(crate) use object::parse_claims as parse_unique_object;
#[cfg(feature = "federation")]
pub(crate) use object::parse_unique_value;

pub use algorithm::Algorithm;
pub use claims::{Claims, UnverifiedClaims};
pub use claims_check::ClaimsCheck;
pub use error::JoseError;
pub use half_hash::left_half_hash;
pub use jwk::{Jwk, KeyUse};
pub use jwk_set::{JwkSet, MAX_JWK_SET_BYTES, MAX_JWK_SET_KEYS};
pub use jws::{Jws, MAX_JWS_BYTES, Verified};
pub use signing::{GeneratedKey, RsaKeySize, SigningKey};
pub use unsigned::dangerous_unsigned_claims;
pub use verification::{MAX_CANDIDATES, VerificationKeys, VerifyingKey};

#[cfg(test)]
mod tests;
