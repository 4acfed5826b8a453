//! What follows once a person has proven who they are by a first factor, whichever it was: the one door to a session.

use serde_json::json;

use super::reply::done_with;
use super::{LoginWing, SessionEnd, SignInRequest};
use crate::ground::Digest32;
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
}

/// What a proof rests on. It is asked for again after the session stands: a change that ran meanwhile ended the sessions
/// it saw, and must not be outlived by one it could not see (threat 28).
pub(super) enum Basis {
    /// A password; the digest is of its stored hash.
    Password(Digest32),
    /// An e-mail address, verified since or before.
    Email(String),
    /// A passkey.
    #[cfg(feature = "passkeys")]
    Passkey(crate::store::PasskeyId),
}

impl Basis {
    pub(super) fn of_password(hash: &PasswordHash) -> Self {
        Self::Password(Digest32::of(hash.expose()))
    }
}

/// What came of it.
pub(super) enum AfterFirstFactor {
    /// Signed in, or asked for more; this is the answer.
    Answer(Response),
    /// What the proof rested on is gone; nobody is signed in.
    Gone,
}

impl LoginWing {
    /// Begins a session, or asks for a second factor first.
    pub(super) async fn after_first_factor(
        &self,
        exchange: &mut Exchange<'_>,
        proven: FirstFactor,
    ) -> Result<AfterFirstFactor, Problem> {
        let amr = proven.amr.iter().map(|&method| method.to_owned()).collect();
        self.open_session(exchange, &proven, amr).await
    }

    /// Begins the session: every factor that is asked for was given.
    async fn open_session(
        &self,
        exchange: &mut Exchange<'_>,
        proven: &FirstFactor,
        amr: Vec<String>,
    ) -> Result<AfterFirstFactor, Problem> {
        let request = SignInRequest {
            headers: exchange.headers(),
            address: exchange.address,
            remember: proven.remember,
        };
        let new = self
            .begin_session(&proven.user, amr, request, exchange.now)
            .await?;
        if !self.still_stands(proven).await? {
            let (ids, why) = (vec![new.session.id], SessionEnd::PasswordChanged);
            self.end_sessions(&proven.user.id, ids, why, exchange.now)
                .await?;
            return Ok(AfterFirstFactor::Gone);
        }
        new.set_cookie(&mut exchange.cookies);
        self.tell_signed_in(&new.session, exchange.address, exchange.now)
            .await;
        self.note_browser(exchange, &proven.user, &new.session)
            .await;
        let home = self.home();
        let next = proven.return_to.as_ref().map_or(&*home, ReturnTo::as_str);
        let ids = json!({
            "user": { "id": new.session.user_id },
            "session": { "id": new.session.id },
        });
        Ok(AfterFirstFactor::Answer(done_with(exchange, next, ids)))
    }

    /// Whether what was proven still is the account's.
    async fn still_stands(&self, proven: &FirstFactor) -> Result<bool, Problem> {
        let stores = &self.core.stores;
        let id = &proven.user.id;
        Ok(match &proven.basis {
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
        })
    }
}
