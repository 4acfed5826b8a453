//! What an OpenID provider publishes, ready for use.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use openidconnect::{IssuerUrl, JsonWebKeySet};
use url::Url;

use super::key::ProviderKey;
use super::token_request::TokenClient;
use super::{Client, ClientError, error};
use crate::ground::Timestamp;
use crate::login::federation::upstream::{IssuerRule, Protocol};
use crate::services::issuer::{Metadata, Published, Search, Seeker};

const TEMPLATE: &str = "{tenantid}";

/// Metadata and keys of one fetch, parsed once for all tokens.
pub(in crate::login) struct Discovered {
    pub(super) published: Arc<Published>,
    pub(super) keys: JsonWebKeySet<ProviderKey>,
    /// Of its token endpoint, where there is one that works.
    pub(super) token_client: Option<TokenClient>,
    rule: IssuerRule,
    /// The issuer, where it is the same of every token.
    issuer_url: Option<IssuerUrl>,
}

/// As [`Search`].
pub(super) enum Sought {
    Newer(Arc<Discovered>),
    Nothing,
    NotNow,
    Down,
}

impl Client {
    /// What the provider publishes; `None` where it speaks OAuth 2 alone.
    pub(super) async fn discovered(
        &self,
        now: Timestamp,
    ) -> Result<Option<Arc<Discovered>>, ClientError> {
        let Some(remote) = &self.remote else {
            return Ok(None);
        };
        match remote.current(now).await {
            Some(published) => Ok(Some(self.parsed(published))),
            None => Err(ClientError::Down("metadata", None)),
        }
    }

    /// What it publishes since, for a key nobody knows. Rate-limited.
    pub(super) async fn discovered_since(
        &self,
        old: &Discovered,
        now: Timestamp,
    ) -> Option<Arc<Discovered>> {
        match self.sought(old, Seeker::SignIn, now).await {
            Sought::Newer(newer) => Some(newer),
            Sought::Nothing | Sought::NotNow | Sought::Down => None,
        }
    }

    /// As [`discovered_since`](Self::discovered_since), for whomever, and with what it means that there is nothing.
    pub(super) async fn sought(&self, old: &Discovered, seeker: Seeker, now: Timestamp) -> Sought {
        let Some(remote) = &self.remote else {
            return Sought::Nothing;
        };
        match remote.search(&old.published, seeker, now).await {
            Search::Newer(newer) => Sought::Newer(self.parsed(newer)),
            Search::Nothing => Sought::Nothing,
            Search::NotNow => Sought::NotNow,
            Search::Down => Sought::Down,
        }
    }

    fn parsed(&self, published: Arc<Published>) -> Arc<Discovered> {
        let parsed = self.parsed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed.as_ref()
            && Arc::ptr_eq(&known.published, &published)
        {
            return known.clone();
        }
        drop(parsed);
        let rule = match &self.upstream.protocol {
            Protocol::OpenId { issuers, .. } => issuers.clone(),
            Protocol::OAuth2 { .. } => IssuerRule::Exact,
        };
        let keys = published.set.keys().iter().filter_map(ProviderKey::new);
        let metadata = &published.metadata;
        let endpoint = metadata.token_endpoint.as_deref();
        let discovered = Arc::new(Discovered {
            keys: JsonWebKeySet::new(keys.collect()),
            token_client: endpoint.and_then(|endpoint| self.token_client(endpoint).ok()),
            issuer_url: exact_issuer(&metadata.issuer, &rule)
                .and_then(|issuer| IssuerUrl::new(issuer.to_owned()).ok()),
            published,
            rule,
        });
        let mut parsed = self.parsed.write().unwrap_or_else(PoisonError::into_inner);
        *parsed = Some(discovered.clone());
        discovered
    }

    /// An endpoint of the metadata that a browser is sent to: somewhere a request of ours might go, too, so that no
    /// metadata makes a browser run a script or leave TLS.
    pub(super) fn browser_url(&self, endpoint: &str) -> Result<Url, ClientError> {
        self.outbound
            .admits(endpoint)
            .map_err(|error| error::of_outbound("metadata", error))?;
        Url::parse(endpoint).map_err(|_| ClientError::Down("metadata", None))
    }

    /// The token endpoint.
    pub(super) fn token_endpoint<'a>(
        &'a self,
        discovered: Option<&'a Discovered>,
    ) -> Result<&'a str, ClientError> {
        match (&self.upstream.protocol, discovered) {
            (Protocol::OAuth2 { token_endpoint, .. }, _) => Ok(token_endpoint),
            (Protocol::OpenId { .. }, Some(discovered)) => {
                there(discovered.metadata().token_endpoint.as_deref())
            }
            (Protocol::OpenId { .. }, None) => Err(ClientError::Down("metadata", None)),
        }
    }
}

/// An endpoint that has to be there.
pub(super) fn there(endpoint: Option<&str>) -> Result<&str, ClientError> {
    endpoint.ok_or(ClientError::Down("metadata", None))
}

impl Discovered {
    pub(super) fn metadata(&self) -> &Metadata {
        &self.published.metadata
    }

    /// What `iss` has to be in a token whose `tid` is this.
    pub(super) fn issuer(&self, tenant: Option<&str>) -> Option<Cow<'_, str>> {
        let issuer = self.metadata().issuer.as_str();
        if let Some(issuer) = exact_issuer(issuer, &self.rule) {
            return Some(Cow::Borrowed(issuer));
        }
        let tenant = tenant.filter(|tenant| is_tenant(tenant))?;
        Some(Cow::Owned(issuer.replacen(TEMPLATE, tenant, 1)))
    }

    /// The same, as the crate wants it.
    pub(super) fn issuer_url(&self, tenant: Option<&str>) -> Option<IssuerUrl> {
        let url = || IssuerUrl::new(self.issuer(tenant)?.into_owned()).ok();
        self.issuer_url.clone().or_else(url)
    }

    /// Whether its tokens' issuer depends on their tenant.
    pub(super) fn has_tenants(&self) -> bool {
        self.rule == IssuerRule::Tenant
    }

    /// Whether this is an issuer whose tokens are accepted here, whoever the tenant.
    pub(super) fn is_issuer(&self, named: &str) -> bool {
        let issuer = self.metadata().issuer.as_str();
        match issuer.split_once(TEMPLATE) {
            Some((before, after)) if self.rule == IssuerRule::Tenant => named
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after))
                .is_some_and(is_tenant),
            _ => named == issuer,
        }
    }
}

/// The issuer, where it does not depend on the tenant.
fn exact_issuer<'a>(issuer: &'a str, rule: &IssuerRule) -> Option<&'a str> {
    let is_exact = *rule == IssuerRule::Exact || !issuer.contains(TEMPLATE);
    is_exact.then_some(issuer)
}

/// One name, so that no tenant writes itself another issuer.
fn is_tenant(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
