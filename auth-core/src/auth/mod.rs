//! Roof: [`Auth`], the one object a host holds.

mod builder;
#[cfg(any(feature = "login", feature = "resource"))]
mod caller;
#[cfg(any(feature = "login", feature = "provider"))]
mod delivering;
mod dispatch;
#[cfg(any(feature = "login", feature = "resource"))]
mod guard;
#[cfg(feature = "login")]
mod mailing;
mod pruning;
mod service;
mod table;
#[cfg(test)]
#[cfg(all(feature = "login", feature = "provider", feature = "resource"))]
#[cfg(feature = "testkit")]
mod tests;
mod wings;

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

pub use builder::{AuthBuilder, BuildError};
#[cfg(any(feature = "login", feature = "resource"))]
pub use caller::Caller;
#[cfg(any(feature = "login", feature = "resource"))]
pub use guard::{Guard, Otherwise};

use crate::services::{AuditPage, AuditSink, Core};
use crate::store::{AuditQuery, StoreError};
use crate::web::{Exchange, Problem, Response, Route, Side, finish_headers};
use table::Table;

/// Login, provider and resource in one handle: cheap to clone, `Send + Sync`, without type parameters.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Core>,
    table: Table,
    peers_without_address: bool,
    audit: Option<Arc<AuditSink>>,
    #[cfg(feature = "login")]
    login: Option<Arc<crate::login::LoginWing>>,
    #[cfg(feature = "provider")]
    provider: Option<Arc<crate::provider::ProviderWing>>,
    #[cfg(feature = "resource")]
    resource: Option<Arc<crate::resource::ResourceWing>>,
}

/// A part of the product is used that the builder was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} is not set up: add `.{part}(…)` to the Auth builder")]
pub struct NotSetUp {
    /// The builder's method.
    pub part: &'static str,
}

impl Auth {
    /// Starts a builder. `base_url` is where the product is reached from outside, and the issuer.
    pub fn builder(base_url: impl Into<String>) -> AuthBuilder {
        AuthBuilder::new(base_url.into())
    }

    /// The paths and methods to register, derived from the configuration. Requests to them go to
    /// [`handle`](Self::handle) or, as it is a `tower::Service`, to the `Auth` itself.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.inner.table.routes()
    }

    /// The base URL and issuer, without a trailing slash.
    pub fn issuer(&self) -> &str {
        self.inner.core.base.issuer()
    }

    /// The login wing.
    ///
    /// # Errors
    /// [`NotSetUp`] when the builder was not given `.login(…)`.
    #[cfg(feature = "login")]
    pub fn login(&self) -> Result<&crate::login::LoginWing, NotSetUp> {
        self.inner
            .login
            .as_deref()
            .ok_or(NotSetUp { part: "login" })
    }

    /// The provider wing.
    ///
    /// # Errors
    /// [`NotSetUp`] when the builder was not given `.provider(…)`.
    #[cfg(feature = "provider")]
    pub fn provider(&self) -> Result<&crate::provider::ProviderWing, NotSetUp> {
        self.inner
            .provider
            .as_deref()
            .ok_or(NotSetUp { part: "provider" })
    }

    /// The resource wing.
    ///
    /// # Errors
    /// [`NotSetUp`] when the builder was not given `.resource(…)` and there is no provider to trust.
    #[cfg(feature = "resource")]
    pub fn resource(&self) -> Result<&crate::resource::ResourceWing, NotSetUp> {
        self.inner
            .resource
            .as_deref()
            .ok_or(NotSetUp { part: "resource" })
    }

    /// Removes now what expired more than an hour ago: at most `limit` rows of each store. Returns how many went. Gives
    /// memory that no password was hashed in since the last time back to the system.
    ///
    /// # Errors
    /// The store's.
    pub async fn prune(&self, limit: u32) -> Result<u64, StoreError> {
        #[cfg(feature = "login")]
        if let Some(login) = &self.inner.login {
            login.rest();
        }
        pruning::prune(&self.inner.core, limit).await
    }

    /// Reads what happened, the newest first: a page, and where the next one begins. An event is there a moment after it
    /// happened.
    ///
    /// # Errors
    /// The store's.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        AuditPage::read(&*self.inner.core.stores.audit, query).await
    }

    /// Returns once every event that happened here before is written: for an orderly end, and for tests.
    ///
    /// # Errors
    /// The store's. Nothing is lost then: the events wait on, and are tried again.
    pub async fn flush_audit(&self) -> Result<(), StoreError> {
        match &self.inner.audit {
            Some(audit) => audit.flush().await,
            None => Ok(()),
        }
    }

    /// Replaces the secrets while requests go on, the newest first; see [`AuthBuilder::secrets`]. What is stored and
    /// sealed under an older one is sealed anew. On several nodes: first add the new secret *behind* the old one on
    /// every node, then put it in front on every node, then drop the old one: so each node opens what any other seals.
    ///
    /// # Errors
    /// A secret that is too short, or secrets that do not open a signing key in use: nothing was changed then.
    #[cfg_attr(
        not(feature = "provider"),
        expect(clippy::unused_async, reason = "only the provider keeps sealed keys")
    )]
    pub async fn replace_secrets<S: AsRef<[u8]>>(
        &self,
        secrets: impl IntoIterator<Item = S>,
    ) -> Result<(), BuildError> {
        let ring = crate::ground::KeyRing::new(secrets)?;
        #[cfg(feature = "provider")]
        if let Some(provider) = &self.inner.provider {
            provider.opens_with(&ring).await?;
        }
        self.inner.core.keys.replace(&ring);
        #[cfg(feature = "provider")]
        if let Some(provider) = &self.inner.provider {
            provider.reseal_signing_keys().await?;
        }
        Ok(())
    }

    /// The client's address behind the trusted proxies, for a request to one of the host's own routes: what a sign-in
    /// of the host's own is told by.
    pub fn client_address(&self, parts: &Parts) -> Option<std::net::IpAddr> {
        self.inner.core.proxies.client_address(parts)
    }

    /// Whether throttles tell the client of this request from others: its [`ClientAddr`](crate::web::ClientAddr) is
    /// there, or [none was to be expected](AuthBuilder::peers_without_address). If not, the host forgot to ask its
    /// framework for it, and an adapter says so (500) in place of whatever would be counted.
    pub fn tells_clients_apart(&self, parts: &Parts) -> bool {
        self.inner.peers_without_address || self.client_address(parts).is_some()
    }

    /// Turns a problem into a response for a request to one of the host's own routes.
    pub fn problem(&self, parts: &Parts, side: Side, problem: &Problem) -> Response {
        let body = bytes::Bytes::new();
        let core = &self.inner.core;
        let loopback = core.base.is_loopback_http();
        let exchange = Exchange::new(parts, &body, core.clock.now(), &core.proxies, loopback);
        let mut response = core.problem(&exchange, side, problem);
        finish_headers(response.headers_mut(), loopback);
        response
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("issuer", &self.issuer())
            .field("routes", &self.inner.table.routes().count())
            .finish_non_exhaustive()
    }
}
