//! Provider wing: other apps sign in through yours (OAuth 2.x, OpenID Connect).

mod account;
mod authorize;
mod client;
mod client_auth;
mod code;
mod consent;
mod discovery;
mod end_session;
mod error;
mod grants_page;
mod interaction;
mod introspection;
mod jwks;
mod keys;
mod logout;
mod pkce;
mod registration;
mod registry;
mod response_type;
mod revocation;
mod scope;
mod sessions;
mod settings;
mod subject;
mod token;
mod tokens;
mod userinfo;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::Method;

pub use account::{AccountError, AccountResolver, ClaimsQuery, SignInRequest, SignedInAccount};
pub use client::{AuthMethod, ClientMetadata, VerifiedRedirectUri};
pub use client_auth::{AuthenticatedClient, JwksFetcher};
pub use error::OAuthError;
pub use registration::{
    Registration, RegistrationPolicy, RegistrationReview, StandardRegistrationPolicy,
};
pub use registry::{
    ClientRegistry, ClientUpdate, NewClient, RegisteredClient, RegistrationError, RegistryError,
    StoreRegistry,
};
pub use scope::Scopes;
pub use settings::{KeyRotation, Pkce, Provider, ProviderSettingsError};

use crate::services::Core;
use crate::services::outbound::Outbound;
use crate::web::{Exchange, Response, Route, Side};
use client_auth::ClientKeys;
use discovery::Metadata;
use keys::Keys;
use logout::Delivery;
use registration::RegistrationMode;
use subject::PairwiseKey;

/// The running provider.
pub struct ProviderWing {
    core: Arc<Core>,
    settings: Provider,
    accounts: Arc<dyn AccountResolver>,
    registry: Arc<dyn ClientRegistry>,
    keys: Keys,
    /// Keys of clients that publish theirs, and other documents of theirs.
    client_keys: ClientKeys,
    /// What subjects of sectors are made with.
    pairwise: PairwiseKey,
    /// Tells clients of sessions that ended.
    delivery: Delivery,
    metadata: Metadata,
}

/// The provider's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    OpenIdConfiguration,
    Jwks,
    Authorize,
    Resume,
    Consent,
    ChooseAccount,
    Token,
    UserInfo,
    Introspection,
    Revocation,
    EndSession,
    EndSessionDecision,
    CheckSession,
    Grants,
    RevokeGrant,
    Registration,
}

impl ProviderWing {
    /// Checks the settings, loads or creates the signing keys.
    pub(crate) async fn new(
        core: Arc<Core>,
        settings: Provider,
        accounts: Arc<dyn AccountResolver>,
    ) -> Result<Self, ProviderError> {
        settings.validate()?;
        let registry = settings
            .registry
            .clone()
            .unwrap_or_else(|| Arc::new(StoreRegistry::new(core.stores.clients.clone())));
        let keys = Keys::open(core.clone(), &settings).await?;
        Ok(Self {
            client_keys: ClientKeys::default(),
            delivery: Delivery::default(),
            pairwise: PairwiseKey::default(),
            metadata: Metadata::new(&core, &settings, &keys, false),
            core,
            settings,
            accounts,
            registry,
            keys,
        })
    }

    /// With a client for documents at addresses that clients chose. Without one, a client that has its keys at a
    /// `jwks_uri` cannot authenticate, and none can register a `sector_identifier_uri`.
    pub(crate) fn with_jwks_fetcher(mut self, fetcher: Arc<dyn JwksFetcher>) -> Self {
        self.client_keys = ClientKeys::with_fetcher(fetcher);
        self.metadata = Metadata::new(&self.core, &self.settings, &self.keys, true);
        self
    }

    /// With a client for requests to addresses that clients chose. Without one, clients are not told over the back
    /// channel of sessions that ended.
    pub(crate) fn with_outbound(mut self, outbound: Outbound) -> Self {
        self.delivery.outbound = Some(outbound);
        self
    }

    /// The path, base path included, of one of the provider's endpoints (`"/token"`).
    pub(crate) fn path(&self, endpoint: &str) -> String {
        self.core
            .base
            .path(&format!("{}{endpoint}", self.settings.path))
    }

    /// The absolute URL of one of the provider's endpoints.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        self.core
            .base
            .absolute(&format!("{}{endpoint}", self.settings.path))
    }

    /// The provider's routes.
    pub(crate) fn routes(&self) -> Vec<(Route, Endpoint)> {
        const GET: &[Method] = &[Method::GET];
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        let base = &self.core.base;
        let prefix = base.path_prefix();
        let mut routes = vec![
            (
                Route::new(
                    base.path("/.well-known/openid-configuration"),
                    Side::OpenApi,
                    GET,
                ),
                Endpoint::OpenIdConfiguration,
            ),
            // RFC 8414 §3.1 puts the well-known part before the issuer's path.
            (
                Route::new(
                    format!("/.well-known/oauth-authorization-server{prefix}"),
                    Side::OpenApi,
                    GET,
                ),
                Endpoint::OpenIdConfiguration,
            ),
        ];
        let own = [
            ("/jwks", Side::OpenApi, GET, Endpoint::Jwks),
            ("/authorize", Side::Page, BOTH, Endpoint::Authorize),
            ("/authorize/resume", Side::Page, GET, Endpoint::Resume),
            ("/authorize/consent", Side::Page, POST, Endpoint::Consent),
            (
                "/authorize/account",
                Side::Page,
                POST,
                Endpoint::ChooseAccount,
            ),
            ("/token", Side::OpenApi, POST, Endpoint::Token),
            ("/userinfo", Side::OpenApi, BOTH, Endpoint::UserInfo),
            ("/introspect", Side::Api, POST, Endpoint::Introspection),
            ("/revoke", Side::OpenApi, POST, Endpoint::Revocation),
            ("/logout", Side::Page, BOTH, Endpoint::EndSession),
            (
                "/logout/decide",
                Side::Page,
                POST,
                Endpoint::EndSessionDecision,
            ),
            ("/grants", Side::Page, GET, Endpoint::Grants),
            ("/grants/revoke", Side::Page, POST, Endpoint::RevokeGrant),
        ];
        routes.extend(own.into_iter().map(|(path, side, methods, endpoint)| {
            (Route::new(self.path(path), side, methods), endpoint)
        }));
        if self.settings.registration.mode != RegistrationMode::Closed {
            let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
            let route = Route::new(self.path("/register"), Side::OpenApi, &methods);
            routes.push((route, Endpoint::Registration));
        }
        if self.settings.session_management {
            let route = Route::new(self.path("/session"), Side::Page, GET);
            routes.push((route, Endpoint::CheckSession));
        }
        routes
    }

    /// Answers a request to one of the routes.
    pub(crate) async fn handle(&self, endpoint: Endpoint, exchange: &mut Exchange<'_>) -> Response {
        match endpoint {
            Endpoint::OpenIdConfiguration => self.openid_configuration(exchange),
            Endpoint::Jwks => self.jwks(exchange).await,
            Endpoint::Authorize => self.authorize(exchange).await,
            Endpoint::Resume => self.resume(exchange).await,
            Endpoint::Consent => self.decide_consent(exchange).await,
            Endpoint::ChooseAccount => self.choose_account(exchange).await,
            Endpoint::Token => self.token(exchange).await,
            Endpoint::UserInfo => self.userinfo(exchange).await,
            Endpoint::Introspection => self.introspect(exchange).await,
            Endpoint::Revocation => self.revoke(exchange).await,
            Endpoint::EndSession => self.end_session(exchange).await,
            Endpoint::EndSessionDecision => self.decide_end_session(exchange).await,
            Endpoint::CheckSession => self.check_session_frame(),
            Endpoint::Grants => self.grants_page(exchange).await,
            Endpoint::RevokeGrant => self.revoke_grant(exchange).await,
            Endpoint::Registration => self.register(exchange).await,
        }
    }
}

/// Why the provider did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] ProviderSettingsError),
    /// The store failed.
    #[error("the provider could not read or write its signing keys")]
    Store(#[from] crate::store::StoreError),
    /// A stored signing key does not open or is no key.
    #[error("signing key {kid} cannot be used: {problem}")]
    SigningKey {
        /// Which.
        kid: String,
        /// Why, and what to do.
        problem: String,
    },
}
