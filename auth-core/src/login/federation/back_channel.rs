//! `POST /auth/backchannel-logout/<name>`: another provider ends sessions (OpenID Connect Back-Channel Logout 1.0).

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use super::client::{Client, LogoutToken};
use crate::ground::Digest32;
use crate::login::attempt::AddressAttempts;
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::store::{OneTimeKind, UpstreamSession};
use crate::web::{Exchange, Problem, Response, empty, json as json_response};

/// So many sessions at a time.
const BATCH: u32 = 100;

/// §2.8: 400 with a JSON body, whatever it was.
fn refused(error: &'static str, description: &'static str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    json_response(StatusCode::BAD_REQUEST, &body)
}

fn invalid() -> Response {
    refused("invalid_request", "The logout token is not accepted.")
}

impl LoginWing {
    /// `POST`: `logout_token`. Counted by address before it is looked at; only failures are held against it.
    pub(super) async fn back_channel_logout(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
    ) -> Result<Response, Problem> {
        let attempts = AddressAttempts::UpstreamLogout;
        self.count_address(attempts, exchange).await?;
        let form = exchange.form()?;
        form.refuse_repeated(&[])?;
        let Some(token) = form.get("logout_token") else {
            return Ok(invalid());
        };
        let checked = client.check_logout_token(token, exchange.now).await;
        let logout = match checked {
            Ok(logout) => logout,
            Err(error) => {
                self.note_client_error(exchange, client, &error).await;
                return Ok(invalid());
            }
        };
        let key = [logout.issuer.as_bytes(), logout.jti.as_bytes()];
        let key = Digest32::of_parts(&key);
        let (claims, kind) = (&self.core.stores.claims, OneTimeKind::LogoutToken);
        if claims.is_claimed(kind, &key, exchange.now).await? {
            return Ok(refused("invalid_request", "The logout token came before."));
        }
        // Before the claim: one that fails here may come again, and to end what has ended changes nothing.
        self.end_upstream_sessions(exchange, client, &logout)
            .await?;
        let until = logout.expires_at;
        if !claims.claim_once(kind, &key, exchange.now, until).await? {
            return Ok(refused("invalid_request", "The logout token came before."));
        }
        self.take_back_address(attempts, exchange).await?;
        Ok(empty(StatusCode::OK))
    }

    async fn end_upstream_sessions(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        logout: &LogoutToken,
    ) -> Result<(), Problem> {
        let origins = &self.core.stores.upstream_sessions;
        let (subject, sid) = (logout.subject.as_deref(), logout.sid.as_deref());
        loop {
            let found = origins
                .upstream_sessions(&logout.issuer, subject, sid, BATCH)
                .await?;
            let name = &client.upstream.name;
            let own: Vec<_> = found
                .into_iter()
                .filter(|origin| origin.upstream == *name)
                .collect();
            if own.is_empty() {
                return Ok(());
            }
            for origin in own {
                self.end_upstream_session(exchange, client, origin).await?;
            }
        }
    }

    /// Ends the session here, then forgets what was behind it: were it the other way round, a failure between the two
    /// would leave a session that nothing finds.
    pub(super) async fn end_upstream_session(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        origin: UpstreamSession,
    ) -> Result<(), Problem> {
        let (user, id) = (origin.user_id, origin.session_id);
        let why = SessionEnd::EndedUpstream;
        let ended = self
            .end_sessions(&user, vec![id.clone()], why, exchange.now)
            .await?;
        let origins = &self.core.stores.upstream_sessions;
        origins.take_upstream_session(&id).await?;
        if !ended.is_empty() {
            let event = Event::UpstreamLogout {
                upstream: client.upstream.name.clone(),
                user,
                sessions: ended,
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        Ok(())
    }
}
