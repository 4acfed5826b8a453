//! A sign-in under way at another provider: one sealed cookie each, good for a quarter of an hour and spent once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::client::{Ask, AttemptSecrets, Client};
use crate::ground::{Digest32, Purpose, Timestamp, base64url, from_base64url};
use crate::login::LoginWing;
use crate::store::{OneTimeKind, SessionId, StoreError, UserId};
use crate::web::{Exchange, MAX_SEALED, Problem, ReturnTo};

/// How long a person has at the other provider.
pub(in crate::login) const LIFE: Duration = Duration::from_mins(15);

/// So many at once in one browser; the oldest gives way.
const MOST: usize = 8;

/// So many bytes of cookies in all: servers refuse requests with larger heads.
const MOST_BYTES: usize = 6_000;

/// What the attempt is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::login) enum Aim {
    SignIn,
    /// Of the person signed in, in this session.
    Link {
        user: UserId,
        session: SessionId,
    },
    /// Of the person signed in, in this session.
    StepUp {
        user: UserId,
        session: SessionId,
    },
}

/// What a callback needs of the request it answers. No `Debug`: it is all secret.
#[derive(Serialize, Deserialize)]
pub(in crate::login) struct Attempt {
    /// Names the cookie.
    #[serde(skip)]
    id: String,
    #[serde(rename = "u")]
    pub(in crate::login) upstream: String,
    #[serde(rename = "s")]
    pub(in crate::login) secrets: AttemptSecrets,
    #[serde(rename = "a")]
    pub(in crate::login) ask: Ask,
    #[serde(rename = "w")]
    pub(in crate::login) aim: Aim,
    #[serde(rename = "r")]
    return_to: Option<String>,
    #[serde(rename = "k")]
    pub(in crate::login) remember: bool,
    #[serde(rename = "t")]
    pub(in crate::login) started_at: Timestamp,
}

impl Attempt {
    pub(in crate::login) fn new(
        client: &Client,
        secrets: AttemptSecrets,
        ask: Ask,
        aim: Aim,
        now: Timestamp,
    ) -> Self {
        Self {
            id: String::new(),
            upstream: client.upstream.name.clone(),
            secrets,
            ask,
            aim,
            return_to: None,
            remember: false,
            started_at: now,
        }
    }

    /// Where to go then.
    pub(in crate::login) fn back_to(mut self, return_to: Option<ReturnTo>) -> Self {
        self.return_to = return_to.map(|path| path.as_str().to_owned());
        self
    }

    pub(in crate::login) fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    pub(in crate::login) fn return_to(&self, wing: &LoginWing) -> Option<ReturnTo> {
        ReturnTo::parse(&wing.core.base, self.return_to.as_deref()?)
    }

    fn is_live(&self, now: Timestamp) -> bool {
        now < self.started_at + LIFE
    }
}

impl LoginWing {
    /// Puts an attempt into the browser. Others of the browser stay, as far as there is room.
    pub(in crate::login) fn keep_attempt(
        &self,
        exchange: &mut Exchange<'_>,
        mut attempt: Attempt,
    ) -> Result<(), Problem> {
        // Letters and digits only, so that it is a part of a name anywhere.
        let id: String = self
            .core
            .random
            .bytes::<4>()
            .iter()
            .fold(String::with_capacity(8), |id, byte| {
                id + &format!("{byte:02x}")
            });
        let mut value = self.seal_attempt(&id, &attempt)?;
        if value.len() > MAX_SEALED {
            // Rather home than nowhere.
            attempt.return_to = None;
            value = self.seal_attempt(&id, &attempt)?;
        }
        if value.len() > MAX_SEALED {
            return Err(Problem::bad_request("The request is too large."));
        }
        let mut others = self.attempts(exchange);
        others.sort_by_key(|(other, _)| other.started_at);
        let mut bytes = value.len() + others.iter().map(|(_, size)| size).sum::<usize>();
        let mut count = others.len() + 1;
        for (other, size) in others {
            let is_dead = !other.is_live(exchange.now);
            if is_dead || count > MOST || bytes > MOST_BYTES {
                exchange.cookies.remove_attempt(&other.id);
                count -= 1;
                bytes -= size;
            }
        }
        exchange.cookies.set_attempt(&id, &value, LIFE);
        Ok(())
    }

    fn seal_attempt(&self, id: &str, attempt: &Attempt) -> Result<String, Problem> {
        let core = &self.core;
        let text = Zeroizing::new(serde_json::to_vec(attempt).map_err(corrupt)?);
        let purpose = Purpose::UpstreamAttempt;
        let sealed = core.keys.seal(&*core.random, purpose, id.as_bytes(), &text);
        Ok(base64url(&sealed.map_err(corrupt)?))
    }

    /// The attempts of this browser, each with the size of its cookie. What does not open is another's, or under a secret
    /// that is gone.
    fn attempts(&self, exchange: &Exchange<'_>) -> Vec<(Attempt, usize)> {
        let cookies = exchange.cookies.attempts(exchange.headers());
        let opened = cookies.into_iter().filter_map(|(id, value)| {
            let sealed = from_base64url(value)?;
            let keys = &self.core.keys;
            let text = keys.open(Purpose::UpstreamAttempt, id.as_bytes(), &sealed);
            let mut attempt: Attempt = serde_json::from_slice(&Zeroizing::new(text.ok()?)).ok()?;
            id.clone_into(&mut attempt.id);
            Some((attempt, value.len()))
        });
        opened.collect()
    }

    /// The attempt of this browser, at this provider, that an answer with this `state` is for.
    pub(in crate::login) fn attempt_of(
        &self,
        exchange: &Exchange<'_>,
        client: &Client,
        state: &str,
    ) -> Option<Attempt> {
        let state = Digest32::of(state);
        let mut attempts = self.attempts(exchange).into_iter();
        let found = attempts.find(|(attempt, _)| {
            attempt.upstream == client.upstream.name
                && attempt.is_live(exchange.now)
                && Digest32::of(&attempt.secrets.state) == state
        });
        found.map(|(attempt, _)| attempt)
    }

    /// Spends an attempt: `true` for one caller (threat 12).
    pub(in crate::login) async fn spend_attempt(
        &self,
        exchange: &mut Exchange<'_>,
        attempt: &Attempt,
    ) -> Result<bool, Problem> {
        exchange.cookies.remove_attempt(&attempt.id);
        let key = Digest32::of_parts(&[b"state", attempt.secrets.state.as_bytes()]);
        let claims = &self.core.stores.claims;
        let kind = OneTimeKind::UpstreamAttempt;
        let until = attempt.started_at + LIFE;
        Ok(claims.claim_once(kind, &key, exchange.now, until).await?)
    }
}

fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("sign-in at another provider", error)
}
