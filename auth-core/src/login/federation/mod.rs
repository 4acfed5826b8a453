//! Signing in with others: OpenID Connect and OAuth 2 providers, linked to accounts here.

pub(in crate::login) mod client;
mod preset;
mod profile;
mod upstream;

pub use profile::{EmailVerified, Profile, ProfileMap};
pub use upstream::Upstream;
