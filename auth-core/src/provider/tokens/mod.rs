//! Tokens: made, signed, read back.

mod access_token;
mod claims;
mod encrypt;
mod id_token;
mod id_token_hint;
mod response;

pub(super) use access_token::{AccessTokenRequest, VerifiedAccessToken};
pub(super) use claims::{Target, is_protocol_claim};
pub(super) use encrypt::EncryptedResponse;
pub(super) use id_token::{IdTokenRequest, id_token_algorithm};
pub(super) use response::Issued;
