//! API keys of the host's own: it makes, keeps and checks them; here they stand beside tokens on the same routes.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;

use super::refused::{InvalidToken, Refusal, TokenRefused};
use super::{ResourceWing, ScopeRequirement, ScopeSet};

/// The header for a key alone; `Authorization: Bearer` is the other place.
const HEADER: &str = "x-api-key";

/// A key that was recognized: whose it is and what it may. The key itself is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name in the host's records, which may be shown and logged.
    pub id: String,
    /// Whom or what it acts for.
    pub subject: String,
    /// What it may; the same words, with the same wildcards, as a token's.
    pub scopes: ScopeSet,
}

/// Why a key could not be looked up. It is logged, so the key must not be in it.
pub type ApiKeyError = Box<dyn Error + Send + Sync>;

/// The host's API keys.
///
/// A key is at least 128 random bits behind a prefix of the host's own (`acme_live_…`), and only its digest is kept:
/// whoever reads the table then holds no key, and a look-up by digest leaks nothing by its time.
#[async_trait]
pub trait ApiKeys: Send + Sync + 'static {
    /// Whether this text is a key by its looks, which is its prefix. Decides alone where a bearer credential goes: one
    /// that is recognized is never taken for a token, nor sent to an issuer, and any other never reaches
    /// [`find`](Self::find). A prefix without a dot cannot be the start of a JWT.
    fn recognizes(&self, presented: &str) -> bool;

    /// The key, if there is one like this and it is still good. Only called with what is recognized.
    ///
    /// # Errors
    /// A store that cannot answer: the request is answered with 503, never taken for one without a key.
    async fn find(&self, presented: &str) -> Result<Option<ApiKey>, ApiKeyError>;
}

/// The keys among the settings.
#[derive(Clone)]
pub(super) struct KeyStore(pub(super) Arc<dyn ApiKeys>);

impl fmt::Debug for KeyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeys")
    }
}

impl ResourceWing {
    /// Whether a bearer credential is a key.
    pub(super) fn is_api_key(&self, presented: &str) -> bool {
        let keys = self.settings.api_keys.as_ref();
        keys.is_some_and(|keys| keys.0.recognizes(presented))
    }

    /// What `X-API-Key` holds. To a host without keys the header means nothing.
    pub(super) fn key_header<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<Option<&'h str>, Refusal> {
        if self.settings.api_keys.is_none() {
            return Ok(None);
        }
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Refusal::InvalidRequest(
                "There is more than one X-API-Key header.",
            ));
        }
        match value.to_str() {
            Ok(key) if !key.is_empty() => Ok(Some(key)),
            _ => Err(Refusal::InvalidRequest(
                "The X-API-Key header must be one API key.",
            )),
        }
    }

    /// The key behind what was presented as one.
    pub(crate) async fn api_key(&self, presented: &str) -> Result<ApiKey, TokenRefused> {
        let found = match &self.settings.api_keys {
            Some(keys) if keys.0.recognizes(presented) => keys.0.find(presented).await,
            _ => Ok(None),
        };
        let refusal = match found {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => InvalidToken::UnknownApiKey.into(),
            Err(error) => {
                tracing::error!(
                    error = &*error as &dyn Error,
                    "an API key could not be looked up"
                );
                Refusal::Unavailable
            }
        };
        Err(self.refuse(refusal, self.core.clock.now()).await)
    }

    /// Whether the key has the scopes.
    pub(crate) async fn require_key_scope(
        &self,
        key: &ApiKey,
        requirement: &ScopeRequirement,
    ) -> Result<(), TokenRefused> {
        if requirement.is_met_by(&key.scopes) {
            return Ok(());
        }
        let scope = requirement.sufficient().to_string();
        let refusal = Refusal::InsufficientScope { scope };
        Err(self.refuse(refusal, self.core.clock.now()).await)
    }
}
