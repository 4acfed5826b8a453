//! Outbound HTTP: documents at addresses that strangers choose (`jwks_uri`, discovery, client metadata), and forms posted
//! to endpoints the operator names (introspection) or clients do (logout).
//!
//! A URL from outside is an attempt to make this server ask its own network something (SSRF). So: https only; the name
//! is resolved here, addresses that are not public are dropped, and the connection goes to an address that was checked,
//! so that a name which changes its mind between check and use (DNS rebinding) gains nothing. No redirect is followed,
//! no proxy of the environment is used, nothing that identifies us is sent unless the caller gives
//! [`ClientCredentials`], and time and size are bounded.
//! What an operator wants reached in spite of this is named in an [`OutboundPolicy`].

mod address;
mod client;
mod credentials;
mod error;
#[cfg(feature = "testkit")]
mod in_place;
mod policy;
mod resolve;
#[cfg(test)]
mod send_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use client::Outbound;
pub use credentials::ClientCredentials;
pub use error::OutboundError;
pub use policy::OutboundPolicy;
