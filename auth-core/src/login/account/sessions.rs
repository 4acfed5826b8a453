//! `POST /auth/account/sessions/revoke` and `…/revoke-others`: signing other devices out.

use http::StatusCode;
use serde_json::{Value, json};

use super::Notice;
use crate::login::reply::done;
use crate::login::{LoginWing, SessionEnd, SignedIn};
use crate::store::SessionId;
use crate::web::{CookieName, Exchange, Problem, Response};

pub(super) fn others_form(signed_in: &SignedIn) -> String {
    format!("revoke_others:{}", signed_in.session.id)
}

/// Each session in the list has a form of its own, which ends no other.
fn one_form(signed_in: &SignedIn, target: &SessionId) -> String {
    format!("revoke:{}:{target}", signed_in.session.id)
}

impl LoginWing {
    /// The user's live sessions, the present one first.
    pub(super) async fn list_sessions(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
    ) -> Result<Vec<Value>, Problem> {
        let stores = &self.core.stores;
        let mut sessions = stores.sessions.sessions_of(&signed_in.user.id).await?;
        sessions.retain(|session| session.is_live(exchange.now));
        sessions.sort_by_key(|session| session.id != signed_in.session.id);
        let mut listed = Vec::with_capacity(sessions.len());
        for session in sessions {
            let form = one_form(signed_in, &session.id);
            listed.push(json!({
                "id": session.id,
                "current": session.id == signed_in.session.id,
                "created_at": session.created_at.rfc3339(),
                "last_seen_at": session.last_seen_at.rfc3339(),
                "user_agent": session.user_agent,
                "address": session.address,
                "form_token": self.core.form_token(exchange, &form),
            }));
        }
        Ok(listed)
    }

    /// `POST`: `session_id`. The store ends it only if it is the user's own.
    pub(in crate::login) async fn revoke_one_session(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let target = SessionId::new(body.get("session_id").unwrap_or_default());
        let form = one_form(&signed_in, &target);
        self.core.forms.check(exchange, &body, &form)?;
        let sessions = &self.core.stores.sessions;
        let user = &signed_in.user.id;
        if !sessions.revoke_session(user, &target).await? {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is no such session. It may have ended already.",
            ));
        }
        let is_current = target == signed_in.session.id;
        let (why, ended) = (SessionEnd::Revoked, vec![target]);
        self.tell_revoked(user, ended, why, exchange.address, exchange.now)
            .await;
        if is_current {
            exchange.cookies.remove(CookieName::Session);
            return Ok(done(exchange, &self.path("/signed-out")));
        }
        Ok(done(exchange, &self.account_url(Notice::SessionEnded)))
    }

    /// `POST`: ends all but the present one.
    pub(in crate::login) async fn revoke_other_sessions(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core
            .forms
            .check(exchange, &body, &others_form(&signed_in))?;
        let (user, why) = (&signed_in.user.id, SessionEnd::Revoked);
        self.end_all_sessions(user, Some(&signed_in), why, exchange.address, exchange.now)
            .await?;
        Ok(done(exchange, &self.account_url(Notice::OthersEnded)))
    }
}
