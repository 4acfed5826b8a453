//! Token revocation (RFC 7009).

use http::StatusCode;

use super::ProviderWing;
use super::client_auth::AuthenticatedClient;
use super::error::OAuthError;
use crate::ground::Digest32;
use crate::services::Event;
use crate::store::GrantId;
use crate::web::{Exchange, Response, empty};

impl ProviderWing {
    /// `POST /revoke`.
    pub(super) async fn revoke(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.answer_revocation(exchange).await {
            Ok(()) => empty(StatusCode::OK),
            Err(error) => error.respond(),
        }
    }

    /// §2.2: a token that is unknown, or ended already, is as good as revoked.
    async fn answer_revocation(&self, exchange: &Exchange<'_>) -> Result<(), OAuthError> {
        let params = exchange.form()?;
        params.refuse_repeated(&[])?;
        let client = self.authenticate(exchange, &params).await?;
        let token = params
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("the parameter token is missing"))?;
        // Whatever `token_type_hint` says (§2.1): the two kinds cannot be taken for each other.
        let revoked = if token.contains('.') {
            self.revoke_one_access_token(exchange, &client, token)
                .await?
        } else {
            self.revoke_refresh_token(exchange, &client, token).await?
        };
        if let Some(grant) = revoked {
            let event = Event::TokenRevoked {
                client: client.id().clone(),
                grant,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        Ok(())
    }

    /// Ends this token alone; its grant, where it has one, goes on (§2.1 leaves that to the server).
    async fn revoke_one_access_token(
        &self,
        exchange: &Exchange<'_>,
        client: &AuthenticatedClient,
        token: &str,
    ) -> Result<Option<Option<GrantId>>, OAuthError> {
        let Ok(claims) = self.read_access_token(token, exchange.now).await else {
            return Ok(None);
        };
        if claims.client_id != *client.id() {
            return Err(not_yours());
        }
        self.revoke_access_token(&claims, exchange.now).await?;
        Ok(Some(claims.grant_id))
    }

    /// Ends the whole grant: its access tokens too (§2.1 "SHOULD").
    async fn revoke_refresh_token(
        &self,
        exchange: &Exchange<'_>,
        client: &AuthenticatedClient,
        token: &str,
    ) -> Result<Option<Option<GrantId>>, OAuthError> {
        let grants = &self.core.stores.grants;
        let Some((_, grant)) = grants.refresh_token(&Digest32::of(token)).await? else {
            return Ok(None);
        };
        if grant.client_id != *client.id() {
            return Err(not_yours());
        }
        let lived = grants.revoke_grant(&grant.id, exchange.now).await?;
        Ok(lived.then_some(Some(grant.id)))
    }
}

/// §2.1: "the request is refused and the client is informed of the error".
fn not_yours() -> OAuthError {
    OAuthError::unauthorized_client("the token was issued to another client")
}
