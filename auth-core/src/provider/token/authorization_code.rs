//! `grant_type=authorization_code` (RFC 6749 §4.1.3, RFC 7636 §4.5).

use super::TokenRequest;
use crate::ground::{Digest32, Timestamp};
use crate::provider::ProviderWing;
use crate::provider::client::ClientMetadata as _;
use crate::provider::error::OAuthError;
use crate::provider::scope;
use crate::provider::tokens::Issued;
use crate::store::{Grant, RefreshToken};
use crate::web::{Exchange, Response};

impl ProviderWing {
    pub(super) async fn grant_authorization_code(
        &self,
        exchange: &Exchange<'_>,
        request: &TokenRequest<'_>,
    ) -> Result<Response, OAuthError> {
        let (client, params, now) = (request.client, request.params, exchange.now);
        let grant = self
            .redeem_code(
                client,
                request.require("code")?,
                params.get("redirect_uri"),
                params.get("code_verifier"),
                now,
            )
            .await?;
        self.require_active_subject(&grant, now).await?;
        let refresh_token = if client.client().allows_grant("refresh_token") {
            Some(self.start_refresh_family(&grant, now).await?)
        } else {
            None
        };
        let issued = Issued {
            client,
            grant: &grant,
            scope: &scope::join(&grant.scopes),
            refresh_token: refresh_token.as_deref(),
            grant_type: "authorization_code",
        };
        self.respond_with_tokens(exchange, &issued).await
    }

    /// Refuses to serve a disabled or deleted account, and ends the grant with every token of it (threat 14).
    pub(super) async fn require_active_subject(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        if self.accounts.is_active(&grant.subject).await? {
            return Ok(());
        }
        self.core.stores.grants.revoke_grant(&grant.id, now).await?;
        Err(OAuthError::invalid_grant("the account is not available"))
    }

    /// The first refresh token of a grant. A replay of the code may have revoked the grant since it was redeemed.
    async fn start_refresh_family(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let secret = self.core.random.secret();
        let token = RefreshToken {
            digest: Digest32::of(&secret),
            grant_id: grant.id.clone(),
            created_at: now,
            expires_at: self.refresh_expiry(grant, now),
            successor: None,
        };
        // The last access token of the family may be issued at its very end.
        let grant_expires_at =
            grant.created_at + self.settings.refresh_absolute + self.settings.access_token_life;
        let grants = &self.core.stores.grants;
        if grants
            .start_refresh_family(&token, grant_expires_at, now)
            .await?
        {
            Ok(secret)
        } else {
            Err(OAuthError::invalid_grant(
                "the authorization code is not valid",
            ))
        }
    }

    /// When a refresh token made now ends: when it is not used for a while, and never later than its family.
    pub(super) fn refresh_expiry(&self, grant: &Grant, now: Timestamp) -> Timestamp {
        let idle = now + self.settings.refresh_idle;
        idle.min(grant.created_at + self.settings.refresh_absolute)
    }
}
