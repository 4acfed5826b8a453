//! Sessions of clients without a browser: the secret travels in the `Authorization` header (RFC 6750 §2.1) instead of a
//! cookie. No ambient credential, so no form token; everything else is as with cookies.

use http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::LoginWing;
use super::session_life::NewSession;
use crate::ground::Digest32;
use crate::ground::jose::parse_unique_object;
use crate::store::Session;
use crate::web::{
    CookieJar, CookieName, Exchange, ParamsError, Problem, SESSION_TOKEN_PREFIX, session_token,
};

/// What carries a session's secret. Part of its digest, so that the value of a cookie is no bearer token, nor the
/// reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Carrier {
    Cookie,
    Bearer,
}

impl Carrier {
    /// The digest a secret stands in the store by.
    pub(super) fn digest(self, secret: &str) -> Digest32 {
        match self {
            Self::Cookie => Digest32::of(secret),
            Self::Bearer => Digest32::of_parts(&[b"bearer session", secret.as_bytes()]),
        }
    }

    /// The credential: the id finds the session, the secret proves that it is this client's.
    pub(super) fn credential(self, session: &Session, secret: &str) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Cookie => format!("{}.{secret}", session.id),
            Self::Bearer => format!("{SESSION_TOKEN_PREFIX}{}.{secret}", session.id),
        })
    }
}

/// Takes the one credential of a session that a request has; two are refused, as which of them was meant is not for us
/// to guess.
fn credential<'h>(
    jar: &CookieJar,
    headers: &'h HeaderMap,
) -> Result<Option<(Carrier, &'h str)>, Problem> {
    let cookie = jar.read(headers, CookieName::Session);
    match (cookie, session_token(headers)) {
        (None, None) => Ok(None),
        (Some(cookie), None) => Ok(Some((Carrier::Cookie, cookie))),
        (None, Some(token)) => {
            let token = token.strip_prefix(SESSION_TOKEN_PREFIX);
            Ok(token.map(|token| (Carrier::Bearer, token)))
        }
        (Some(_), Some(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "two_credentials",
            "Send one credential: either the session's cookie or its bearer token.",
        )),
    }
}

impl NewSession {
    /// Hands the secret over: into the browser, or as members of the JSON answer.
    pub(super) fn hand_over(&self, jar: &mut CookieJar) -> Value {
        match self.token() {
            None => {
                self.set_cookie(jar);
                json!({})
            }
            Some(token) => json!({
                "token": *token,
                "token_type": "Bearer",
                "expires_in": self.seconds_left(),
                "idle_expires_in": self.idle_seconds_left(),
            }),
        }
    }
}

impl LoginWing {
    /// What shall carry the session that a request asks for: `"session": "bearer"` in a JSON body, or whatever carries
    /// the one it has.
    pub(super) fn carrier_asked_for(exchange: &Exchange<'_>) -> Result<Carrier, Problem> {
        if session_token(exchange.headers()).is_some() {
            return Ok(Carrier::Bearer);
        }
        if exchange.parts.method != Method::POST || !exchange.has_json_body() {
            return Ok(Carrier::Cookie);
        }
        // Other members may be objects, as the answer of an authenticator is.
        let body = parse_unique_object(exchange.body).map_err(|_| ParamsError::Json)?;
        let session = body.get("session").filter(|asked| !asked.is_null());
        match session.map(|asked| asked.as_str().unwrap_or("?")) {
            None | Some("" | "cookie") => Ok(Carrier::Cookie),
            Some("bearer") => Ok(Carrier::Bearer),
            Some(_) => Err(Problem::bad_request(
                "The member session is \"cookie\" or \"bearer\".",
            )),
        }
    }

    /// The session a request presents, live or not, and what carried it.
    pub(super) async fn presented_session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(Carrier, Session)>, Problem> {
        let jar = CookieJar::new(self.core.base.is_loopback_http());
        let Some((carrier, value)) = credential(&jar, headers)? else {
            return Ok(None);
        };
        let Some((id, secret)) = value.split_once('.') else {
            return Ok(None);
        };
        let session = self.core.stores.sessions.session(&id.into()).await?;
        // The id is public, the secret is not; digests compare in constant time.
        let digest = carrier.digest(secret);
        let session = session.filter(|session| session.token_digest == digest);
        Ok(session.map(|session| (carrier, session)))
    }

    /// Gives the session that a request came with a new secret, carried as the old one was, and these facts. Returns
    /// members for the JSON answer; `None` when it ended, or had another secret, meanwhile.
    pub(super) async fn renew_session(
        &self,
        exchange: &mut Exchange<'_>,
        facts: &Session,
    ) -> Result<Option<Value>, Problem> {
        let carrier = match session_token(exchange.headers()) {
            Some(_) => Carrier::Bearer,
            None => Carrier::Cookie,
        };
        let new = self.rotate_secret(facts, carrier, exchange.now).await?;
        Ok(new.map(|new| new.hand_over(&mut exchange.cookies)))
    }
}
