//! ID tokens (OpenID Connect Core §2).

use serde::Serialize;
use serde_json::{Map, Value};

use super::claims::Target;
use super::encrypt::EncryptedResponse;
use crate::ground::Timestamp;
use crate::ground::jose::{Algorithm, left_half_hash};
use crate::provider::ProviderWing;
use crate::provider::client::ClientMetadata as _;
use crate::provider::code::{GrantDetails, internal};
use crate::provider::error::OAuthError;
use crate::store::{Client, Grant, SessionId};

/// What an ID token is made of.
pub(in crate::provider) struct IdTokenRequest<'a> {
    pub client: &'a Client,
    pub grant: &'a Grant,
    pub details: &'a GrantDetails,
    /// What is given along with it, which it binds by `at_hash` and `c_hash`.
    pub access_token: Option<&'a str>,
    /// As `access_token`; only where both come from the authorization endpoint.
    pub code: Option<&'a str>,
    pub target: Target,
    /// Whether to repeat the `nonce`: a refreshed one leaves it out (§12.2).
    pub with_nonce: bool,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    /// Without any of the names above: [`ProviderWing::account_claims`] sees to that.
    #[serde(flatten)]
    account: Map<String, Value>,
}

impl ProviderWing {
    /// Signs an ID token with the client's `id_token_signed_response_alg`, and encrypts it if the client registered
    /// `id_token_encrypted_response_alg` (§2: signed, then encrypted).
    pub(in crate::provider) async fn sign_id_token(
        &self,
        request: &IdTokenRequest<'_>,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let IdTokenRequest {
            client,
            grant,
            details,
            ..
        } = request;
        let asked = details.claims.as_ref();
        let account = self
            .account_claims(grant, &grant.scopes, asked, request.target)
            .await?
            .ok_or_else(|| OAuthError::invalid_grant("the account is not available"))?;
        let subject = self.subject_for(client, &grant.subject).await?;
        let algorithm = id_token_algorithm(client);
        let key = self.keys.active(algorithm, now).await?;
        let half_hash = |value: Option<&str>| value.map(|value| left_half_hash(algorithm, value));
        let claims = NewClaims {
            iss: self.core.base.issuer(),
            sub: &subject,
            aud: client.client_id.as_str(),
            exp: (now + self.settings.id_token_life).seconds(),
            iat: now.seconds(),
            auth_time: details.auth_time,
            nonce: details.nonce.as_deref().filter(|_| request.with_nonce),
            at_hash: half_hash(request.access_token),
            c_hash: half_hash(request.code),
            acr: details.acr.as_deref(),
            amr: &details.amr,
            sid: grant.session_id.as_ref().map(SessionId::as_str),
            account,
        };
        let signed = key.sign_compact(Some("JWT"), &claims).map_err(internal)?;
        let kind = EncryptedResponse::IdToken;
        let encrypted = self
            .encrypt_to(client, kind, Some("JWT"), signed.as_bytes(), now)
            .await?;
        Ok(encrypted.unwrap_or(signed))
    }
}

/// Validated at registration; a host's registry may still say anything, and gets the default (§2, RS256).
pub(in crate::provider) fn id_token_algorithm(client: &Client) -> Algorithm {
    client
        .text("id_token_signed_response_alg")
        .and_then(Algorithm::parse)
        .unwrap_or(Algorithm::Rs256)
}
