//! `UserInfo` (OpenID Connect Core §5.3), with bearer tokens as RFC 6750 says.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::ProviderWing;
use super::code::{GrantDetails, internal};
use super::error::OAuthError;
use super::tokens::{EncryptedResponse, Target};
use crate::ground::Timestamp;
use crate::ground::jose::Algorithm;
use crate::store::Client;
use crate::web::{Exchange, Response, empty, json};

impl ProviderWing {
    /// `GET` and `POST /userinfo`.
    pub(super) async fn userinfo(&self, exchange: &mut Exchange<'_>) -> Response {
        let token = match presented_token(exchange) {
            Ok(Some(token)) => token,
            // RFC 6750 §3.1: a request without a token is told no more than the scheme.
            Ok(None) => return challenge(empty(StatusCode::UNAUTHORIZED), None),
            Err(error) => return challenge(error.respond(), Some(&error)),
        };
        match self.answer_userinfo(exchange, &token).await {
            Ok(response) => response,
            Err(error) if error.status.is_server_error() => error.respond(),
            Err(error) => challenge(error.respond(), Some(&error)),
        }
    }

    async fn answer_userinfo(
        &self,
        exchange: &Exchange<'_>,
        token: &str,
    ) -> Result<Response, OAuthError> {
        let (client, claims) = self.claims_for(exchange, token).await?;
        let now = exchange.now;
        let (cty, plaintext) = match self.sign_userinfo(&client, &claims, now).await? {
            Some(signed) => (Some("JWT"), signed.into_bytes()),
            None => (None, serde_json::to_vec(&claims).map_err(internal)?),
        };
        let kind = EncryptedResponse::UserInfo;
        let encrypted = self.encrypt_to(&client, kind, cty, &plaintext, now).await?;
        Ok(match (encrypted, cty) {
            (Some(encrypted), _) => jwt(encrypted.into_bytes()),
            (None, Some(_)) => jwt(plaintext),
            (None, None) => json(StatusCode::OK, &claims),
        })
    }

    /// Signs the answer if the client registered `userinfo_signed_response_alg`; `None` if it did not.
    ///
    /// Without `exp` and `typ` it passes for no ID token, neither at the client nor here as a hint.
    async fn sign_userinfo(
        &self,
        client: &Client,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Option<String>, OAuthError> {
        let member = client.metadata.get("userinfo_signed_response_alg");
        let Some(name) = member.filter(|name| !name.is_null()) else {
            return Ok(None);
        };
        // Validated at registration; a host's registry may still say anything, which is never a wish for plain JSON.
        let algorithm = name.as_str().and_then(Algorithm::parse);
        let algorithm = algorithm.filter(|own| self.keys.algorithms().contains(own));
        let algorithm = algorithm.ok_or_else(|| {
            OAuthError::invalid_request(
                "the client registered an unknown userinfo_signed_response_alg",
            )
        })?;
        let key = self.keys.active(algorithm, now).await?;
        // §5.3.2: who says so, and to whom.
        let mut claims = claims.clone();
        claims.insert("iss".to_owned(), self.core.base.issuer().into());
        claims.insert("aud".to_owned(), client.client_id.as_str().into());
        key.sign_compact(None, &claims).map(Some).map_err(internal)
    }

    async fn claims_for(
        &self,
        exchange: &Exchange<'_>,
        token: &str,
    ) -> Result<(Client, Map<String, Value>), OAuthError> {
        let refused = || OAuthError::invalid_token("the access token is not valid");
        let verified = self.verify_access_token(token, exchange.now).await?;
        let claims = verified.claims();
        // A client's own token has no grant: there is no user to speak of.
        let grant = verified.grant().filter(|_| claims.has_scope("openid"));
        let grant = grant.ok_or_else(|| {
            OAuthError::insufficient_scope("the access token does not have the scope openid")
        })?;
        if !self.accounts.is_active(&grant.subject).await? {
            return Err(refused());
        }
        let client = self.registry.client(&grant.client_id).await?;
        let client = client.ok_or_else(refused)?;
        // A token may have fewer scopes than its grant (RFC 6749 §6).
        let scopes = claims.scope.split(' ').map(str::to_owned).collect();
        let details = GrantDetails::of(grant);
        let mut account = self
            .account_claims(grant, &scopes, details.claims.as_ref(), Target::UserInfo)
            .await?
            .ok_or_else(refused)?;
        account.insert("sub".to_owned(), Value::String(claims.sub.clone()));
        Ok((client, account))
    }
}

/// RFC 7519 §10.3.1.
fn jwt(token: Vec<u8>) -> Response {
    let mut response = Response::new(Bytes::from(token));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
    response
}

/// The one token of a request (RFC 6750 §2: "MUST NOT use more than one method"). A token in the query is none: it would
/// stand in logs (RFC 9700 §4.3.2).
fn presented_token(exchange: &Exchange<'_>) -> Result<Option<String>, OAuthError> {
    let in_header = bearer_header(exchange)?;
    let has_form =
        exchange.parts.method == Method::POST && exchange.header(CONTENT_TYPE).is_some_and(is_form);
    let in_body = if has_form {
        let params = exchange.form()?;
        params.refuse_repeated(&[])?;
        params.get("access_token").map(str::to_owned)
    } else {
        None
    };
    match (in_header, in_body) {
        (Some(_), Some(_)) => Err(OAuthError::invalid_request(
            "the request carries more than one access token",
        )),
        (in_header, in_body) => Ok(in_header.or(in_body)),
    }
}

fn is_form(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

pub(super) fn bearer_header(exchange: &Exchange<'_>) -> Result<Option<String>, OAuthError> {
    let mut values = exchange.headers().get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(OAuthError::invalid_request(
            "the request has more than one Authorization header",
        ));
    }
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned());
    Ok(token.filter(|token| !token.is_empty()))
}

/// RFC 6750 §3. Descriptions are plain ASCII without quotes, so they stand in a quoted string as they are.
fn challenge(mut response: Response, error: Option<&OAuthError>) -> Response {
    let mut text = "Bearer realm=\"userinfo\"".to_owned();
    if let Some(OAuthError {
        error, description, ..
    }) = error
    {
        text = format!("{text}, error=\"{error}\", error_description=\"{description}\"");
        if *error == "insufficient_scope" {
            text.push_str(", scope=\"openid\"");
        }
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}
