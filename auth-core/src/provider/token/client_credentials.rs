//! `grant_type=client_credentials` (RFC 6749 §4.4): a client acts for itself. Nothing is stored and there is no refresh
//! token (§4.4.3).

use super::TokenRequest;
use crate::provider::ProviderWing;
use crate::provider::client::ClientMetadata as _;
use crate::provider::error::OAuthError;
use crate::provider::scope::{Scopes, is_standard};
use crate::services::Event;
use crate::store::Client;
use crate::web::{Exchange, Response};

impl ProviderWing {
    pub(super) async fn grant_client_credentials(
        &self,
        exchange: &Exchange<'_>,
        request: &TokenRequest<'_>,
    ) -> Result<Response, OAuthError> {
        let client = request.client;
        // §4.4: "MUST only be used by confidential clients".
        if !client.is_confidential() {
            return Err(OAuthError::unauthorized_client(
                "client_credentials is for confidential clients",
            ));
        }
        let scope = scope(
            &self.settings.scopes,
            client.client(),
            request.params.get("scope"),
        )?;
        let response = self
            .respond_with_client_token(client.client(), &scope, exchange.now)
            .await?;
        let event = Event::TokensIssued {
            client: client.id().clone(),
            subject: None,
            grant: None,
            grant_type: "client_credentials",
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(response)
    }
}

/// The scopes of the token: those asked for, or all the client is registered for. The standard ones speak about a
/// person, and there is none: asked for they are refused, registered ones are left out.
fn scope(known: &Scopes, client: &Client, requested: Option<&str>) -> Result<String, OAuthError> {
    let registered = client.scope().unwrap_or_default();
    let may_have = |name: &str| {
        !is_standard(name)
            && known.description(name).is_some()
            && registered.split(' ').any(|own| own == name)
    };
    let mut granted = String::new();
    for name in requested.unwrap_or(registered).split(' ') {
        if may_have(name) {
            if granted.split(' ').any(|other| other == name) {
                continue;
            }
            if !granted.is_empty() {
                granted.push(' ');
            }
            granted.push_str(name);
        } else if requested.is_some() && !name.is_empty() {
            return Err(OAuthError::invalid_scope(
                "the client may not have one of the scopes for itself",
            ));
        }
    }
    Ok(granted)
}
