//! `UserInfo` (OpenID Connect Core §5.3), with bearer tokens as RFC 6750 says.

use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::Value;

use super::ProviderWing;
use super::code::GrantDetails;
use super::error::OAuthError;
use super::tokens::Target;
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
        match self.claims_for(exchange, &token).await {
            Ok(claims) => json(StatusCode::OK, &claims),
            Err(error) if error.status.is_server_error() => error.respond(),
            Err(error) => challenge(error.respond(), Some(&error)),
        }
    }

    async fn claims_for(&self, exchange: &Exchange<'_>, token: &str) -> Result<Value, OAuthError> {
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
        // A token may have fewer scopes than its grant (RFC 6749 §6).
        let scopes = claims.scope.split(' ').map(str::to_owned).collect();
        let details = GrantDetails::of(grant);
        let mut account = self
            .account_claims(grant, &scopes, details.claims.as_ref(), Target::UserInfo)
            .await?
            .ok_or_else(refused)?;
        account.insert("sub".to_owned(), Value::String(grant.subject.clone()));
        Ok(Value::Object(account))
    }
}

/// The one token of a request (RFC 6750 §2: "MUST NOT use more than one method"). A token in the query is none: it would
/// stand in logs (RFC 9700 §4.3.2).
fn presented_token(exchange: &Exchange<'_>) -> Result<Option<String>, OAuthError> {
    let in_header = bearer_header(exchange)?;
    let has_form = exchange.parts.method == Method::POST
        && exchange
            .header(http::header::CONTENT_TYPE)
            .is_some_and(is_form);
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

fn bearer_header(exchange: &Exchange<'_>) -> Result<Option<String>, OAuthError> {
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
