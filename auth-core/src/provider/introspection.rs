//! Token introspection (RFC 7662).
//!
//! Who may ask: confidential clients, each about the tokens issued to it; the operator's own (`first_party`) about
//! every token of this provider, as a resource server must. That mark is an operator's decision and never metadata, so
//! no client gives it to itself. About any other token the answer is the one for a token that does not exist
//! (§2.2, §4: no scanning for tokens).

use http::StatusCode;
use serde::Serialize;

use super::ProviderWing;
use super::client_auth::AuthenticatedClient;
use super::code::GrantDetails;
use super::error::OAuthError;
use super::scope;
use super::tokens::VerifiedAccessToken;
use crate::ground::{Digest32, Timestamp};
use crate::store::{ClientId, Grant, RefreshToken, SessionId};
use crate::web::{Exchange, Response, json};

/// RFC 7662 §2.2, with `acr` and `auth_time` of RFC 9470 §6.2. Inactive is `active` alone.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Introspection<'a> {
    active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    token: Option<ActiveToken<'a>>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct ActiveToken<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    exp: i64,
    iat: i64,
    sub: &'a str,
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
}

impl ProviderWing {
    /// `POST /introspect`.
    pub(super) async fn introspect(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.answer_introspection(exchange).await {
            Ok(response) => response,
            Err(error) => error.respond(),
        }
    }

    async fn answer_introspection(&self, exchange: &Exchange<'_>) -> Result<Response, OAuthError> {
        let params = exchange.form()?;
        params.refuse_repeated(&[])?;
        let client = self.authenticate(exchange, &params).await?;
        // §2.1: "the server MUST also require some form of authorization". A public client proves nothing.
        if !client.is_confidential() {
            return Err(OAuthError::invalid_client("client authentication failed"));
        }
        let token = params
            .get("token")
            .ok_or_else(|| OAuthError::invalid_request("the parameter token is missing"))?;
        // Whatever `token_type_hint` says (§2.1): the two kinds cannot be taken for each other.
        if token.contains('.') {
            self.introspect_access_token(&client, token, exchange.now)
                .await
        } else {
            self.introspect_refresh_token(&client, token, exchange.now)
                .await
        }
    }

    async fn introspect_access_token(
        &self,
        client: &AuthenticatedClient,
        token: &str,
        now: Timestamp,
    ) -> Result<Response, OAuthError> {
        let verified = match self.verify_access_token(token, now).await {
            Ok(verified) => verified,
            Err(error) if error.error == "invalid_token" => return Ok(inactive()),
            Err(error) => return Err(error),
        };
        let claims = verified.claims();
        if !may_see(client, &claims.client_id) || !self.is_usable(&verified).await? {
            return Ok(inactive());
        }
        let issuer = self.core.base.issuer();
        Ok(active(ActiveToken {
            scope: &claims.scope,
            client_id: claims.client_id.as_str(),
            token_type: Some("Bearer"),
            exp: claims.exp,
            iat: claims.iat,
            sub: &claims.sub,
            iss: issuer,
            aud: Some(issuer),
            jti: Some(&claims.jti),
            auth_time: claims.auth_time,
            acr: claims.acr.as_deref(),
            amr: &claims.amr,
            sid: claims.sid.as_deref(),
        }))
    }

    /// The account behind a user's token may be used (threat 14).
    async fn is_usable(&self, token: &VerifiedAccessToken) -> Result<bool, OAuthError> {
        match token.grant() {
            Some(grant) => Ok(self.accounts.is_active(&grant.subject).await?),
            None => Ok(true),
        }
    }

    async fn introspect_refresh_token(
        &self,
        client: &AuthenticatedClient,
        token: &str,
        now: Timestamp,
    ) -> Result<Response, OAuthError> {
        let digest = Digest32::of(token);
        let Some((token, grant)) = self.core.stores.grants.refresh_token(&digest).await? else {
            return Ok(inactive());
        };
        let usable = may_see(client, &grant.client_id)
            && counts(&token, &grant, now)
            && self.accounts.is_active(&grant.subject).await?
            && self.is_in_session(&grant).await?;
        if !usable {
            return Ok(inactive());
        }
        let details = GrantDetails::of(&grant);
        Ok(active(ActiveToken {
            scope: &scope::join(&grant.scopes),
            client_id: grant.client_id.as_str(),
            exp: token.expires_at.seconds(),
            iat: token.created_at.seconds(),
            sub: &self.subject_of_grant(&grant).await?,
            iss: self.core.base.issuer(),
            auth_time: Some(details.auth_time),
            acr: details.acr.as_deref(),
            amr: &details.amr,
            sid: grant.session_id.as_ref().map(SessionId::as_str),
            ..ActiveToken::default()
        }))
    }
}

/// A used one is not active, also while a retry would still be answered.
fn counts(token: &RefreshToken, grant: &Grant, now: Timestamp) -> bool {
    grant.is_live(now) && now < token.expires_at && token.successor.is_none()
}

fn may_see(asking: &AuthenticatedClient, issued_to: &ClientId) -> bool {
    asking.client().first_party || asking.id() == issued_to
}

fn active(token: ActiveToken<'_>) -> Response {
    json(
        StatusCode::OK,
        &Introspection {
            active: true,
            token: Some(token),
        },
    )
}

/// §2.2: nothing beside `active`, whatever the reason.
fn inactive() -> Response {
    json(StatusCode::OK, &Introspection::default())
}
