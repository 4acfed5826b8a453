//! Tokens: made, signed, read back.

mod access_token;
mod claims;
mod id_token;
mod id_token_hint;
mod response;

pub(super) use access_token::VerifiedAccessToken;
pub(super) use claims::claim_names_requested;
pub(super) use id_token_hint::IdTokenHint;
pub(super) use response::{Issued, TokenResponse};
