//! Why nothing came of a sign-in at another provider: one clear page, with the ways on.

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::attempt::Aim;
use super::client::{Client, ClientError};
use super::{PAGE, link_facts};
use crate::login::LoginWing;
use crate::services::Event;
use crate::services::pages::PageName;
use crate::web::{Exchange, PagePolicy, Problem, Response, ReturnTo, wants_json, with_query};

/// Seconds after which a provider that is down is worth another try.
const RETRY_SECONDS: u64 = 30;

/// What people are told. Closed: nothing that another provider wrote is among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No attempt of this browser has this state: another's, too old, or its cookie is lost.
    Lost,
    /// The attempt was spent before.
    Used,
    Denied,
    InteractionRequired,
    Down,
    /// The answer, or the account it leads to, is not accepted.
    Refused,
    /// Nobody is linked, and no accounts are made.
    Closed,
    LinkedElsewhere,
    TooMany,
    /// Another identity than the one that was to confirm.
    Another,
    /// Nobody has just signed in there.
    NotFresh,
    /// The session is another than at the beginning.
    SessionChanged,
    /// The same identity is being dealt with by another request.
    Busy,
}

impl Refusal {
    const fn code(self) -> &'static str {
        match self {
            Self::Lost => "attempt_lost",
            Self::Used => "attempt_used",
            Self::Denied => "denied",
            Self::InteractionRequired => "interaction_required",
            Self::Down => "provider_down",
            Self::Refused => "refused",
            Self::Closed => "no_account",
            Self::LinkedElsewhere => "linked_elsewhere",
            Self::TooMany => "too_many_identities",
            Self::Another => "another_identity",
            Self::NotFresh => "not_fresh",
            Self::SessionChanged => "session_changed",
            Self::Busy => "busy",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Lost | Self::Used | Self::Refused | Self::InteractionRequired => {
                StatusCode::BAD_REQUEST
            }
            Self::Denied | Self::Closed | Self::Another | Self::NotFresh => StatusCode::FORBIDDEN,
            Self::LinkedElsewhere | Self::TooMany | Self::SessionChanged | Self::Busy => {
                StatusCode::CONFLICT
            }
            Self::Down => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Lost => {
                "This was not begun in this browser, or too long ago, or cookies are off. Begin again."
            }
            Self::Used => "This answer was used already. Begin again.",
            Self::Denied => "It was cancelled there, so nobody was signed in.",
            Self::InteractionRequired => {
                "The provider wants to ask you something first. Try again."
            }
            Self::Down => {
                "The provider cannot be reached right now. Try again later, or use another way to sign in."
            }
            Self::Refused => {
                "What the provider answered signs nobody in here. Try again, or use another way to sign in."
            }
            Self::Closed => {
                "Nobody here has linked this account, and new accounts are not made this way."
            }
            Self::LinkedElsewhere => "Somebody else here has linked this account already.",
            Self::TooMany => {
                "You have linked as many accounts as one person can. Remove one first."
            }
            Self::Another => "That is not the account that you have linked here. Choose it there.",
            Self::NotFresh => {
                "The provider does not say that you have just signed in there. Use another way."
            }
            Self::SessionChanged => "You have signed in or out meanwhile. Begin again.",
            Self::Busy => "This account is being dealt with already. Try again in a moment.",
        }
    }
}

/// Why a callback did not come to its end.
pub(super) enum Stop {
    Refused(Refusal),
    Problem(Problem),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<crate::store::StoreError> for Stop {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<crate::login::UserError> for Stop {
    fn from(error: crate::login::UserError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<crate::login::HookError> for Stop {
    fn from(error: crate::login::HookError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<&ClientError> for Refusal {
    fn from(error: &ClientError) -> Self {
        match error {
            ClientError::Denied => Self::Denied,
            ClientError::InteractionRequired => Self::InteractionRequired,
            ClientError::NotFresh => Self::NotFresh,
            ClientError::Down(..) => Self::Down,
            ClientError::Refused(_) => Self::Refused,
        }
    }
}

impl LoginWing {
    /// What a client's error is to people; the log and the events have the rest.
    pub(super) async fn note_client_error(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        error: &ClientError,
    ) -> Refusal {
        let name = client.upstream.name.as_str();
        let reason = match error {
            ClientError::Denied => "access_denied",
            ClientError::InteractionRequired => "interaction_required",
            ClientError::NotFresh => "not_fresh",
            ClientError::Down(reason, _) | ClientError::Refused(reason) => reason,
        };
        match error {
            ClientError::Denied | ClientError::InteractionRequired | ClientError::NotFresh => {}
            ClientError::Down(..) | ClientError::Refused(_) => tracing::warn!(
                upstream = name,
                error = error as &dyn std::error::Error,
                "a sign-in at another provider came to nothing"
            ),
        }
        self.tell_refused(exchange, client, reason).await;
        error.into()
    }

    pub(super) async fn tell_refused(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        reason: &'static str,
    ) {
        let event = Event::UpstreamRefused {
            upstream: client.upstream.name.clone(),
            reason,
        };
        self.core.emit(exchange.now, exchange.address, event).await;
    }

    /// The page, or the problem for a client that reads JSON.
    pub(super) fn draw_refusal(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        refusal: Refusal,
        aim: &Aim,
        return_to: Option<&ReturnTo>,
    ) -> Result<Response, Problem> {
        let retry_after = (refusal == Refusal::Down).then_some(RETRY_SECONDS);
        if wants_json(exchange.headers()) {
            let mut problem = Problem::new(refusal.status(), refusal.code(), refusal.message());
            problem.retry_after = retry_after;
            return Err(problem);
        }
        let back = [("return_to", return_to.map(ReturnTo::as_str))];
        let again = match aim {
            Aim::SignIn => {
                let path = self.path(&format!("/login/with/{}", client.upstream.name));
                with_query(&path, &back)
            }
            Aim::Link { .. } => self.path(PAGE),
            Aim::StepUp { .. } => self.step_up_url(return_to, false),
        };
        let context = json!({
            "upstream": link_facts(client, &again),
            "code": refusal.code(),
            "error": refusal.message(),
            "login_url": self.login_url(return_to),
            "home_url": self.home(),
        });
        let (status, policy) = (refusal.status(), PagePolicy::default());
        let name = PageName::UpstreamProblem;
        let mut response = self.core.page(exchange, status, name, context, policy);
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        Ok(response)
    }
}
