//! The token endpoint's answer (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use serde::Serialize;

use super::access_token::AccessTokenRequest;
use super::claims::Target;
use super::id_token::IdTokenRequest;
use crate::ground::Timestamp;
use crate::provider::ProviderWing;
use crate::provider::client_auth::AuthenticatedClient;
use crate::provider::code::GrantDetails;
use crate::provider::error::OAuthError;
use crate::services::Event;
use crate::store::{Client, Grant};
use crate::web::{Exchange, Response, json};

/// What a grant type has decided to issue to a user's client.
pub(in crate::provider) struct Issued<'a> {
    pub client: &'a AuthenticatedClient,
    pub grant: &'a Grant,
    /// Scopes of this answer: the grant's, or fewer.
    pub scope: &'a str,
    pub refresh_token: Option<&'a str>,
    pub grant_type: &'static str,
}

/// The body. No `Debug`: it is all credentials.
#[derive(Serialize)]
pub(in crate::provider) struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

impl TokenResponse<'_> {
    fn respond(&self) -> Response {
        let mut response = json(StatusCode::OK, self);
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            HeaderName::from_static("pragma"),
            HeaderValue::from_static("no-cache"),
        );
        response
    }
}

impl ProviderWing {
    /// Signs the tokens of a user's grant and answers with them.
    pub(in crate::provider) async fn respond_with_tokens(
        &self,
        exchange: &Exchange<'_>,
        issued: &Issued<'_>,
    ) -> Result<Response, OAuthError> {
        let Issued { client, grant, .. } = issued;
        let now = exchange.now;
        let details = GrantDetails::of(grant);
        let request = AccessTokenRequest {
            client: client.client(),
            scope: issued.scope,
            grant: Some((grant, &details)),
        };
        let access_token = self.sign_access_token(&request, now).await?;
        let id_token = if issued.scope.split(' ').any(|scope| scope == "openid") {
            let request = IdTokenRequest {
                client: client.client(),
                grant,
                details: &details,
                access_token: Some(&access_token),
                code: None,
                target: Target::IdToken,
                with_nonce: issued.grant_type == "authorization_code",
            };
            Some(self.sign_id_token(&request, now).await?)
        } else {
            None
        };
        let event = Event::TokensIssued {
            client: client.id().clone(),
            subject: Some(grant.subject.clone()),
            grant: Some(grant.id.clone()),
            grant_type: issued.grant_type,
        };
        self.core.emit(now, exchange.address, event).await;
        let mut body = self.bearer(&access_token, issued.scope);
        body.refresh_token = issued.refresh_token;
        body.id_token = id_token.as_deref();
        Ok(body.respond())
    }

    /// Signs a token of the client's own and answers with it. Writes nothing.
    pub(in crate::provider) async fn respond_with_client_token(
        &self,
        client: &Client,
        scope: &str,
        now: Timestamp,
    ) -> Result<Response, OAuthError> {
        let request = AccessTokenRequest {
            client,
            scope,
            grant: None,
        };
        let access_token = self.sign_access_token(&request, now).await?;
        Ok(self.bearer(&access_token, scope).respond())
    }

    fn bearer<'a>(&self, access_token: &'a str, scope: &'a str) -> TokenResponse<'a> {
        TokenResponse {
            access_token,
            token_type: "Bearer",
            expires_in: self.settings.access_token_life.as_secs(),
            refresh_token: None,
            id_token: None,
            scope,
        }
    }
}
