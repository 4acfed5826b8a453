//! The token side over its endpoints, with another library as verifier and minter of tokens.
#![cfg(feature = "testkit")]

mod assertion;
mod authorization_code;
mod client_auth;
mod client_credentials;
mod encryption;
mod harness;
mod introspection;
mod keys;
mod metadata;
mod refresh_token;
mod registry;
mod revocation;
mod signed_responses;
mod tokens;
mod userinfo;
