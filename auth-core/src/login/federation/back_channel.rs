//! `POST /auth/backchannel-logout/<name>`: another provider ends sessions (OpenID Connect Back-Channel Logout 1.0).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::client::{Client, ClientError, KEYS_NOT_NOW, LogoutRefused, LogoutToken, issued_at};
use crate::ground::Digest32;
use crate::login::attempt::AddressAttempts;
use crate::login::{LoginWing, SessionEnd};
use crate::services::Event;
use crate::store::{OneTimeKind, UpstreamSession};
use crate::web::{Exchange, Problem, Response, empty, json as json_response};

/// So many sessions at a time.
const BATCH: u32 = 100;

/// An ID token and a logout token of the same moment may be dated by two clocks.
const SAME_MOMENT: Duration = Duration::from_secs(1);

/// Seconds after which a provider whose keys could not be had is worth another try.
const RETRY_SECONDS: u64 = 30;

/// What is answered, and whether it is held against the address: somebody may have made it up.
struct Told {
    answer: Response,
    counts: bool,
}

impl Told {
    fn honoured() -> Self {
        Self {
            answer: empty(StatusCode::OK),
            counts: false,
        }
    }

    /// §2.8: 400 with a JSON body, whatever it was.
    fn refused(description: &'static str) -> Self {
        Self {
            answer: refusal(StatusCode::BAD_REQUEST, "invalid_request", description),
            counts: false,
        }
    }

    fn invalid() -> Self {
        Self::refused("The logout token is not accepted.")
    }

    fn replayed() -> Self {
        Self::refused("The logout token came before.")
    }

    fn forged() -> Self {
        Self {
            counts: true,
            ..Self::invalid()
        }
    }

    /// Made up, or of a key that is newer than the last search: whoever sends these in numbers is no provider.
    fn unsearched() -> Self {
        Self {
            counts: true,
            ..Self::later()
        }
    }

    /// The provider is to try again: whether it was told the truth cannot be found out now.
    fn later() -> Self {
        let description = "The keys of the issuer cannot be had now.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut answer = refusal(status, "temporarily_unavailable", description);
        let headers = answer.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        Self {
            answer,
            counts: false,
        }
    }
}

fn refusal(status: StatusCode, error: &'static str, description: &'static str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    json_response(status, &body)
}

impl LoginWing {
    /// `POST`: `logout_token`. Counted by address before it is looked at; only what the provider never made, or
    /// cannot be seen to have made, is held against it, since it tells of all its people from one address.
    pub(super) async fn back_channel_logout(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
    ) -> Result<Response, Problem> {
        let attempts = AddressAttempts::UpstreamLogout;
        let counted = self.count_address_for_now(attempts, exchange).await?;
        let form = exchange.form();
        let form = form.and_then(|form| form.refuse_repeated(&[]).map(|()| form));
        let form = match form {
            Ok(form) => form,
            Err(error) => {
                counted.stand();
                return Err(error.into());
            }
        };
        let told = self
            .told(exchange, client, form.get("logout_token"))
            .await?;
        if told.counts {
            counted.stand();
        } else {
            counted.take_back().await?;
        }
        Ok(told.answer)
    }

    async fn told(
        &self,
        exchange: &Exchange<'_>,
        client: &Arc<Client>,
        token: Option<&str>,
    ) -> Result<Told, Problem> {
        let Some(token) = token else {
            return Ok(Told::forged());
        };
        let logout = match client.check_logout_token(token, exchange.now).await {
            Ok(logout) => logout,
            Err(refused) => return Ok(self.refused(exchange, client, refused).await),
        };
        let key = [logout.issuer.as_bytes(), logout.jti.as_bytes()];
        let key = Digest32::of_parts(&key);
        let (claims, kind) = (&self.core.stores.claims, OneTimeKind::LogoutToken);
        if claims.is_claimed(kind, &key, exchange.now).await? {
            return Ok(Told::replayed());
        }
        // Before the claim: one that fails here may come again, and to end what has ended changes nothing. Remembered
        // before it is looked which sessions there are: a session that begins meanwhile is among them, or looks there.
        self.remember_logout(&logout, exchange.now).await?;
        self.end_upstream_sessions(exchange, client, &logout)
            .await?;
        let until = logout.expires_at;
        if !claims.claim_once(kind, &key, exchange.now, until).await? {
            return Ok(Told::replayed());
        }
        Ok(Told::honoured())
    }

    async fn refused(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        refused: LogoutRefused,
    ) -> Told {
        let told = match refused.error {
            // Anybody can bring this about at any rate: the counter says enough.
            ClientError::Down(KEYS_NOT_NOW, _) => return Told::unsearched(),
            ClientError::Down(..) => Told::later(),
            _ if refused.is_late => Told::invalid(),
            _ => Told::forged(),
        };
        let is_down = matches!(refused.error, ClientError::Down(..));
        if !is_down || client.tells_down(exchange.now) {
            self.note_client_error(exchange, client, &refused.error)
                .await;
        }
        told
    }

    async fn end_upstream_sessions(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        logout: &LogoutToken,
    ) -> Result<(), Problem> {
        let origins = &self.core.stores.upstream_sessions;
        let (subject, sid) = (logout.subject.as_deref(), logout.sid.as_deref());
        let (name, issuer) = (&client.upstream.name, &logout.issuer);
        let mut spared = HashSet::new();
        loop {
            // Room for those that stay, so that none is hidden behind them.
            let room = u32::try_from(spared.len()).unwrap_or(u32::MAX);
            let found = origins
                .upstream_sessions(name, issuer, subject, sid, BATCH.saturating_add(room))
                .await?;
            let mut is_done = true;
            for origin in found {
                if spared.contains(&origin.session_id) {
                    continue;
                }
                is_done = false;
                if self.is_newer(&origin, logout) {
                    spared.insert(origin.session_id);
                } else {
                    self.end_upstream_session(exchange, client, origin).await?;
                }
            }
            if is_done {
                return Ok(());
            }
        }
    }

    /// Whether the provider spoke for this session after a logout of all that the person had there: a logout may be told
    /// late, or again. Where nobody can tell, it did not.
    fn is_newer(&self, origin: &UpstreamSession, logout: &LogoutToken) -> bool {
        if logout.sid.is_some() {
            return false;
        }
        let id_token = self.id_token_of(origin).ok().flatten();
        let spoke_at = id_token.and_then(|id_token| issued_at(&id_token));
        spoke_at.is_some_and(|at| at > logout.issued_at + SAME_MOMENT)
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
