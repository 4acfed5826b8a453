//! A sign-in that waits for its second factor: a type, a cookie and a record of its own, and no session anywhere
//! (threat 01).

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ground::{Digest32, Purpose, Timestamp};
use crate::login::LoginWing;
use crate::login::bearer::Carrier;
use crate::login::came_from::CameFrom;
use crate::login::first_factor::{Basis, FirstFactor, Opened, Opening};
use crate::login::reply::done_with;
use crate::services::Event;
use crate::store::{Consumed, OneTimeKind, OneTimeValue, StoreError, User, UserId};
use crate::web::{
    CookieLife, CookieName, Exchange, Params, Problem, Response, ReturnTo, see_other, wants_json,
};

/// How long a person has for the second factor.
const LIFE: Duration = Duration::from_mins(10);

/// What the token of a client without cookies begins with.
const TOKEN_PREFIX: &str = "pnd_";

const KIND: OneTimeKind = OneTimeKind::PendingSignIn;

/// What is kept of the first factor, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    user: UserId,
    amr: Vec<String>,
    basis: Basis,
    remember: bool,
    return_to: Option<String>,
    carrier: Carrier,
    #[serde(default)]
    came_from: Option<Box<CameFrom>>,
    /// When the first factor was proven, where that is not simply when it was given.
    #[serde(default)]
    proven_at: Option<Timestamp>,
}

/// A first factor that was right, read back. Not spent yet.
pub(in crate::login) struct PendingSignIn {
    key: Digest32,
    kept: Kept,
    /// Whose; as they stand now, and not disabled.
    pub(in crate::login) user: User,
    /// Where to go when signed in.
    pub(in crate::login) return_to: Option<ReturnTo>,
}

/// What was given as second factor.
pub(in crate::login) struct SecondFactorGiven {
    /// How, in the words of RFC 8176; that there were several factors is added.
    pub(in crate::login) amr: Vec<&'static str>,
    /// It was set up on the way, as whoever had the first factor could: it makes the sign-in no more recent.
    pub(in crate::login) is_new: bool,
    /// The person wants this device spared the next time.
    pub(in crate::login) trust_device: bool,
    /// More members for the JSON answer: an object.
    pub(in crate::login) members: Value,
}

impl PendingSignIn {
    /// What the first factor rests on.
    pub(in crate::login) fn basis(&self) -> &Basis {
        &self.kept.basis
    }

    /// The sign-in at another provider behind it.
    #[cfg(feature = "federation")]
    pub(in crate::login) fn came_from(&self) -> Option<&CameFrom> {
        self.kept.came_from.as_deref()
    }

    /// What an answer to this sign-in, and to no other, is bound to.
    #[cfg(feature = "passkeys")]
    pub(in crate::login) fn digest(&self) -> Digest32 {
        self.key
    }

    /// What is to carry the session.
    #[cfg(feature = "passkeys")]
    pub(in crate::login) fn carrier(&self) -> Carrier {
        self.kept.carrier
    }
}

fn key(carrier: Carrier, secret: &str) -> Digest32 {
    let carrier: &[u8] = match carrier {
        Carrier::Cookie => b"cookie",
        Carrier::Bearer => b"bearer",
    };
    Digest32::of_parts(&[b"pending sign-in", carrier, secret.as_bytes()])
}

impl LoginWing {
    /// Lays a first factor aside and leads to the page that asks for the second.
    pub(in crate::login) async fn lay_aside(
        &self,
        exchange: &mut Exchange<'_>,
        proven: FirstFactor,
        amr: Vec<String>,
        carrier: Carrier,
    ) -> Result<Response, Problem> {
        let factors = self.second_factors(&proven.user.id).await?;
        let factors = factors.beside(&proven.basis);
        let user = proven.user.id.clone();
        let proven_at = match &proven.came_from {
            Some(_) => Some(self.proven_at(exchange, &proven).await?),
            None => None,
        };
        let kept = Kept {
            user: user.clone(),
            amr,
            basis: proven.basis,
            remember: proven.remember,
            return_to: proven.return_to.map(|path| path.as_str().to_owned()),
            carrier,
            came_from: proven.came_from,
            proven_at,
        };
        let secret = self.core.random.secret();
        self.keep_pending(key(carrier, &secret), &kept, exchange)
            .await?;
        let event = Event::SecondFactorAsked { user };
        self.core.emit(exchange.now, exchange.address, event).await;
        let asked = if factors.any() {
            "/second-factor"
        } else {
            "/second-factor/enrol"
        };
        let mut members = json!({
            "second_factor": {
                "methods": factors.names(),
                "enrol": !factors.any(),
                "expires_in": LIFE.as_secs(),
            },
        });
        match carrier {
            Carrier::Cookie => {
                let life = CookieLife::MaxAge(LIFE);
                exchange
                    .cookies
                    .set(CookieName::PendingSignIn, &secret, life);
            }
            Carrier::Bearer => members["pending"] = format!("{TOKEN_PREFIX}{secret}").into(),
        }
        Ok(done_with(exchange, &self.path(asked), members))
    }

    async fn keep_pending(
        &self,
        key: Digest32,
        kept: &Kept,
        exchange: &Exchange<'_>,
    ) -> Result<(), Problem> {
        let text = serde_json::to_vec(kept).map_err(|_| Problem::internal())?;
        let core = &self.core;
        let payload = core
            .keys
            .seal(
                &*core.random,
                Purpose::OneTimePayload,
                key.as_bytes(),
                &text,
            )
            .map_err(|error| StoreError::corrupt("pending sign-in", error))?;
        let expires_at = exchange.now + LIFE;
        let value = OneTimeValue {
            kind: KIND,
            key,
            payload,
            expires_at,
            keep_until: expires_at,
        };
        Ok(core.stores.one_time.put(&value).await?)
    }

    /// The sign-in that waits, if it still does, the account may be used, and what the first factor rested on stands: by the body's `pending` for clients without
    /// cookies, else by the cookie.
    pub(in crate::login) async fn pending_sign_in(
        &self,
        exchange: &Exchange<'_>,
        body: Option<&Params>,
    ) -> Result<Option<PendingSignIn>, Problem> {
        let (carrier, secret) = match body.and_then(|body| body.get("pending")) {
            Some(token) => (Carrier::Bearer, token.strip_prefix(TOKEN_PREFIX)),
            None => (Carrier::Cookie, exchange.cookie(CookieName::PendingSignIn)),
        };
        let Some(secret) = secret else {
            return Ok(None);
        };
        let stores = &self.core.stores;
        let key = key(carrier, secret);
        let found = stores.one_time.peek(KIND, &key, exchange.now).await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let opened = self
            .core
            .keys
            .open(Purpose::OneTimePayload, key.as_bytes(), &found.payload)
            .map_err(|error| StoreError::corrupt("pending sign-in", error))?;
        let kept: Kept = serde_json::from_slice(&opened)
            .map_err(|error| StoreError::corrupt("pending sign-in", error))?;
        let user = stores.users.user(&kept.user).await?;
        let return_to = kept.return_to.as_deref();
        let return_to = return_to.and_then(|path| ReturnTo::parse(&self.core.base, path));
        let Some(user) = user.filter(|user| user.is_usable(exchange.now)) else {
            return Ok(None);
        };
        if !self.still_stands(&user, &kept.basis).await? {
            return Ok(None);
        }
        Ok(Some(PendingSignIn {
            key,
            kept,
            user,
            return_to,
        }))
    }

    /// Ends a sign-in with its second factor, whichever that was: the one way on from a pending sign-in. The factor
    /// itself is spent and its counter cleared by the caller, before.
    pub(in crate::login) async fn finish_second_factor(
        &self,
        exchange: &mut Exchange<'_>,
        pending: PendingSignIn,
        given: SecondFactorGiven,
    ) -> Result<Response, Problem> {
        let return_to = pending.return_to.clone();
        if !self.spend_pending(exchange, &pending).await? {
            return self.sign_in_again(exchange, return_to.as_ref());
        }
        // A client without cookies could not show that it is trusted.
        let trust_device = given.trust_device && pending.kept.carrier == Carrier::Cookie;
        let user = pending.user.id.clone();
        match self.open_pending(exchange, pending, given).await? {
            Some(opened) => {
                if trust_device {
                    self.trust_device(exchange, &user).await?;
                }
                Ok(done_with(exchange, &opened.next, opened.members))
            }
            None => self.sign_in_again(exchange, return_to.as_ref()),
        }
    }

    /// Spends a sign-in that waits: `true` for one caller (threat 12).
    pub(in crate::login) async fn spend_pending(
        &self,
        exchange: &mut Exchange<'_>,
        pending: &PendingSignIn,
    ) -> Result<bool, Problem> {
        let one_time = &self.core.stores.one_time;
        let spent = one_time.consume(KIND, &pending.key, exchange.now).await?;
        if pending.kept.carrier == Carrier::Cookie {
            exchange.cookies.remove(CookieName::PendingSignIn);
        }
        Ok(matches!(spent, Consumed::First(_)))
    }

    /// Begins the session of a sign-in just spent; `None` when what its first factor rested on is gone.
    pub(super) async fn open_pending(
        &self,
        exchange: &mut Exchange<'_>,
        pending: PendingSignIn,
        given: SecondFactorGiven,
    ) -> Result<Option<Opened>, Problem> {
        let kept = pending.kept;
        let opening = Opening {
            user: pending.user,
            amr: super::several(kept.amr, &given.amr),
            basis: kept.basis,
            remember: kept.remember,
            return_to: pending.return_to,
            carrier: kept.carrier,
            came_from: kept.came_from,
            auth_time: kept
                .proven_at
                .filter(|_| given.is_new)
                .unwrap_or(exchange.now),
        };
        let opened = self.open_session(exchange, &opening).await?;
        Ok(opened.map(|mut opened| {
            opened.add(given.members);
            opened
        }))
    }

    /// The answer where no sign-in waits any more: it begins anew.
    pub(in crate::login) fn sign_in_again(
        &self,
        exchange: &Exchange<'_>,
        return_to: Option<&ReturnTo>,
    ) -> Result<Response, Problem> {
        if wants_json(exchange.headers()) {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "sign_in_expired",
                "This sign-in has ended. Sign in again from the start.",
            ));
        }
        Ok(see_other(&self.login_url(return_to)))
    }
}
