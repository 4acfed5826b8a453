//! Tokens of an issuer that is asked about each of them (RFC 7662): mostly opaque ones.
//!
//! - The endpoint is the operator's word, never a token's or a discovery document's: our credentials go there.
//! - One question for one token at a time; whoever else has that token waits for the same answer. The question runs in
//!   a task of its own: a client that hangs up does not end it for those who wait.
//! - Answers are kept for a while (see [`Answers`]), so a revoked token is accepted until its answer is forgotten.
//! - An issuer that is down, or answers something else, leaves the token neither accepted nor called invalid.
//! - At most [`MAX_QUESTIONS`] are open at once: whoever makes up tokens must not make us a weapon against the issuer,
//!   nor use up our sockets (THREATS 45).

mod answer;
mod answers;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use self::answers::{Answers, Look, Outcome};
use super::issuer::issuer_url;
use super::refused::{InvalidToken, Refusal};
use super::settings::{Introspected, Resource, ResourceSettingsError};
use crate::ground::jose::{Claims, JoseError, MAX_JWS_BYTES};
use crate::ground::{Digest32, Timestamp, from_base64url};
use crate::services::outbound::{ClientCredentials, Outbound, OutboundError};

/// Questions to the issuer that may be open at once.
const MAX_QUESTIONS: usize = 64;
/// The longest a question takes, the wait for its turn included.
const QUESTION_BOUND: Duration = Duration::from_secs(10);

/// The issuer that is asked.
pub(super) struct Introspection {
    issuer: String,
    audiences: Vec<String>,
    endpoint: String,
    credentials: ClientCredentials,
    outbound: Outbound,
    realm: Arc<str>,
    required_claims: Vec<String>,
    leeway_seconds: i64,
    answers: Answers,
    turns: Semaphore,
}

/// Why there is no answer to go by. Safe to log.
#[derive(Debug, thiserror::Error)]
enum QuestionError {
    #[error("the introspection endpoint did not answer")]
    Outbound(#[source] OutboundError),
    #[error("the introspection endpoint answered no JSON object without duplicates")]
    Answer(#[source] JoseError),
    #[error("the introspection took too long")]
    Timeout,
}

impl Introspection {
    /// The one that is configured, if any.
    pub(super) fn new(
        settings: &Resource,
        realm: &Arc<str>,
        outbound: &Outbound,
    ) -> Result<Option<Arc<Self>>, ResourceSettingsError> {
        let Some((first, others)) = settings.introspected.split_first() else {
            return Ok(None);
        };
        check(first, others, outbound)?;
        let audiences = settings.introspected.iter();
        let leeway = settings.leeway.as_secs();
        Ok(Some(Arc::new(Self {
            issuer: first.issuer.clone(),
            audiences: audiences.map(|each| each.audience.clone()).collect(),
            endpoint: first.endpoint.clone(),
            credentials: first.credentials.clone(),
            outbound: outbound.clone(),
            realm: realm.clone(),
            required_claims: settings.required_claims.clone(),
            leeway_seconds: i64::try_from(leeway).unwrap_or(i64::MAX),
            answers: Answers::new(
                settings.introspection_cache,
                settings.introspection_cache_entries,
            ),
            turns: Semaphore::new(MAX_QUESTIONS),
        })))
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether this is a token to ask about: an opaque one, or a JWT that names this issuer. A JWT of anyone else is not
    /// sent there, since it is none of its business.
    pub(super) fn is_for(&self, token: &str) -> bool {
        match Shape::of(token) {
            Shape::Opaque => true,
            Shape::Jwt { issuer } => issuer.is_some_and(|issuer| issuer == self.issuer),
        }
    }

    /// What the issuer says of the token, or said a moment ago.
    pub(super) async fn verify(self: &Arc<Self>, token: &str, now: Timestamp) -> Outcome {
        if token.len() > MAX_JWS_BYTES {
            return Err(InvalidToken::Malformed.into());
        }
        let digest = Digest32::of(token);
        let mut coming = match self.answers.look(&digest, now) {
            Look::Known(outcome) => return outcome,
            Look::Coming(coming) => coming,
            Look::Unknown(sender, coming) => {
                self.spawn_question(token.to_owned(), digest, sender, now);
                coming
            }
        };
        let outcome = coming.wait_for(Option::is_some).await;
        // A task that ends without an answer, as when the runtime shuts down.
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(Refusal::Unavailable))
    }

    /// Outside a Tokio runtime nothing can be asked; that is an issuer out of reach, not a panic. The sender is dropped,
    /// which is what those who wait then notice.
    fn spawn_question(
        self: &Arc<Self>,
        token: String,
        digest: Digest32,
        sender: watch::Sender<Option<Outcome>>,
        now: Timestamp,
    ) {
        let Ok(runtime) = Handle::try_current() else {
            self.answers.keep(digest, &Err(Refusal::Unavailable), now);
            return;
        };
        let introspection = self.clone();
        runtime.spawn(async move {
            let outcome = introspection.ask(&token, now).await;
            introspection.answers.keep(digest, &outcome, now);
            // Nobody may be waiting any more.
            let _ = sender.send(Some(outcome));
        });
    }

    async fn ask(&self, token: &str, now: Timestamp) -> Outcome {
        let question = tokio::time::timeout(QUESTION_BOUND, self.question(token));
        let answer = question.await.unwrap_or(Err(QuestionError::Timeout));
        let claims = answer.map_err(|error| {
            self.log(&error);
            Refusal::Unavailable
        })?;
        self.accept(claims, now)
    }

    async fn question(&self, token: &str) -> Result<Claims, QuestionError> {
        // Never closed, so there is always a turn to wait for.
        let _turn = self.turns.acquire().await;
        let form = [("token", token), ("token_type_hint", "access_token")];
        let posted = self
            .outbound
            .post_form(&self.endpoint, Some(&self.credentials), &form);
        let json = posted.await.map_err(QuestionError::Outbound)?;
        Claims::from_vouched_json(&json).map_err(QuestionError::Answer)
    }

    /// Neither the token nor the credentials are in there.
    fn log(&self, error: &QuestionError) {
        let issuer = self.issuer.as_str();
        let cause = error as &dyn std::error::Error;
        if let QuestionError::Outbound(OutboundError::Status(401 | 403)) = error {
            tracing::error!(
                issuer,
                client_id = self.credentials.client_id(),
                error = cause,
                "the introspection endpoint refuses this app: are the client id and secret of .introspect(…) right, and \
                 may this client introspect?"
            );
        } else {
            tracing::warn!(issuer, error = cause, "a token could not be introspected");
        }
    }
}

fn fail(problem: String) -> ResourceSettingsError {
    ResourceSettingsError::new("introspect", problem)
}

/// Whether all that was given to `.introspect(…)` is one issuer, which can be asked.
fn check(
    first: &Introspected,
    others: &[Introspected],
    outbound: &Outbound,
) -> Result<(), ResourceSettingsError> {
    let issuer = &first.issuer;
    for other in others {
        if other.issuer != *issuer {
            return Err(fail(format!(
                "an opaque token does not say whose it is, so one issuer only can be asked: take out {issuer:?} or \
                 {:?}, or give the one that issues JWTs to .issuer(…)",
                other.issuer
            )));
        }
        if other.endpoint != first.endpoint || other.credentials != first.credentials {
            return Err(fail(format!(
                "{issuer:?} is given again with another endpoint or other credentials: for a further audience, give \
                 the same"
            )));
        }
    }
    issuer_url("introspect", issuer, outbound)?;
    let endpoint = &first.endpoint;
    outbound
        .admits(endpoint)
        .map_err(|error| fail(format!("the endpoint {endpoint:?}: {error}")))?;
    if first.credentials.is_incomplete() {
        return Err(fail(
            "the client id and the client secret must not be empty".to_owned(),
        ));
    }
    Ok(())
}

/// What a token looks like. It says where to take it, nothing more.
enum Shape {
    Opaque,
    /// Three parts of base64url, and whose token it claims to be.
    Jwt {
        issuer: Option<String>,
    },
}

impl Shape {
    /// Of a token of any length, so it is not read further than it has to be.
    fn of(token: &str) -> Self {
        #[derive(Deserialize)]
        struct Named {
            iss: String,
        }
        if token.len() > MAX_JWS_BYTES {
            return Self::Opaque;
        }
        let mut parts = token.split('.').map(from_base64url);
        let (Some(Some(_)), Some(Some(payload)), Some(Some(_)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self::Opaque;
        };
        let named = serde_json::from_slice::<Named>(&payload);
        Self::Jwt {
            issuer: named.ok().map(|named| named.iss),
        }
    }
}
