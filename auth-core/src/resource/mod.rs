//! Resource wing: your endpoints accept access tokens (RFC 6750, RFC 9068), from the app's own provider or from others.
//!
//! - [`ResourceWing::access_token`] turns request headers into an [`AccessToken`], which nothing else makes.
//! - [`ScopeRequirement`] says what a route wants; [`ScopeSet::allows`] says when a grant is enough.
//! - [`TokenRefused`] answers as RFC 6750 §3 asks, with the challenge in `WWW-Authenticate`.
//!
//! Tokens are read from the `Authorization` header, never from a query or a body; with [`Resource::token_cookie`] also
//! from a cookie of the host's. With [`Resource::api_keys`] the host's own keys stand beside them. A JWT of type `at+jwt` is verified
//! here, with the keys of its issuer. An opaque token, or a JWT of an issuer given to [`Resource::introspect`], is asked
//! about at its issuer (RFC 7662), and the answer is kept for [`Resource::introspection_cache`]: so long a token goes on
//! being accepted after it was revoked. When the issuer does not answer, the request is: 503 with `Retry-After`.
//!
//! A token bound to a key (`cnf`: DPoP, mTLS) is refused as a bearer token: whoever stole it would otherwise use it.

mod access_token;
mod api_key;
mod bearer;
mod credential;
mod introspection;
mod issuer;
mod local;
mod refused;
mod scope;
mod settings;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

pub use access_token::AccessToken;
pub use api_key::{ApiKey, ApiKeyError, ApiKeys};
pub(crate) use credential::HeaderCredential;
pub use local::LocalIssuer;
pub use refused::{InvalidToken, Refusal, TokenRefused};
pub use scope::{ScopeRequirement, ScopeSet};
pub use settings::{Resource, ResourceSettingsError};

pub use crate::services::outbound::ClientCredentials;

use crate::ground::Timestamp;
use crate::services::outbound::Outbound;
use crate::services::{Core, Event};
use issuer::Issuers;

/// The running resource server.
pub struct ResourceWing {
    core: Arc<Core>,
    settings: Resource,
    issuers: Issuers,
    realm: Arc<str>,
}

impl ResourceWing {
    /// Checks the settings. Nothing is fetched: a remote issuer's keys come with its first token, so an issuer that is
    /// down does not keep the app from starting.
    ///
    /// # Errors
    /// [`ResourceSettingsError`], naming the setting.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the wing keeps it, in the issuers that need one"
    )]
    pub fn new(
        core: Arc<Core>,
        settings: Resource,
        local: Option<Arc<dyn LocalIssuer>>,
        outbound: Outbound,
    ) -> Result<Self, ResourceSettingsError> {
        settings.validate()?;
        let realm = settings.realm.as_deref().unwrap_or(core.base.issuer());
        let realm: Arc<str> = realm.into();
        let issuers = Issuers::new(&core, &settings, &realm, local, &outbound)?;
        Ok(Self {
            core,
            settings,
            issuers,
            realm,
        })
    }

    /// The access token of a request, verified.
    ///
    /// # Errors
    /// [`TokenRefused`], which [answers](TokenRefused::respond) the request. [`Refusal::MissingToken`] is one of the
    /// reasons: for a route that serves strangers too, it is the one to let pass.
    pub async fn access_token(&self, headers: &HeaderMap) -> Result<AccessToken, TokenRefused> {
        let now = self.core.clock.now();
        let verified = match bearer::token(headers) {
            Ok(token) => self.verify(token, now).await,
            Err(refusal) => Err(refusal),
        };
        match verified {
            Ok(token) => Ok(token),
            Err(refusal) => Err(self.refuse(refusal, now).await),
        }
    }

    /// Whether the token has the scopes; as [`AccessToken::require`], with the event.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`].
    pub async fn require_scope(
        &self,
        token: &AccessToken,
        requirement: &ScopeRequirement,
    ) -> Result<(), TokenRefused> {
        match token.require(requirement) {
            Ok(()) => Ok(()),
            Err(refused) => Err(self.report(refused, self.core.clock.now()).await),
        }
    }

    /// Whether the user signed in at most `max_age` ago (RFC 9470). A token without `auth_time`, such as one of a client
    /// without a user, never did.
    ///
    /// # Errors
    /// [`Refusal::InsufficientUserAuthentication`] with `max_age`, which tells the client to send its user to sign in.
    pub async fn require_recent(
        &self,
        token: &AccessToken,
        max_age: Duration,
    ) -> Result<(), TokenRefused> {
        let now = self.core.clock.now();
        let recent = token
            .auth_time()
            .is_some_and(|signed_in| now.since(signed_in) <= max_age);
        if recent {
            return Ok(());
        }
        let refusal = Refusal::InsufficientUserAuthentication {
            max_age: Some(max_age.as_secs()),
            acr_values: None,
        };
        Err(self.refuse(refusal, now).await)
    }

    /// Whether the user signed in at one of these levels (`acr`, RFC 9470).
    ///
    /// # Errors
    /// [`Refusal::InsufficientUserAuthentication`] with `acr_values`.
    pub async fn require_acr(
        &self,
        token: &AccessToken,
        acr_values: &[&str],
    ) -> Result<(), TokenRefused> {
        if token.acr().is_some_and(|acr| acr_values.contains(&acr)) {
            return Ok(());
        }
        let refusal = Refusal::InsufficientUserAuthentication {
            max_age: None,
            acr_values: Some(acr_values.join(" ")),
        };
        Err(self.refuse(refusal, self.core.clock.now()).await)
    }

    /// The answer to a request without any credential.
    pub(crate) fn missing_token(&self) -> TokenRefused {
        TokenRefused::new(self.realm.clone(), Refusal::MissingToken)
    }

    async fn refuse(&self, refusal: Refusal, now: Timestamp) -> TokenRefused {
        let refused = TokenRefused::new(self.realm.clone(), refusal);
        self.report(refused, now).await
    }

    /// A request without a token refuses nothing, so it is no event.
    async fn report(&self, refused: TokenRefused, now: Timestamp) -> TokenRefused {
        if *refused.refusal() != Refusal::MissingToken {
            let reason = refused.refusal().code();
            let event = Event::AccessTokenRefused { reason };
            self.core.emit(now, None, event).await;
        }
        refused
    }
}
