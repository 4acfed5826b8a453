//! This app as the client of one other provider: from an authorization request to a checked answer. Knows no account.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::profile::Profile;
use super::upstream::Upstream;
use crate::ground::{Random, Timestamp};
use crate::login::LoginSettingsError;
use crate::services::outbound::Outbound;

/// The client of one upstream.
pub(in crate::login) struct Client {
    pub(in crate::login) upstream: Upstream,
    /// Its own at this provider alone (RFC 9700 §4.4.2.2).
    pub(in crate::login) redirect_uri: String,
    outbound: Outbound,
}

/// What binds a request to its answer. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::login) struct AttemptSecrets {
    pub(in crate::login) state: String,
    pub(in crate::login) nonce: String,
    pub(in crate::login) code_verifier: String,
}

/// What is asked for beyond signing in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::login) struct Ask {
    pub(in crate::login) login_hint: Option<String>,
    /// Seconds.
    pub(in crate::login) max_age: Option<u64>,
    pub(in crate::login) acr_values: Option<String>,
    pub(in crate::login) prompt: Option<String>,
}

/// The parameters of an answer (RFC 6749 §4.1.2, RFC 9207 §2), as they came.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::login) struct AuthorizationResponse {
    pub(in crate::login) state: Option<String>,
    pub(in crate::login) code: Option<String>,
    pub(in crate::login) iss: Option<String>,
    pub(in crate::login) error: Option<String>,
    /// What Apple posts beside the code, the first time only.
    pub(in crate::login) user: Option<String>,
}

/// Who came, checked.
pub(in crate::login) struct Proven {
    /// The issuer identifier.
    pub(in crate::login) issuer: String,
    /// Never empty (threat 07).
    pub(in crate::login) subject: String,
    pub(in crate::login) profile: Profile,
    /// The document the profile was read from, for the host.
    pub(in crate::login) claims: Value,
    pub(in crate::login) sid: Option<String>,
    pub(in crate::login) auth_time: Option<Timestamp>,
    pub(in crate::login) acr: Option<String>,
    pub(in crate::login) amr: Vec<String>,
    pub(in crate::login) id_token: Option<Zeroizing<String>>,
    pub(in crate::login) tokens: Tokens,
}

/// What a token endpoint gave. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::login) struct Tokens {
    pub(in crate::login) access_token: Zeroizing<String>,
    pub(in crate::login) refresh_token: Option<Zeroizing<String>>,
    pub(in crate::login) expires_at: Option<Timestamp>,
    pub(in crate::login) scope: Option<String>,
}

/// A logout token (OpenID Connect Back-Channel Logout §2.4), checked.
pub(in crate::login) struct LogoutToken {
    pub(in crate::login) issuer: String,
    pub(in crate::login) subject: Option<String>,
    pub(in crate::login) sid: Option<String>,
    pub(in crate::login) jti: String,
    /// From here on it is refused anyway.
    pub(in crate::login) expires_at: Timestamp,
}

/// Why nobody was proven. Safe to log: nothing in it was written by the other side.
#[derive(Debug, thiserror::Error)]
pub(in crate::login) enum ClientError {
    /// The person, or the provider in their place, said no (`access_denied`).
    #[error("the provider says access_denied")]
    Denied,
    /// The provider cannot do without asking the person (`login_required` and its like).
    #[error("the provider wants to ask the person")]
    InteractionRequired,
    /// The provider is out of reach or out of order: another way in may work.
    #[error("the provider is out of reach: {0}")]
    Down(
        &'static str,
        #[source] Option<Box<dyn std::error::Error + Send + Sync>>,
    ),
    /// What came is not what an honest answer is. Of a closed set, for the event.
    #[error("the answer is refused: {0}")]
    Refused(&'static str),
}

impl Client {
    /// # Errors
    /// Names what cannot work.
    pub(in crate::login) fn new(
        upstream: Upstream,
        redirect_uri: String,
        outbound: Outbound,
    ) -> Result<Arc<Self>, LoginSettingsError> {
        Ok(Arc::new(Self {
            upstream,
            redirect_uri,
            outbound,
        }))
    }

    /// Secrets of a new attempt.
    pub(in crate::login) fn draw(&self, random: &dyn Random) -> AttemptSecrets {
        AttemptSecrets {
            state: random.secret(),
            nonce: random.secret(),
            code_verifier: random.secret(),
        }
    }

    /// Where to send the browser.
    pub(in crate::login) async fn authorization_url(
        &self,
        secrets: &AttemptSecrets,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<String, ClientError> {
        let _ = (secrets, ask, now, &self.outbound);
        Err(ClientError::Refused("not built"))
    }

    /// Redeems the code and checks all that comes with it. `state` is the caller's to compare and to spend first.
    pub(in crate::login) async fn redeem(
        &self,
        secrets: &AttemptSecrets,
        ask: &Ask,
        response: &AuthorizationResponse,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Proven, ClientError> {
        let _ = (secrets, ask, response, random, now);
        Err(ClientError::Refused("not built"))
    }

    /// New tokens for an old refresh token; where none comes along, the old one goes on.
    pub(in crate::login) async fn refresh(
        &self,
        tokens: &Tokens,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Tokens, ClientError> {
        let _ = (tokens, random, now);
        Err(ClientError::Refused("not built"))
    }

    /// Where to send the browser to end the session there (OpenID Connect RP-Initiated Logout); `None` where the
    /// provider has no such place or is out of reach.
    pub(in crate::login) async fn end_session_url(
        &self,
        id_token: Option<&str>,
        post_logout_redirect_uri: &str,
        state: &str,
        now: Timestamp,
    ) -> Option<String> {
        let _ = (id_token, post_logout_redirect_uri, state, now);
        None
    }

    /// Checks a logout token by all the rules of OpenID Connect Back-Channel Logout §2.6, save that its `jti` is the
    /// caller's to claim.
    pub(in crate::login) async fn check_logout_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<LogoutToken, ClientError> {
        let _ = (token, now);
        Err(ClientError::Refused("not built"))
    }
}
