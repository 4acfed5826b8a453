//! Where the answer to an authorization request goes, and how: RFC 6749 §4.1.2, Form Post Response Mode, RFC 9207.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::super::ProviderWing;
use super::super::client::VerifiedRedirectUri;
use super::super::error::OAuthError;
use crate::services::Event;
use crate::services::pages::PageName;
use crate::store::ClientId;
use crate::web::{
    Exchange, FormTarget, PagePolicy, Problem, Response, Side, json as json_response, see_other,
    wants_json,
};

/// How the parameters of an answer travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::provider) enum ResponseMode {
    /// In the query of the redirect URI: the default of `response_type=code`.
    #[default]
    Query,
    /// In the fragment of the redirect URI: the default of every other response type.
    Fragment,
    /// In a form the browser posts to the redirect URI.
    FormPost,
}

impl ResponseMode {
    /// By its registered name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

/// A verified place for an answer, an error as much as a code.
#[derive(Clone, Debug)]
pub(in crate::provider) struct ResponseTarget {
    client_id: ClientId,
    redirect_uri: VerifiedRedirectUri,
    url: Url,
    mode: ResponseMode,
    state: Option<String>,
}

/// Why an authorization request goes no further. Whether the error may leave this site is part of its type: a page is
/// all that a request with an unproven client or redirect URI can get (RFC 6749 §4.1.2.1).
#[derive(Debug)]
pub(in crate::provider) enum AuthorizationError {
    /// Shown to the person; nobody is redirected.
    Page(Problem),
    /// Sent to the client.
    Redirect(Box<ResponseTarget>, OAuthError),
}

impl From<Problem> for AuthorizationError {
    fn from(problem: Problem) -> Self {
        Self::Page(problem)
    }
}

impl ResponseTarget {
    /// A target at a verified URI. `None` when it is no URL, or one that a browser would run or show instead of ask
    /// (`javascript:`, `data:`): refused even if somebody managed to register it.
    pub(super) fn new(client_id: ClientId, redirect_uri: VerifiedRedirectUri) -> Option<Self> {
        let url = Url::parse(redirect_uri.as_str()).ok()?;
        let runs = ["javascript", "data", "vbscript", "blob", "file", "about"];
        (!runs.contains(&url.scheme())).then_some(Self {
            client_id,
            redirect_uri,
            url,
            mode: ResponseMode::default(),
            state: None,
        })
    }

    pub(super) fn with_state(mut self, state: Option<String>) -> Self {
        self.state = state;
        self
    }

    /// With another response mode. `None` when the URI cannot take it: a form cannot be posted to an app's own scheme.
    pub(super) fn with_mode(mut self, mode: ResponseMode) -> Option<Self> {
        let can_take = mode != ResponseMode::FormPost || self.is_web();
        self.mode = mode;
        can_take.then_some(self)
    }

    pub(in crate::provider) fn redirect_uri(&self) -> &VerifiedRedirectUri {
        &self.redirect_uri
    }

    pub(super) fn mode(&self) -> ResponseMode {
        self.mode
    }

    pub(super) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Whether another app on the device could have claimed the redirect URI: plain http or a scheme of its own.
    pub(super) fn can_be_claimed(&self) -> bool {
        self.url.scheme() != "https"
    }

    /// An error that goes to the client.
    pub(in crate::provider) fn refuse(&self, error: impl Into<OAuthError>) -> AuthorizationError {
        AuthorizationError::Redirect(Box::new(self.clone()), error.into())
    }

    fn is_web(&self) -> bool {
        matches!(self.url.scheme(), "http" | "https")
    }
}

/// Adds parameters to a URL; those it has stay (RFC 6749 §3.1.2).
pub(in crate::provider) fn with_parameters(url: &Url, parameters: &[(&str, &str)]) -> String {
    let mut url = url.clone();
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    url.into()
}

/// As [`with_parameters`], in the fragment: what is there reaches no server (RFC 6749 §4.2.2).
fn with_fragment(url: &Url, parameters: &[(&str, &str)]) -> String {
    let mut url = url.clone();
    let fragment = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    url.set_fragment(Some(&fragment));
    url.into()
}

/// Sends a browser on with GET (RFC 9700 §4.12), or tells a program where to.
pub(in crate::provider) fn send_to(exchange: &Exchange<'_>, url: &str) -> Response {
    if wants_json(exchange.headers()) {
        json_response(StatusCode::OK, &json!({ "redirect_to": url }))
    } else {
        see_other(url)
    }
}

/// An error as a page shows it, where there is no client to tell.
pub(in crate::provider) fn problem_of(error: &OAuthError) -> Problem {
    match error.status {
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable(),
        status if status.is_server_error() => Problem::internal(),
        status => Problem::new(status, error.error, error.description.clone()),
    }
}

impl ProviderWing {
    /// Sends or shows an error, and leaves an event.
    pub(in crate::provider) async fn answer_error(
        &self,
        exchange: &Exchange<'_>,
        error: AuthorizationError,
    ) -> Response {
        let (client, name, response) = match error {
            AuthorizationError::Page(problem) => {
                let response = self.core.problem(exchange, Side::Page, &problem);
                (None, problem.code, response)
            }
            AuthorizationError::Redirect(target, error) => {
                let parameters = [
                    ("error", error.error),
                    ("error_description", &*error.description),
                ];
                let response = self.answer(exchange, &target, &parameters);
                (Some(target.client_id), error.error, response)
            }
        };
        let event = Event::AuthorizationRefused {
            client,
            error: name,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        response
    }

    /// Sends what was asked for. Every answer names its issuer, against mix-up (RFC 9207 §2), and gives `state` back as
    /// it came.
    pub(super) fn answer(
        &self,
        exchange: &Exchange<'_>,
        target: &ResponseTarget,
        parameters: &[(&str, &str)],
    ) -> Response {
        let mut parameters = parameters.to_vec();
        if let Some(state) = &target.state {
            parameters.push(("state", state));
        }
        parameters.push(("iss", self.core.base.issuer()));
        match target.mode {
            ResponseMode::Query => send_to(exchange, &with_parameters(&target.url, &parameters)),
            ResponseMode::Fragment => send_to(exchange, &with_fragment(&target.url, &parameters)),
            ResponseMode::FormPost => {
                let fields: Vec<_> = parameters
                    .iter()
                    .map(|(name, value)| json!({ "name": name, "value": value }))
                    .collect();
                let context = json!({ "action": target.url.as_str(), "fields": fields });
                let policy = PagePolicy {
                    forms: FormTarget::Client,
                    script: true,
                };
                self.core.page(
                    exchange,
                    StatusCode::OK,
                    PageName::FormPost,
                    context,
                    policy,
                )
            }
        }
    }
}
