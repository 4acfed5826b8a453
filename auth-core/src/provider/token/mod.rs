//! The token endpoint (RFC 6749 §3.2).

mod authorization_code;
mod client_credentials;
mod refresh_token;

use super::ProviderWing;
use super::authorize::check_resource;
use super::client::ClientMetadata as _;
use super::client_auth::AuthenticatedClient;
use super::error::OAuthError;
use crate::web::{Exchange, Params, Response};

/// A token request whose client is known and may use the grant type.
struct TokenRequest<'a> {
    client: &'a AuthenticatedClient,
    params: &'a Params,
}

impl TokenRequest<'_> {
    /// A parameter that has to be there.
    fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.params
            .get(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("the parameter {name} is missing")))
    }
}

impl ProviderWing {
    /// `POST /token`.
    pub(super) async fn token(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.answer_token_request(exchange).await {
            Ok(response) => response,
            Err(error) => error.respond(),
        }
    }

    async fn answer_token_request(&self, exchange: &Exchange<'_>) -> Result<Response, OAuthError> {
        let params = exchange.form()?;
        // RFC 8707 §2 alone lets a parameter be repeated.
        params.refuse_repeated(&["resource"])?;
        let client = self.authenticate(exchange, &params).await?;
        check_resource(self.core.base.issuer(), &params)?;
        let grant_type = params
            .get("grant_type")
            .ok_or_else(|| OAuthError::invalid_request("the parameter grant_type is missing"))?;
        let request = TokenRequest {
            client: &client,
            params: &params,
        };
        let allowed = || {
            let error = "the client is not registered for this grant type";
            let registered = client.client().allows_grant(grant_type);
            registered
                .then_some(())
                .ok_or_else(|| OAuthError::unauthorized_client(error))
        };
        match grant_type {
            "authorization_code" => {
                allowed()?;
                self.grant_authorization_code(exchange, &request).await
            }
            "refresh_token" => {
                allowed()?;
                self.grant_refresh_token(exchange, &request).await
            }
            "client_credentials" => {
                allowed()?;
                self.grant_client_credentials(exchange, &request).await
            }
            _ => Err(OAuthError::unsupported_grant_type(
                "this grant type is not supported",
            )),
        }
    }
}
