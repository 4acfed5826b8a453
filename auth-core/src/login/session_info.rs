//! `GET /auth/session`: who is signed in, for scripts of the site. The hot path: two reads, one small answer.

use http::StatusCode;
use serde::Serialize;

use super::{LoginWing, SignedIn};
use crate::store::{SessionId, UserId};
use crate::web::{Exchange, Problem, Response, json};

#[derive(Serialize)]
struct SessionInfo<'s> {
    user: UserInfo<'s>,
    session: SessionFacts<'s>,
}

#[derive(Serialize)]
struct UserInfo<'s> {
    id: &'s UserId,
    email: Option<&'s str>,
    email_verified: bool,
    username: Option<&'s str>,
    name: Option<&'s str>,
}

#[derive(Serialize)]
struct SessionFacts<'s> {
    id: &'s SessionId,
    // RFC 3339, as on the pages.
    auth_time: String,
    idle_expires_at: String,
    expires_at: String,
    amr: &'s [String],
    acr: Option<&'s str>,
    remember: bool,
}

impl<'s> From<&'s SignedIn> for SessionInfo<'s> {
    fn from(SignedIn { session, user }: &'s SignedIn) -> Self {
        Self {
            user: UserInfo {
                id: &user.id,
                email: user.email.as_deref(),
                email_verified: user.email_verified_at.is_some(),
                username: user.username.as_deref(),
                name: user.claims.get("name").and_then(|name| name.as_str()),
            },
            session: SessionFacts {
                id: &session.id,
                auth_time: session.auth_time.rfc3339(),
                idle_expires_at: session.idle_expires_at.rfc3339(),
                expires_at: session.expires_at.rfc3339(),
                amr: &session.amr,
                acr: session.acr.as_deref(),
                remember: session.remember,
            },
        }
    }
}

impl LoginWing {
    /// `GET`: the session and its user; 401 when nobody is signed in.
    pub(super) async fn session_info(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let signed_in = signed_in.ok_or_else(Problem::unauthenticated)?;
        Ok(json(StatusCode::OK, &SessionInfo::from(&signed_in)))
    }
}
