//! A ceremony: the challenge put to an authenticator, kept until its answer comes back, once.
//!
//! What is kept is sealed, lives five minutes and belongs to one browser, or to a client without cookies, for which no
//! browser is ever signed in. It is spent before the answer is looked at, so
//! an answer never gets a second look (threat 54); and each purpose is a variant of its own, so an answer given for one is
//! worth nothing for another.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs_core::proto::{AuthenticationState, RegistrationState};

use super::relying_party::CEREMONY_LIFE;
use crate::ground::jose::parse_unique_object;
use crate::ground::{Digest32, Purpose};
use crate::login::LoginWing;
use crate::login::attempt::AddressAttempts;
use crate::login::bearer::Carrier;
use crate::store::{Consumed, OneTimeKind, OneTimeValue, SessionId, User, UserId};
use crate::web::{Exchange, Params, ParamsError, Problem, Response, json as json_response};

const KIND: OneTimeKind = OneTimeKind::PasskeyCeremony;

/// The largest answer that is read, in bytes: attestation statements are a few kilobytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What a challenge was put for.
#[derive(Serialize, Deserialize)]
pub(super) enum Ceremony {
    /// One more passkey for a person signed in.
    Add {
        user: UserId,
        state: RegistrationState,
    },
    /// An account to be made, whose only way in is the passkey.
    SignUp {
        user: Box<User>,
        state: RegistrationState,
    },
    /// A sign-in from an empty form.
    SignIn { state: AuthenticationState },
    /// Proving again who is signed in.
    StepUp {
        user: UserId,
        session: SessionId,
        state: AuthenticationState,
    },
    /// The second factor of the pending sign-in with this digest.
    SecondFactor {
        user: UserId,
        pending: Digest32,
        state: AuthenticationState,
    },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// `None`: a client without cookies began.
    browser: Option<Digest32>,
    ceremony: Ceremony,
}

/// What comes back from the page.
pub(super) struct Reply {
    pub(super) params: Params,
    credential: String,
}

impl Reply {
    /// Reads a form or a JSON object: `ceremony`, `credential` (the authenticator's answer as JSON; in a JSON body it may
    /// also stand as the object it is) and whatever else the endpoint takes.
    pub(super) fn read(exchange: &Exchange<'_>) -> Result<Self, Problem> {
        let mut credential = None;
        let params = if exchange.has_json_body() {
            let mut body = parse_unique_object(exchange.body).map_err(|_| ParamsError::Json)?;
            if let Some(Value::Object(object)) = body.get("credential") {
                credential = Some(Value::Object(object.clone()).to_string());
                body.remove("credential");
            }
            let rest = serde_json::to_vec(&body).unwrap_or_default();
            Params::parse_json(&rest)?
        } else {
            exchange.form()?
        };
        params.refuse_repeated(&[])?;
        let given = params.get("credential").map(str::to_owned);
        let credential = credential.or(given).unwrap_or_default();
        Ok(Self { params, credential })
    }

    /// The authenticator's answer.
    pub(super) fn answer<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.credential.len() > MAX_ANSWER {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "invalid_request",
                "The answer of the authenticator is too large.",
            ));
        }
        serde_json::from_str(&self.credential)
            .map_err(|_| Problem::bad_request("The answer of the authenticator cannot be read."))
    }
}

/// One answer for all of: answered before, too late, another browser's, put for something else.
pub(super) fn gone() -> Problem {
    Problem {
        code: "passkey_ceremony_gone",
        ..Problem::bad_request("This request was already answered or has expired. Try again.")
    }
}

impl LoginWing {
    /// Keeps a ceremony of the browser, or of a client that a session comes to by a token, and answers with its id and the
    /// options for the authenticator. Counted by address, with much room: nobody fills the store from here (threat 48).
    pub(super) async fn begin_ceremony(
        &self,
        exchange: &mut Exchange<'_>,
        carrier: Carrier,
        ceremony: Ceremony,
        options: &impl Serialize,
    ) -> Result<Response, Problem> {
        self.count_address(AddressAttempts::Ceremony, exchange)
            .await?;
        let browser = match carrier {
            Carrier::Cookie => Some(Digest32::of(exchange.browser(&*self.core.random))),
            Carrier::Bearer => None,
        };
        let stored = Stored { browser, ceremony };
        let secret = self.core.random.secret();
        let key = Digest32::of(&secret);
        let plain = serde_json::to_vec(&stored).map_err(internal)?;
        let (keys, random) = (&self.core.keys, &*self.core.random);
        let payload = keys
            .seal(random, Purpose::OneTimePayload, &context(&key), &plain)
            .map_err(internal)?;
        let expires_at = exchange.now + CEREMONY_LIFE;
        let value = OneTimeValue {
            kind: KIND,
            key,
            payload,
            expires_at,
            keep_until: expires_at,
        };
        self.core.stores.one_time.put(&value).await?;
        let mut answer = json!({ "ceremony": secret });
        let options = serde_json::to_value(options).map_err(internal)?;
        if let Value::Object(options) = options {
            answer
                .as_object_mut()
                .into_iter()
                .for_each(|answer| answer.extend(options.clone()));
        }
        Ok(json_response(StatusCode::OK, &answer))
    }

    /// Spends the ceremony a reply names.
    pub(super) async fn take_ceremony(
        &self,
        exchange: &Exchange<'_>,
        carrier: Carrier,
        reply: &Reply,
    ) -> Result<Ceremony, Problem> {
        let secret = reply.params.get("ceremony").ok_or_else(gone)?;
        let key = Digest32::of(secret);
        let one_time = &self.core.stores.one_time;
        let Consumed::First(value) = one_time.consume(KIND, &key, exchange.now).await? else {
            return Err(gone());
        };
        let opened = self
            .core
            .keys
            .open(Purpose::OneTimePayload, &context(&key), &value.payload);
        // What was sealed under a secret since taken out of the ring is as lost as what expired.
        let opened = opened.map_err(|_| gone())?;
        let stored: Stored = serde_json::from_slice(&opened).map_err(internal)?;
        let is_theirs = match stored.browser {
            Some(browser) => exchange.known_browser().map(Digest32::of) == Some(browser),
            None => carrier == Carrier::Bearer,
        };
        if !is_theirs {
            return Err(gone());
        }
        Ok(stored.ceremony)
    }
}

/// A payload opens under its own key alone.
fn context(key: &Digest32) -> Vec<u8> {
    [KIND.as_str().as_bytes(), key.as_bytes()].concat()
}

pub(super) fn internal(error: impl std::error::Error + 'static) -> Problem {
    let error = &error as &dyn std::error::Error;
    tracing::error!(error, "a passkey ceremony failed");
    Problem::internal()
}
