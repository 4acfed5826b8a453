//! The token side over its endpoints, with another library as verifier and minter of tokens.
#![cfg(feature = "testkit")]

mod apps;
mod assertion;
mod authorization_code;
mod back_channel;
mod client_auth;
mod client_credentials;
mod encryption;
mod harness;
mod introspection;
mod keys;
mod metadata;
mod pairwise;
mod refresh_token;
mod registration;
mod registration_metadata;
mod registration_threats;
mod registry;
mod revocation;
mod signed_responses;
mod tokens;
mod userinfo;
