//! Which credential of a request counts: the one in a header, and only without one the token in the host's cookie.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use super::refused::{InvalidToken, Refusal, TokenRefused};
use super::{AccessToken, ResourceWing, bearer};
use crate::web::session_token;

/// A credential in a header, not yet looked at. No `Debug`: it is a secret.
pub(crate) enum HeaderCredential<'h> {
    /// An access token.
    Token,
    /// The token of a bearer session, which is the login wing's.
    Session,
    /// An API key.
    ApiKey(&'h str),
}

impl ResourceWing {
    /// The credential in a header, if there is one. Two are refused (RFC 6750 §3.1): which of them was meant is not
    /// for us to guess.
    pub(crate) async fn header_credential<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<Option<HeaderCredential<'h>>, TokenRefused> {
        match self.read_header_credential(headers) {
            Ok(credential) => Ok(credential),
            Err(refusal) => Err(self.refuse(refusal, self.core.clock.now()).await),
        }
    }

    fn read_header_credential<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<Option<HeaderCredential<'h>>, Refusal> {
        if let Some(key) = self.key_header(headers)? {
            if headers.contains_key(AUTHORIZATION) {
                return Err(Refusal::InvalidRequest(
                    "Send one credential: either Authorization or X-API-Key.",
                ));
            }
            return Ok(Some(HeaderCredential::ApiKey(key)));
        }
        match bearer::token(headers) {
            Ok(_) if session_token(headers).is_some() => Ok(Some(HeaderCredential::Session)),
            Ok(token) if self.is_api_key(token) => Ok(Some(HeaderCredential::ApiKey(token))),
            Ok(_) => Ok(Some(HeaderCredential::Token)),
            Err(Refusal::MissingToken) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether a token in the cookie is what the request goes by: there is one, and no credential in a header.
    pub(crate) fn goes_by_cookie(&self, headers: &HeaderMap) -> bool {
        let has_cookie = self.cookie_values(headers).next().is_some();
        has_cookie && matches!(self.read_header_credential(headers), Ok(None))
    }

    /// The access token in the cookie, verified. Whoever asks has made sure that a page of this origin sent it, where
    /// the request may change something.
    pub(crate) async fn cookie_token(
        &self,
        headers: &HeaderMap,
    ) -> Result<AccessToken, TokenRefused> {
        let now = self.core.clock.now();
        let mut values = self.cookie_values(headers);
        // Two of one name: a neighbouring site of the same domain may have set the other.
        let token = match (values.next(), values.next()) {
            (None, _) => Err(Refusal::MissingToken),
            (Some(value), None) => bearer::b64token(value).ok_or(InvalidToken::Malformed.into()),
            (Some(_), Some(_)) => Err(InvalidToken::Malformed.into()),
        };
        let verified = match token {
            Ok(token) => self.verify(token, now).await,
            Err(refusal) => Err(refusal),
        };
        match verified {
            Ok(token) => Ok(token),
            Err(refusal) => Err(self.refuse(refusal, now).await),
        }
    }

    /// An empty value is what some frameworks leave of a cookie they cleared.
    fn cookie_values<'h>(&'h self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h [u8]> {
        let pairs = headers.get_all(COOKIE).iter();
        let pairs = pairs.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        let name = self.settings.token_cookie.as_deref();
        pairs.filter_map(move |pair| {
            let value = pair.trim_ascii().strip_prefix(name?.as_bytes())?;
            value.strip_prefix(b"=").filter(|value| !value.is_empty())
        })
    }
}
