//! Requests to the token endpoint, on the `openidconnect` crate.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreGenderClaim, CoreJweContentEncryptionAlgorithm,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
};
use openidconnect::{
    AuthorizationCode, ClientId, EmptyAdditionalClaims, EndpointNotSet, EndpointSet, IssuerUrl,
    JsonWebKeySet, PkceCodeVerifier, RedirectUrl, RefreshToken, TokenUrl,
};

use super::client_auth::Parameters;
use super::error::{TokenError, of_token};
use super::key::ProviderKey;
use super::metadata::Discovered;
use super::token_answer::TokenAnswer;
use super::transport::Transport;
use super::{AttemptSecrets, Client, ClientError};
use crate::ground::{Random, Timestamp};
use crate::login::federation::upstream::Protocol;

/// The crate's client, with keys and answers of ours.
pub(super) type TokenClient<TokenEndpoint = EndpointSet> = openidconnect::Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    ProviderKey,
    CoreAuthPrompt,
    TokenError,
    TokenAnswer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    TokenEndpoint,
    EndpointNotSet,
>;

impl Client {
    /// Redeems a code (RFC 6749 §4.1.3).
    pub(super) async fn exchange_code(
        &self,
        discovered: Option<&Discovered>,
        secrets: &AttemptSecrets,
        code: &str,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<TokenAnswer, ClientError> {
        let (client, parameters) = self.proving_client(discovered, random, now)?;
        let mut request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        if self.upstream.uses_pkce {
            let verifier = PkceCodeVerifier::new(secrets.code_verifier.clone());
            request = request.set_pkce_verifier(verifier);
        }
        for (name, value) in parameters {
            request = request.add_extra_param(name, value);
        }
        let transport = Transport(&self.outbound);
        let answer = request.request_async(&transport).await;
        answer.map_err(of_token)
    }

    /// Redeems a refresh token (RFC 6749 §6).
    pub(super) async fn exchange_refresh_token(
        &self,
        discovered: Option<&Discovered>,
        refresh_token: &str,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<TokenAnswer, ClientError> {
        let (client, parameters) = self.proving_client(discovered, random, now)?;
        let refresh_token = RefreshToken::new(refresh_token.to_owned());
        let mut request = client.exchange_refresh_token(&refresh_token);
        for (name, value) in parameters {
            request = request.add_extra_param(name, value);
        }
        let transport = Transport(&self.outbound);
        let answer = request.request_async(&transport).await;
        answer.map_err(of_token)
    }

    /// The crate's client with what proves who it is: part of that are parameters to add to a request.
    fn proving_client(
        &self,
        discovered: Option<&Discovered>,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<(TokenClient, Parameters), ClientError> {
        let endpoint = self.token_endpoint(discovered)?;
        let proof = self.proof(endpoint, random, now)?;
        let client = match discovered {
            Some(discovered) => discovered.token_client.clone(),
            None => self.token_client(endpoint).ok(),
        };
        let client = client.ok_or(ClientError::Down("metadata", None))?;
        let mut client = client.set_auth_type(proof.auth_type);
        if let Some(secret) = proof.secret {
            client = client.set_client_secret(secret);
        }
        Ok((client, proof.parameters))
    }

    /// The crate's client of this token endpoint.
    pub(super) fn token_client(&self, endpoint: &str) -> Result<TokenClient, url::ParseError> {
        let (Protocol::OpenId { issuer, .. } | Protocol::OAuth2 { issuer, .. }) =
            &self.upstream.protocol;
        // Only a name here: what is checked against it is checked elsewhere.
        let issuer = IssuerUrl::new(issuer.clone())?;
        let client_id = ClientId::new(self.upstream.client_id.clone());
        Ok(
            TokenClient::<EndpointNotSet>::new(client_id, issuer, JsonWebKeySet::default())
                .set_redirect_uri(RedirectUrl::new(self.redirect_uri.clone())?)
                .set_token_uri(TokenUrl::new(endpoint.to_owned())?),
        )
    }
}
