//! OpenID Connect RP-Initiated Logout 1.0.
//!
//! A client that proves with an `id_token_hint` whose session it means ends it at once. Anybody else only gets a page
//! that asks: a GET from anywhere signs nobody out.

use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::ProviderWing;
use super::account::SignedInAccount;
use super::authorize::{
    lacks_cookies, plain_client_id, problem_of, read_params, send_to, with_parameters,
};
use super::client::{ClientMetadata as _, VerifiedRedirectUri};
use super::error::OAuthError;
use super::interaction::{INTERACTION_FIELD, another_browser, gone};
use super::logout::Onward;
use crate::ground::{Digest32, Timestamp};
use crate::services::Event;
use crate::services::pages::PageName;
use crate::store::{Client, ClientId, Consumed, OneTimeKind, OneTimeValue, SessionId};
use crate::web::{Exchange, FormTarget, PagePolicy, Params, Problem, Response, Side};

const KIND: OneTimeKind = OneTimeKind::EndSession;
const MAX_STATE_BYTES: usize = 4096;

/// What a client asked for (RP-Initiated Logout §2), as it is stored while the user is asked. The redirect URI is
/// checked against the client's registered ones whenever it is used.
#[derive(Clone, Serialize, Deserialize)]
struct EndSessionRequest {
    hint: Option<HintedSession>,
    client_id: Option<ClientId>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

/// What a valid `id_token_hint` says.
#[derive(Clone, Serialize, Deserialize)]
struct HintedSession {
    subject: String,
    session_id: Option<SessionId>,
}

impl HintedSession {
    /// Whether it is the session of this account, which the client knows by `subject`.
    fn is(&self, account: &SignedInAccount, subject: &str) -> bool {
        let same_session = match (&self.session_id, &account.session_id) {
            (Some(hinted), Some(present)) => hinted == present,
            _ => true,
        };
        self.subject == subject && same_session
    }
}

/// Who asked and where the browser goes afterwards.
struct Destination {
    client: Option<Client>,
    redirect_uri: Option<VerifiedRedirectUri>,
    /// The request named a URI that is not registered.
    is_refused: bool,
}

impl Destination {
    fn client_name(&self) -> Option<&str> {
        self.client.as_ref().map(Client::display_name)
    }

    /// The post-logout redirect URI with the `state` of the request (RP-Initiated Logout §3).
    fn onward(&self, request: &EndSessionRequest) -> Option<String> {
        let url = Url::parse(self.redirect_uri.as_ref()?.as_str()).ok()?;
        // As a link, these would run or show something here instead of leading away; no registration of ours has one.
        if ["javascript", "data", "vbscript", "blob", "file", "about"].contains(&url.scheme()) {
            return None;
        }
        let state = request.state.as_deref().map(|state| ("state", state));
        Some(with_parameters(&url, state.as_slice()))
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    request: EndSessionRequest,
    /// `None` for a request that came without our cookies.
    browser: Option<Digest32>,
}

impl ProviderWing {
    /// `/logout`, GET and POST.
    pub(super) async fn end_session(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.begin_logout(exchange).await {
            Ok(response) => response,
            Err(problem) => self.core.problem(exchange, Side::Page, &problem),
        }
    }

    /// `/logout/decide`: the user's answer to the page.
    pub(super) async fn decide_end_session(&self, exchange: &mut Exchange<'_>) -> Response {
        match self.decide_logout(exchange).await {
            Ok(response) => response,
            Err(problem) => self.core.problem(exchange, Side::Page, &problem),
        }
    }

    async fn begin_logout(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let params = read_params(exchange)?;
        params.refuse_repeated(&[])?;
        let request = match params.get(INTERACTION_FIELD) {
            Some(secret) => self.take_unbound_logout(secret, exchange.now).await?,
            None => self.read_logout(&params, exchange.now).await?,
        };
        // As at the authorization endpoint: another site's form comes without cookies, the GET it is sent to with them.
        if lacks_cookies(exchange) {
            let secret = self.lay_logout_aside(request, None, exchange.now).await?;
            let again = format!("{}?{INTERACTION_FIELD}={secret}", self.path("/logout"));
            return Ok(send_to(exchange, &again));
        }
        let destination = self.destination(&request).await?;
        let Some(account) = self.signed_in_here(exchange).await? else {
            return Ok(self.leave(exchange, &request, &destination, Vec::new()));
        };
        let known_as = match &destination.client {
            Some(client) => self.subject_for(client, &account.subject).await,
            None => Ok(account.subject.clone()),
        };
        let known_as = known_as.map_err(|error| problem_of(&error))?;
        let hint = request.hint.as_ref();
        let is_proven = hint.is_some_and(|hint| hint.is(&account, &known_as));
        if is_proven && !destination.is_refused {
            return self
                .sign_out(exchange, &request, &destination, account)
                .await;
        }
        self.ask(exchange, request, &destination, &account).await
    }

    async fn decide_logout(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let params = exchange.form_or_json()?;
        let secret = params.get(INTERACTION_FIELD).ok_or_else(gone)?;
        let stored = self.open_logout(secret, exchange.now).await?;
        if stored.browser.is_none() || stored.browser != exchange.known_browser().map(Digest32::of)
        {
            return Err(another_browser());
        }
        self.core.forms.check(exchange, &params, &purpose(secret))?;
        let signs_out = match params.get("decision") {
            Some("logout") => true,
            Some("stay") => false,
            _ => return Err(Problem::bad_request("The form has no decision.")),
        };
        self.spend_logout(secret, exchange.now).await?;
        if !signs_out {
            return Ok(send_to(exchange, &self.core.base.path("/")));
        }
        let destination = self.destination(&stored.request).await?;
        match self.signed_in_here(exchange).await? {
            Some(account) => {
                self.sign_out(exchange, &stored.request, &destination, account)
                    .await
            }
            None => Ok(self.leave(exchange, &stored.request, &destination, Vec::new())),
        }
    }

    async fn read_logout(
        &self,
        params: &Params,
        now: Timestamp,
    ) -> Result<EndSessionRequest, Problem> {
        let hint = match params.get("id_token_hint") {
            None => None,
            Some(hint) => match self.read_id_token_hint(hint, now).await {
                Ok(hint) => Some(hint),
                Err(error) if error.status.is_server_error() => return Err(problem_of(&error)),
                // A token we did not sign proves nothing: the user is asked, as without one.
                Err(_) => None,
            },
        };
        let named = params.get("client_id");
        if let (Some(named), Some(hint)) = (named, &hint)
            && named != hint.client_id.as_str()
        {
            return Err(Problem::bad_request(
                "The app that sent you here gave a client_id and an id_token_hint that do not belong together.",
            ));
        }
        let state = params.get("state");
        if state.is_some_and(|state| state.len() > MAX_STATE_BYTES) {
            return Err(Problem::bad_request(
                "The parameter state is longer than 4096 bytes.",
            ));
        }
        let hinted_client = hint.as_ref().map(|hint| hint.client_id.clone());
        Ok(EndSessionRequest {
            client_id: hinted_client.or_else(|| named.and_then(plain_client_id)),
            post_logout_redirect_uri: params.get("post_logout_redirect_uri").map(str::to_owned),
            state: state.map(str::to_owned),
            hint: hint.map(|hint| HintedSession {
                subject: hint.subject,
                session_id: hint.session_id,
            }),
        })
    }

    async fn destination(&self, request: &EndSessionRequest) -> Result<Destination, Problem> {
        let client = match &request.client_id {
            Some(id) => self
                .find_client(id)
                .await
                .map_err(|error| problem_of(&error))?,
            None => None,
        };
        let client = client.filter(|client| client.disabled_at.is_none());
        let wanted = request.post_logout_redirect_uri.as_deref();
        let redirect_uri = client
            .as_ref()
            .zip(wanted)
            .and_then(|(client, uri)| client.verify_post_logout_redirect_uri(uri));
        Ok(Destination {
            is_refused: wanted.is_some() && redirect_uri.is_none(),
            client,
            redirect_uri,
        })
    }

    /// Asks. The request is laid aside for this browser; its form is good once.
    async fn ask(
        &self,
        exchange: &mut Exchange<'_>,
        request: EndSessionRequest,
        destination: &Destination,
        account: &SignedInAccount,
    ) -> Result<Response, Problem> {
        let browser = Digest32::of(exchange.browser(&*self.core.random));
        let secret = self
            .lay_logout_aside(request, Some(browser), exchange.now)
            .await?;
        let context = json!({
            "action": self.path("/logout/decide"),
            "form_token": self.core.form_token(exchange, &purpose(&secret)),
            "interaction": secret,
            "client_name": destination.client_name(),
            "account_name": account.display_name,
        });
        // The form may end at the client's post-logout page.
        let policy = PagePolicy {
            forms: FormTarget::Client,
            script: false,
        };
        Ok(self.core.page(
            exchange,
            StatusCode::OK,
            PageName::EndSession,
            context,
            policy,
        ))
    }

    /// Ends the session, what was granted in it, and tells clients. The grants first: should the host fail then, trying
    /// again is possible, and nothing outlives a session that looks ended.
    async fn sign_out(
        &self,
        exchange: &Exchange<'_>,
        request: &EndSessionRequest,
        destination: &Destination,
        account: SignedInAccount,
    ) -> Result<Response, Problem> {
        let mut frames = Vec::new();
        if let Some(session) = &account.session_id {
            let clients = self.end_session_of_clients(session, exchange.now).await?;
            frames = self.frames(session, &clients);
        }
        let cookies = self
            .accounts
            .sign_out(exchange.parts)
            .await
            .map_err(|error| problem_of(&OAuthError::from(error)))?;
        let event = Event::ProviderSessionEnded {
            subject: account.subject,
            session: account.session_id,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        let mut response = if frames.is_empty() {
            self.leave(exchange, request, destination, cookies)
        } else {
            let url = destination.onward(request);
            let onward = Onward {
                url: url.as_deref(),
                client_name: destination.client_name(),
            };
            self.front_channel_page(exchange, &frames, &onward, cookies)
        };
        self.forget_op_browser_state(exchange, response.headers_mut());
        Ok(response)
    }

    /// Back to the client, or to a page that says it is done.
    fn leave(
        &self,
        exchange: &Exchange<'_>,
        request: &EndSessionRequest,
        destination: &Destination,
        cookies: Vec<HeaderValue>,
    ) -> Response {
        let mut response = match destination.onward(request) {
            Some(url) => send_to(exchange, &url),
            None => self.done_page(exchange, destination),
        };
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    fn done_page(&self, exchange: &Exchange<'_>, destination: &Destination) -> Response {
        let context = json!({
            "client_name": destination.client_name(),
            "home_url": self.core.base.path("/"),
        });
        let policy = PagePolicy::default();
        self.core.page(
            exchange,
            StatusCode::OK,
            PageName::EndSessionDone,
            context,
            policy,
        )
    }

    async fn lay_logout_aside(
        &self,
        request: EndSessionRequest,
        browser: Option<Digest32>,
        now: Timestamp,
    ) -> Result<String, Problem> {
        let secret = self.core.random.secret();
        let expires_at = now + self.settings.interaction_life;
        let payload = self
            .seal_payload(KIND, &Stored { request, browser })
            .map_err(|error| problem_of(&error))?;
        let value = OneTimeValue {
            kind: KIND,
            key: Digest32::of(&secret),
            payload,
            expires_at,
            keep_until: expires_at,
        };
        self.core.stores.one_time.put(&value).await?;
        Ok(secret)
    }

    async fn open_logout(&self, secret: &str, now: Timestamp) -> Result<Stored, Problem> {
        let key = Digest32::of(secret);
        let value = self.core.stores.one_time.peek(KIND, &key, now).await?;
        value
            .and_then(|value| self.open_payload(KIND, &value.payload).ok())
            .ok_or_else(gone)
    }

    async fn spend_logout(&self, secret: &str, now: Timestamp) -> Result<(), Problem> {
        let key = Digest32::of(secret);
        match self.core.stores.one_time.consume(KIND, &key, now).await? {
            Consumed::First(_) => Ok(()),
            Consumed::Again(_) | Consumed::Absent => Err(gone()),
        }
    }

    async fn take_unbound_logout(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<EndSessionRequest, Problem> {
        let stored = self.open_logout(secret, now).await?;
        if stored.browser.is_some() {
            return Err(gone());
        }
        self.spend_logout(secret, now).await?;
        Ok(stored.request)
    }
}

fn purpose(secret: &str) -> String {
    format!("end_session:{}", Digest32::of(secret).to_text())
}
