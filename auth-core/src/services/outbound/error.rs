//! Why a document could not be had.

use std::error::Error;

use super::resolve::AddressRefused;

/// Why a document could not be had. Safe to log: no variant carries anything the other side wrote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The policy cannot work: only at the start.
    #[error("{setting}: {problem}")]
    Policy {
        /// The setting.
        setting: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Not an absolute http or https URL with a host, or longer than 2048 bytes.
    #[error("the URL is not an absolute https URL")]
    InvalidUrl,
    /// The URL carries a user name or password: nothing is ever sent with credentials.
    #[error("the URL carries a user name or password")]
    UserInfo,
    /// Plain http to a host that the policy does not except.
    #[error("the URL is not https")]
    NotHttps,
    /// The host is, or resolves only to, addresses that are not public (see [`OutboundPolicy`](super::OutboundPolicy)).
    #[error("the host has no public address")]
    AddressRefused,
    /// The name does not resolve, nobody answers, or TLS fails.
    #[error("the host cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// No whole answer within the time of the policy.
    #[error("the host did not answer in time")]
    Timeout,
    /// Another status than 200; a redirect too, which is never followed.
    #[error("the answer has the status {0}")]
    Status(u16),
    /// The answer is not JSON by its `Content-Type`.
    #[error("the answer is not of a JSON media type")]
    ContentType,
    /// The body is longer than the bound.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The HTTP client cannot be made on this machine: mostly, no CA certificates are installed.
    #[error(
        "the HTTP client cannot start; are CA certificates installed (package ca-certificates)?"
    )]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

impl OutboundError {
    pub(super) fn from_request(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        let mut cause = error.source();
        while let Some(inner) = cause {
            if inner.is::<AddressRefused>() {
                return Self::AddressRefused;
            }
            cause = inner.source();
        }
        // The URL may hold a query that is nobody's business.
        Self::Unreachable(Box::new(error.without_url()))
    }
}
