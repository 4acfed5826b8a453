//! Client authentication (RFC 6749 §2.3, OpenID Connect Core §9).
//!
//! One method per request, and only the one the client is registered for. A client that registered none of the two
//! secret methods by name may use either: both prove the same secret, RFC 7591 §2 makes Basic the default, and common
//! clients post by default.
//!
//! Every failure is the same `invalid_client` with the same description; the reason goes into the event.

mod assertion;
mod jwks_uri;
mod presented;

use http::HeaderMap;

pub(super) use jwks_uri::ClientKeys;
pub use jwks_uri::JwksFetcher;

use self::presented::Presented;
use super::ProviderWing;
use super::client::{AuthMethod, ClientMetadata as _};
use super::error::OAuthError;
use super::registry::SecretCheck;
use crate::ground::Timestamp;
use crate::services::Event;
use crate::store::{Client, ClientId};
use crate::web::{Exchange, Params};

/// A client that has proven who it is, or a public one that has nothing to prove and is who it says as far as its
/// grants go. Only the check at our endpoints makes one.
pub struct AuthenticatedClient {
    client: Client,
    method: AuthMethod,
}

impl AuthenticatedClient {
    /// `client_id`.
    pub fn id(&self) -> &ClientId {
        &self.client.client_id
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How it proved itself.
    pub fn method(&self) -> AuthMethod {
        self.method
    }

    /// Whether it proved a secret or key (RFC 6749 §2.1): a public client only names itself.
    pub fn is_confidential(&self) -> bool {
        self.method != AuthMethod::None
    }
}

/// Why authentication failed: for the event alone.
type Reason = &'static str;

/// A failure on the way: the client's fault, for one and the same answer, or another error.
enum Failure {
    Refused(Reason),
    Error(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl ProviderWing {
    /// Authenticates the client of a request to the token, introspection or revocation endpoint.
    ///
    /// # Errors
    /// `invalid_client` for every failure to authenticate; `invalid_request` when the request uses more than one
    /// method (RFC 6749 §5.2); the registry's and store's own.
    pub(super) async fn authenticate(
        &self,
        exchange: &Exchange<'_>,
        params: &Params,
    ) -> Result<AuthenticatedClient, OAuthError> {
        let (claimed, outcome) = match read(exchange.headers(), params) {
            Ok(presented) => {
                let outcome = self.judge(&presented, exchange.now).await;
                (presented.client_id().map(str::to_owned), outcome)
            }
            Err(failure) => (None, Err(failure)),
        };
        match outcome {
            Ok(client) => Ok(client),
            Err(Failure::Error(error)) => Err(error),
            Err(Failure::Refused(reason)) => {
                let event = Event::ClientAuthenticationFailed {
                    client: claimed.filter(|id| is_loggable(id)).map(ClientId::from),
                    reason,
                };
                self.core.emit(exchange.now, exchange.address, event).await;
                Err(OAuthError::invalid_client("client authentication failed"))
            }
        }
    }

    async fn judge(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<AuthenticatedClient, Failure> {
        let id = presented
            .client_id()
            .ok_or(Failure::Refused("the request names no client"))?;
        // No id that was ever registered is longer, and a store need not look for it.
        let client = if id.len() <= 512 {
            self.registry.client(&ClientId::from(id)).await?
        } else {
            None
        };
        let proven = match presented {
            Presented::Secret { secret, .. } => {
                self.prove_secret(client.as_ref(), secret, now).await
            }
            Presented::Assertion { assertion, .. } => {
                self.prove_assertion(client.as_ref(), assertion, now).await
            }
            Presented::Nothing { .. } => Ok(()),
        };
        let client = client.ok_or(Failure::Refused("no client has this id"))?;
        if client.disabled_at.is_some() {
            return Err(Failure::Refused("the client is disabled"));
        }
        let method = presented.method();
        if !may_use(&client, method) {
            return Err(Failure::Refused(
                "the client is registered for another method",
            ));
        }
        proven?;
        Ok(AuthenticatedClient { client, method })
    }

    /// Compares a secret. Without a client, or with one that has no secret, as much is computed (threat 46).
    async fn prove_secret(
        &self,
        client: Option<&Client>,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match self.check_secret(client, secret, now) {
            SecretCheck::Wrong => Err(Failure::Refused("the secret is wrong")),
            SecretCheck::Right => Ok(()),
            SecretCheck::RightButStale(mac) => {
                if let Some(client) = client {
                    self.rekey_secret(client, &mac, secret, now).await;
                }
                Ok(())
            }
        }
    }
}

fn read<'a>(headers: &HeaderMap, params: &'a Params) -> Result<Presented<'a>, Failure> {
    Presented::read(headers, params)
}

/// Whether the client may authenticate this way; see the module's documentation.
fn may_use(client: &Client, method: AuthMethod) -> bool {
    if client.metadata.contains_key("token_endpoint_auth_method") {
        client.auth_method() == Some(method)
    } else {
        method.uses_secret()
    }
}

/// What a client calls itself is its own text: logged when it looks like an id.
fn is_loggable(id: &str) -> bool {
    id.len() <= 256 && id.bytes().all(|byte| byte.is_ascii_graphic())
}
