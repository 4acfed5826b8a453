//! Tokens: made, signed, read back.

mod access_token;
mod claims;
mod id_token;
mod id_token_hint;
mod response;

pub(super) use access_token::VerifiedAccessToken;
pub(super) use claims::Target;
pub(super) use response::Issued;
