//! `GET` and `POST /auth/callback/<name>`: the answer of another provider.
//!
//! The attempt is found by `state` among the cookies of this browser and of this provider, and spent before anything else
//! is looked at. An answer that is posted (`form_post`) comes from another site and so without cookies; it is sealed into
//! a URL of this page, which the browser then asks for with them. Nothing is kept meanwhile.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::attempt::{Aim, Attempt};
use super::client::{AuthorizationResponse, Client};
use super::refusal::{Refusal, Stop};
use crate::ground::{Purpose, Timestamp, base64url, from_base64url};
use crate::login::LoginWing;
use crate::login::attempt::AddressAttempts;
use crate::web::{Exchange, Params, Problem, Response, ReturnTo, see_other, with_query};

/// The browser asks for the URL at once.
const POSTED_LIFE: Duration = Duration::from_mins(2);

/// The parameter with what was posted.
const POSTED: &str = "response";

/// The longest value of each parameter.
const MOST_STATE: usize = 512;
const MOST_CODE: usize = 3_072;
const MOST_ISS: usize = 512;
const MOST_ERROR: usize = 128;
const MOST_USER: usize = 1_024;

/// What was posted, sealed.
#[derive(Serialize, Deserialize)]
struct Posted {
    response: AuthorizationResponse,
    at: Timestamp,
}

/// The parameters of an answer. One that is too long is not there: what needs it is then refused.
fn read(params: &Params) -> AuthorizationResponse {
    let text = |name, most| {
        let text = params.get(name).filter(|text| text.len() <= most);
        text.map(str::to_owned)
    };
    AuthorizationResponse {
        state: text("state", MOST_STATE),
        code: text("code", MOST_CODE),
        iss: text("iss", MOST_ISS),
        error: text("error", MOST_ERROR),
        user: text("user", MOST_USER),
    }
}

fn context(client: &Client) -> Vec<u8> {
    format!("callback:{}", client.upstream.name).into_bytes()
}

impl LoginWing {
    /// `POST`: leads the browser here again, with its cookies. A 303, so that the code is not posted on (threat 40).
    pub(super) fn posted_callback(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
    ) -> Result<Response, Problem> {
        let form = exchange.form()?;
        form.refuse_repeated(&[])?;
        let posted = Posted {
            response: read(&form),
            at: exchange.now,
        };
        let text = serde_json::to_vec(&posted).map_err(|_| Problem::internal())?;
        let text = Zeroizing::new(text);
        let (core, purpose) = (&self.core, Purpose::UpstreamAttempt);
        let sealed = core
            .keys
            .seal(&*core.random, purpose, &context(client), &text);
        let sealed = base64url(&sealed.map_err(|_| Problem::internal())?);
        let path = self.path(&format!("/callback/{}", client.upstream.name));
        Ok(see_other(&with_query(&path, &[(POSTED, Some(&sealed))])))
    }

    /// What was posted, if it was so just now.
    fn posted(
        &self,
        client: &Client,
        sealed: &str,
        now: Timestamp,
    ) -> Option<AuthorizationResponse> {
        let sealed = from_base64url(sealed)?;
        let (keys, purpose) = (&self.core.keys, Purpose::UpstreamAttempt);
        let text = keys.open(purpose, &context(client), &sealed).ok()?;
        let posted: Posted = serde_json::from_slice(&Zeroizing::new(text)).ok()?;
        (now < posted.at + POSTED_LIFE).then_some(posted.response)
    }

    /// `GET`.
    pub(super) async fn callback(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        query.refuse_repeated(&[])?;
        let response = match query.get(POSTED) {
            Some(sealed) => self.posted(client, sealed, exchange.now),
            None => Some(read(&query)),
        };
        let response = response.unwrap_or_default();
        let state = response.state.as_deref().unwrap_or_default();
        let Some(attempt) = self.attempt_of(exchange, client, state) else {
            let refusal = Refusal::Lost;
            self.tell_refused(exchange, client, "attempt_lost").await;
            return self.draw_refusal(exchange, client, refusal, &Aim::SignIn, None);
        };
        let return_to = attempt.return_to(self);
        let answered = self
            .answered(exchange, client, &attempt, &response, return_to.clone())
            .await;
        match answered {
            Ok(answer) => Ok(answer),
            Err(Stop::Problem(problem)) => Err(problem),
            Err(Stop::Refused(refusal)) => {
                self.draw_refusal(exchange, client, refusal, &attempt.aim, return_to.as_ref())
            }
        }
    }

    /// Counted by address before the provider is asked: only failures are held against it.
    async fn answered(
        &self,
        exchange: &mut Exchange<'_>,
        client: &Arc<Client>,
        attempt: &Attempt,
        response: &AuthorizationResponse,
        return_to: Option<ReturnTo>,
    ) -> Result<Response, Stop> {
        self.count_address(AddressAttempts::Upstream, exchange)
            .await?;
        if !self.spend_attempt(exchange, attempt).await? {
            self.tell_refused(exchange, client, "attempt_used").await;
            return Err(Refusal::Used.into());
        }
        let random = &*self.core.random;
        let times = (attempt.started_at, exchange.now);
        let proven = client
            .redeem(&attempt.secrets, &attempt.ask, response, random, times)
            .await;
        let proven = match proven {
            Ok(proven) => proven,
            Err(error) => {
                let refusal = self.note_client_error(exchange, client, &error).await;
                if refusal != Refusal::Refused {
                    self.take_back_address(AddressAttempts::Upstream, exchange)
                        .await?;
                }
                return Err(refusal.into());
            }
        };
        self.take_back_address(AddressAttempts::Upstream, exchange)
            .await?;
        match &attempt.aim {
            Aim::SignIn => {
                let remember = attempt.remember;
                self.arrive(exchange, client, proven, remember, return_to)
                    .await
            }
            Aim::Link { user, session } => {
                let own = (user, session);
                self.finish_link(exchange, client, &proven, own).await
            }
            Aim::StepUp { user, session } => {
                let own = (user, session);
                self.finish_upstream_step_up(exchange, client, &proven, own, attempt, return_to)
                    .await
            }
        }
    }
}
