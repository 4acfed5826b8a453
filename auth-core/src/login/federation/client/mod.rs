//! This app as the client of one other provider: from an authorization request to a checked answer. Knows no account.

mod api;
mod authorize;
mod client_auth;
mod encrypted;
mod error;
mod id_token;
mod key;
mod logout;
mod metadata;
mod oauth2;
mod redeem;
mod refresh;
mod signed;
#[cfg(test)]
mod tests;
mod token_answer;
mod token_request;
mod transport;
mod user_info;

use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::profile::Profile;
use super::upstream::{IssuerRule, Protocol, Upstream};
use crate::ground::{Random, Timestamp};
use crate::login::LoginSettingsError;
#[cfg(feature = "workos")]
use crate::login::hosted::Hosted;
use crate::services::issuer::{Discovery, FETCH_BOUND, NamedIssuer, RemoteIssuer};
use crate::services::outbound::Outbound;
use metadata::Discovered;

pub(in crate::login) use id_token::issued_at;
pub(in crate::login) use signed::KEYS_NOT_NOW;

/// How long metadata and keys count as fresh.
const METADATA_MAX_AGE: Duration = Duration::from_mins(10);

/// The client of one upstream.
pub(in crate::login) struct Client {
    pub(in crate::login) upstream: Upstream,
    /// Its own at this provider alone (RFC 9700 §4.4.2.2).
    pub(in crate::login) redirect_uri: String,
    outbound: Outbound,
    /// Where it speaks OpenID Connect.
    remote: Option<Arc<RemoteIssuer>>,
    /// The last that was published, ready for use.
    parsed: RwLock<Option<Arc<Discovered>>>,
    /// When it was last told that a logout could not be checked.
    told_down_at: Mutex<Option<Timestamp>>,
    /// What the ID token's `acr` has to be one of, where the operator asks for it as essential; empty for any.
    essential_acr: Option<Vec<String>>,
    /// Where it is a hosted sign-in page, which speaks a language of its own.
    #[cfg(feature = "workos")]
    hosted: Option<Arc<Hosted>>,
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
    /// `sign-up` or `sign-in`: which page comes first, at a hosted sign-in page.
    #[serde(default)]
    pub(in crate::login) screen_hint: Option<String>,
    /// The organization to sign in to, at a hosted sign-in page.
    #[serde(default)]
    pub(in crate::login) organization_id: Option<String>,
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
    /// When the ID token was issued, where there is one.
    pub(in crate::login) issued_at: Option<Timestamp>,
    pub(in crate::login) acr: Option<String>,
    pub(in crate::login) amr: Vec<String>,
    pub(in crate::login) id_token: Option<Zeroizing<String>>,
    pub(in crate::login) tokens: Tokens,
}

impl Proven {
    /// Whose turn it is when it is dealt with.
    pub(in crate::login) fn identity(&self) -> (String, String) {
        (self.issuer.clone(), self.subject.clone())
    }
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
    pub(in crate::login) issued_at: Timestamp,
    /// From here on it is refused anyway.
    pub(in crate::login) expires_at: Timestamp,
}

/// Why a logout token ends nothing.
pub(in crate::login) struct LogoutRefused {
    pub(in crate::login) error: ClientError,
    /// The provider did sign it, for this app, and it only comes at the wrong time: nobody made it up.
    pub(in crate::login) is_late: bool,
}

impl From<ClientError> for LogoutRefused {
    fn from(error: ClientError) -> Self {
        Self {
            error,
            is_late: false,
        }
    }
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
    /// The person signed in there longer ago than was asked for.
    #[error("the sign-in at the provider is too old")]
    NotFresh,
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
    /// Nothing is fetched: a provider that is down does not keep the app from starting.
    ///
    /// # Errors
    /// Names what cannot work.
    pub(in crate::login) fn new(
        upstream: Upstream,
        redirect_uri: String,
        outbound: Outbound,
    ) -> Result<Arc<Self>, LoginSettingsError> {
        let remote = match &upstream.protocol {
            Protocol::OpenId {
                issuer, issuers, ..
            } => {
                let url = admitted(&upstream.name, issuer, &outbound)?;
                if url.query().is_some() || url.fragment().is_some() {
                    let problem = format!("{issuer:?} must have no query and no fragment");
                    return Err(fail(&upstream.name, &problem));
                }
                let named = match issuers {
                    IssuerRule::Exact => NamedIssuer::Exact,
                    IssuerRule::Tenant => NamedIssuer::Tenant,
                };
                let discovery = Discovery::new(issuer, &url, named, outbound.clone());
                Some(Arc::new(RemoteIssuer::new(discovery, METADATA_MAX_AGE)))
            }
            Protocol::OAuth2 {
                authorization_endpoint,
                token_endpoint,
                calls,
                ..
            } => {
                let calls = calls.iter().map(|call| &call.url);
                for url in calls.chain([authorization_endpoint, token_endpoint]) {
                    admitted(&upstream.name, url, &outbound)?;
                }
                None
            }
        };
        Ok(Arc::new(Self {
            essential_acr: essential_acr(&upstream)?,
            upstream,
            redirect_uri,
            outbound,
            remote,
            parsed: RwLock::default(),
            told_down_at: Mutex::default(),
            #[cfg(feature = "workos")]
            hosted: None,
        }))
    }

    /// The client of a hosted sign-in page. Nothing but what it does itself is asked of the network.
    #[cfg(feature = "workos")]
    pub(in crate::login) fn of_hosted(
        hosted: Arc<Hosted>,
        redirect_uri: String,
        outbound: Outbound,
    ) -> Arc<Self> {
        Arc::new(Self {
            essential_acr: None,
            upstream: hosted.upstream(),
            redirect_uri,
            outbound,
            remote: None,
            parsed: RwLock::default(),
            told_down_at: Mutex::default(),
            hosted: Some(hosted),
        })
    }

    /// The hosted sign-in page it is the client of.
    #[cfg(feature = "workos")]
    pub(in crate::login) fn hosted(&self) -> Option<&Arc<Hosted>> {
        self.hosted.as_ref()
    }

    /// Secrets of a new attempt.
    #[expect(
        clippy::unused_self,
        reason = "part of the contract with the endpoints: what is drawn is this client's affair"
    )]
    pub(in crate::login) fn draw(&self, random: &dyn Random) -> AttemptSecrets {
        AttemptSecrets {
            state: random.secret(),
            nonce: random.secret(),
            code_verifier: random.secret(),
        }
    }

    /// Where to send the browser.
    ///
    /// # Errors
    /// [`ClientError::Down`], while the provider's metadata cannot be had.
    pub(in crate::login) async fn authorization_url(
        &self,
        secrets: &AttemptSecrets,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<String, ClientError> {
        #[cfg(feature = "workos")]
        if let Some(hosted) = &self.hosted {
            return hosted.authorization_url(&self.redirect_uri, secrets, ask);
        }
        self.request_url(secrets, ask, now).await
    }

    /// Redeems the code and checks all that comes with it. `state` is the caller's to compare and to spend first; so is
    /// whether the sign-in there is new enough where its time is not told.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(in crate::login) async fn redeem(
        &self,
        secrets: &AttemptSecrets,
        ask: &Ask,
        response: &AuthorizationResponse,
        random: &dyn Random,
        (began_at, now): (Timestamp, Timestamp),
    ) -> Result<Proven, ClientError> {
        #[cfg(feature = "workos")]
        if let Some(hosted) = &self.hosted {
            return hosted.redeem(secrets, response, now).await;
        }
        self.prove(secrets, ask, response, random, (began_at, now))
            .await
    }

    /// New tokens for an old refresh token; where none comes along, the old one goes on.
    ///
    /// # Errors
    /// [`ClientError::Refused`] of `invalid_grant`, when the old one is worth nothing any more.
    pub(in crate::login) async fn refresh(
        &self,
        tokens: &Tokens,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Tokens, ClientError> {
        self.renew(tokens, random, now).await
    }

    /// The longest that [`refresh`](Self::refresh) takes: metadata, for which others may have to be waited for, and the
    /// request itself.
    pub(in crate::login) fn longest_refresh(&self) -> Duration {
        FETCH_BOUND * 2 + self.outbound.timeout()
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
        self.logout_url(id_token, post_logout_redirect_uri, state, now)
            .await
    }

    /// Checks a logout token by all the rules of OpenID Connect Back-Channel Logout §2.6, save that its `jti` is the
    /// caller's to claim.
    ///
    /// # Errors
    /// [`LogoutRefused`].
    pub(in crate::login) async fn check_logout_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<LogoutToken, LogoutRefused> {
        self.logout_claims(token, now).await
    }
}

fn admitted(name: &str, url: &str, outbound: &Outbound) -> Result<Url, LoginSettingsError> {
    let problem = match (outbound.admits(url), Url::parse(url)) {
        (Ok(()), Ok(url)) => return Ok(url),
        (Err(error), _) => error.to_string(),
        (_, Err(error)) => error.to_string(),
    };
    Err(fail(name, &format!("{url:?}: {problem}")))
}

/// What the `claims` parameter asks of `acr` as essential (OpenID Connect Core §5.5.1.1).
fn essential_acr(upstream: &Upstream) -> Result<Option<Vec<String>>, LoginSettingsError> {
    let mut parameters = upstream.parameters.iter();
    let Some((_, claims)) = parameters.find(|(name, _)| name == "claims") else {
        return Ok(None);
    };
    let Ok(claims) = serde_json::from_str::<Value>(claims) else {
        return Err(fail(&upstream.name, "the parameter claims is not JSON"));
    };
    let Some(acr) = claims.pointer("/id_token/acr") else {
        return Ok(None);
    };
    if acr["essential"] != true {
        return Ok(None);
    }
    let one = acr["value"].as_str();
    let many = acr["values"].as_array().into_iter().flatten();
    let values = one.into_iter().chain(many.filter_map(Value::as_str));
    Ok(Some(values.map(str::to_owned).collect()))
}

fn fail(name: &str, problem: &str) -> LoginSettingsError {
    LoginSettingsError {
        setting: "sign_in_with",
        problem: format!("{name}: {problem}"),
    }
}
