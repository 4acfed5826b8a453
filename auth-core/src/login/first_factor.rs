//! What follows once a person has proven who they are by a first factor, whichever it was: the one door to a session.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bearer::Carrier;
use super::came_from::CameFrom;
use super::reply::done_with;
use super::second_factor::several;
use super::session_life::Proofs;
use super::{LoginWing, SessionEnd, SignInRequest};
use crate::ground::{Digest32, Timestamp};
use crate::store::{PasswordHash, User};
use crate::web::{Exchange, Problem, Response, ReturnTo};

/// A first factor that was right.
pub(super) struct FirstFactor {
    /// Whose.
    pub(super) user: User,
    /// How, in the words of RFC 8176.
    pub(super) amr: Vec<&'static str>,
    /// The method was two factors by itself, as a passkey with user verification is.
    pub(super) is_multi_factor: bool,
    /// What must still stand when the session does.
    pub(super) basis: Basis,
    /// The person asked to stay signed in on this device.
    pub(super) remember: bool,
    /// Where to go then.
    pub(super) return_to: Option<ReturnTo>,
    /// The sign-in at another provider it was.
    pub(super) came_from: Option<Box<CameFrom>>,
}

/// What a proof rests on. It is asked for again after the session stands: a change that ran meanwhile ended the sessions
/// it saw, and must not be outlived by one it could not see (threat 28).
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Basis {
    /// A password; the digest is of its stored hash.
    Password(Digest32),
    /// An e-mail address, verified since or before.
    Email(String),
    /// A passkey.
    #[cfg(feature = "passkeys")]
    Passkey(crate::store::PasskeyId),
    /// An identity at another provider, linked to the account.
    #[cfg(feature = "federation")]
    Identity(crate::store::IdentityId),
    /// One that is linked once the session is to begin: its provider vouches for the account's address.
    #[cfg(feature = "federation")]
    NewIdentity(Box<super::federation::NewLink>),
}

impl Basis {
    pub(super) fn of_password(hash: &PasswordHash) -> Self {
        Self::Password(Digest32::of(hash.expose()))
    }

    pub(super) fn is_passkey(&self) -> bool {
        match self {
            Self::Password(_) | Self::Email(_) => false,
            #[cfg(feature = "federation")]
            Self::Identity(_) | Self::NewIdentity(_) => false,
            #[cfg(feature = "passkeys")]
            Self::Passkey(_) => true,
        }
    }
}

/// What came of it.
pub(super) enum AfterFirstFactor {
    /// Signed in, or asked for more; this is the answer.
    Answer(Response),
    /// What the proof rested on is gone; nobody is signed in.
    Gone,
}

/// What a session is to be begun from: every factor that is asked for was given.
pub(super) struct Opening {
    pub(super) user: User,
    pub(super) amr: Vec<String>,
    pub(super) basis: Basis,
    pub(super) remember: bool,
    pub(super) return_to: Option<ReturnTo>,
    pub(super) carrier: Carrier,
    pub(super) came_from: Option<Box<CameFrom>>,
    /// When the person proved who they are.
    pub(super) auth_time: Timestamp,
}

/// A session just begun and handed over.
pub(super) struct Opened {
    /// Where to go.
    pub(super) next: String,
    /// Members of the JSON answer.
    pub(super) members: Value,
}

impl Opened {
    /// Adds the members of an object to the answer.
    pub(super) fn add(&mut self, more: Value) {
        if let (Value::Object(members), Value::Object(more)) = (&mut self.members, more) {
            members.extend(more);
        }
    }
}

impl LoginWing {
    /// Begins a session, or asks for a second factor first.
    pub(super) async fn after_first_factor(
        &self,
        exchange: &mut Exchange<'_>,
        proven: FirstFactor,
    ) -> Result<AfterFirstFactor, Problem> {
        let carrier = Self::carrier_asked_for(exchange)?;
        let mut amr: Vec<_> = proven.amr.iter().map(ToString::to_string).collect();
        if let Some(came_from) = &proven.came_from {
            amr.extend(came_from.amr.iter().cloned());
        }
        if proven.is_multi_factor {
            amr = several(amr, &[]);
        } else if self.wants_second_factor(exchange, &proven).await? {
            let answer = self.lay_aside(exchange, proven, amr, carrier).await?;
            return Ok(AfterFirstFactor::Answer(answer));
        }
        let opening = Opening {
            auth_time: self.proven_at(exchange, &proven).await?,
            user: proven.user,
            amr,
            basis: proven.basis,
            remember: proven.remember,
            return_to: proven.return_to,
            carrier,
            came_from: proven.came_from,
        };
        Ok(match self.open_session(exchange, &opening).await? {
            Some(opened) => {
                let answer = done_with(exchange, &opened.next, opened.members);
                AfterFirstFactor::Answer(answer)
            }
            None => AfterFirstFactor::Gone,
        })
    }

    /// Begins the session: every factor that is asked for was given. `None` when what the first rested on is gone.
    pub(super) async fn open_session(
        &self,
        exchange: &mut Exchange<'_>,
        opening: &Opening,
    ) -> Result<Option<Opened>, Problem> {
        let request = SignInRequest {
            headers: exchange.headers(),
            address: exchange.address,
            remember: opening.remember,
        };
        let hooks = &self.settings.lifecycle.hooks;
        hooks.before_sign_in(&opening.user).await?;
        // While nothing is written yet: whatever fails once the session stands would leave it with nobody.
        let elsewhere = self.confirmed_for_app(exchange, opening).await?;
        let Some(basis) = self.settled_basis(exchange, opening).await? else {
            return Ok(None);
        };
        let came_from = opening.came_from.as_deref();
        let proofs = Proofs::new(opening.amr.clone(), came_from, opening.auth_time);
        let carrier = opening.carrier;
        let new = self
            .begin_session(&opening.user, proofs, carrier, request, exchange.now)
            .await?;
        // Before the last look: whoever takes the basis away finds the session by it.
        self.keep_origin(&new, came_from).await?;
        if !self.still_stands(&opening.user, &basis).await? {
            let (id, why) = (new.session.id, SessionEnd::PasswordChanged);
            let origins = &self.core.stores.upstream_sessions;
            origins.take_upstream_session(&id).await?;
            self.end_sessions(&opening.user.id, vec![id], why, exchange.now)
                .await?;
            return Ok(None);
        }
        #[cfg(feature = "federation")]
        if self
            .ended_meanwhile(exchange, &new.session, came_from)
            .await?
        {
            return Ok(None);
        }
        let secret = new.hand_over(&mut exchange.cookies);
        self.tell_signed_in(&new.session, exchange.address, exchange.now)
            .await;
        self.note_browser(exchange, &opening.user, &new.session, opening.carrier)
            .await;
        hooks.after_sign_in(&opening.user, &new.session).await;
        let next = opening.return_to.as_ref();
        let next = next.map_or_else(|| self.home(), |path| path.as_str().to_owned());
        let mut opened = Opened {
            next: elsewhere.unwrap_or(next),
            members: json!({
                "user": { "id": new.session.user_id },
                "session": { "id": new.session.id },
            }),
        };
        opened.add(secret);
        Ok(Some(opened))
    }

    /// What the session is to rest on: an identity that is linked only now is, once it is. `None` when it cannot be.
    #[cfg(feature = "federation")]
    async fn settled_basis<'o>(
        &self,
        exchange: &Exchange<'_>,
        opening: &'o Opening,
    ) -> Result<Option<Cow<'o, Basis>>, Problem> {
        let Basis::NewIdentity(new) = &opening.basis else {
            return Ok(Some(Cow::Borrowed(&opening.basis)));
        };
        let linked = self.link_at_last(exchange, &opening.user, new).await?;
        Ok(linked.map(|identity| Cow::Owned(Basis::Identity(identity))))
    }

    #[cfg(not(feature = "federation"))]
    #[expect(clippy::unused_async, reason = "as where there are other providers")]
    async fn settled_basis<'o>(
        &self,
        _: &Exchange<'_>,
        opening: &'o Opening,
    ) -> Result<Option<Cow<'o, Basis>>, Problem> {
        Ok(Some(Cow::Borrowed(&opening.basis)))
    }

    /// Whether what was proven still is the account's.
    pub(super) async fn still_stands(&self, user: &User, basis: &Basis) -> Result<bool, Problem> {
        let stores = &self.core.stores;
        let id = &user.id;
        Ok(match basis {
            Basis::Password(digest) => {
                let stored = stores.users.password_hash(id).await?;
                stored.is_some_and(|stored| Digest32::of(stored.expose()) == *digest)
            }
            Basis::Email(email) => {
                let user = stores.users.user(id).await?;
                user.is_some_and(|user| user.email.as_ref() == Some(email))
            }
            #[cfg(feature = "passkeys")]
            Basis::Passkey(passkey) => {
                let found = stores.passkeys.passkey(passkey).await?;
                found.is_some_and(|found| found.user_id == *id)
            }
            #[cfg(feature = "federation")]
            Basis::Identity(identity) => {
                let linked = stores.identities.identities_of(id).await?;
                linked.iter().any(|linked| linked.id == *identity)
            }
            #[cfg(feature = "federation")]
            Basis::NewIdentity(new) => {
                let user = stores.users.user(id).await?;
                user.is_some_and(|user| new.is_of(&user))
            }
        })
    }
}
