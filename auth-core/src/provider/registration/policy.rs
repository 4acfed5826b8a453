//! What an operator lets be registered.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::provider::error::OAuthError;
use crate::provider::scope::is_standard;
use crate::store::Client;

/// A registration, or a client's change of its own, before it is checked and written.
pub struct RegistrationReview<'r> {
    /// What the client asks for, the claims of its software statement included. May be changed; whatever it is then is
    /// checked like a client's own words, so members may still be of any JSON type here.
    pub metadata: &'r mut Map<String, Value>,
    /// The claims of a software statement that was believed (RFC 7591 §2.3).
    pub statement: Option<&'r Map<String, Value>>,
    /// Nobody vouched for it: it was registered without an initial access token.
    pub open: bool,
    /// The client as it is, when it changes itself.
    pub client: Option<&'r Client>,
    /// Whether it becomes the operator's own app. Off unless the policy sets it, or set it before.
    pub first_party: bool,
}

/// Decides about registrations. A false positive gives a stranger's app what it asked for.
#[async_trait]
pub trait RegistrationPolicy: Send + Sync + 'static {
    /// Passes, changes or refuses. An error goes to the client as it is: `invalid_client_metadata` or
    /// `invalid_redirect_uri` (RFC 7591 §3.2.2), or `access_denied`.
    async fn review(&self, review: &mut RegistrationReview<'_>) -> Result<(), OAuthError>;
}

/// The default: whom nobody vouched for gets no `client_credentials`, and nobody a scope beyond the standard ones and
/// those named here.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct StandardRegistrationPolicy {
    scopes: BTreeSet<String>,
}

impl StandardRegistrationPolicy {
    /// Scopes that may be registered beside the standard ones.
    pub fn scopes(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes.extend(names.into_iter().map(Into::into));
        self
    }
}

#[async_trait]
impl RegistrationPolicy for StandardRegistrationPolicy {
    async fn review(&self, review: &mut RegistrationReview<'_>) -> Result<(), OAuthError> {
        let grants = review.metadata.get("grant_types");
        let grants = grants.and_then(Value::as_array).into_iter().flatten();
        if review.open && grants.into_iter().any(|own| own == "client_credentials") {
            return Err(OAuthError::invalid_client_metadata(
                "grant_types may have client_credentials with an initial access token only",
            ));
        }
        // RFC 7591 §2: "the authorization server MAY register a client with a default set of scopes", and §3.2.1: what
        // was replaced stands in the answer.
        if let Some(Value::String(scope)) = review.metadata.get_mut("scope") {
            let may = |name: &&str| is_standard(name) || self.scopes.contains(*name);
            let kept: Vec<_> = scope.split(' ').filter(may).collect();
            if kept.is_empty() {
                return Err(OAuthError::invalid_client_metadata(
                    "scope has none that this client may have",
                ));
            }
            *scope = kept.join(" ");
        }
        Ok(())
    }
}
