//! `POST /auth/register/passkey/begin` and `…/finish`: an account whose way in is a passkey, without a password.
//!
//! As with a password, nobody is signed in, and nothing tells whether the identifier was free (threat 46): the challenge
//! is put without a look into the store, and the answer to a valid one is always the same. What an authenticator keeps
//! for an identifier that was taken opens nothing.

use http::StatusCode;
use serde_json::Value;

use super::add::exists;
use super::ceremony::{Ceremony, Reply, gone, internal};
use super::{MOST_PASSKEYS, RelyingParty};
use crate::login::attempt::AddressAttempts;
use crate::login::email::Registered;
use crate::login::reply::done;
use crate::login::{CaptchaAction, LoginWing};
use crate::services::Event;
use crate::store::{AddPasskey, User};
use crate::web::{Exchange, Problem, Response};

const FORM: &str = "passkey_sign_up";

impl LoginWing {
    /// What the registration page's script needs; `None` where a passkey alone makes no account.
    pub(in crate::login) fn passkey_sign_up_facts(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Option<Value> {
        if !self.signs_up_with_passkeys() {
            return None;
        }
        Some(self.script_facts(exchange, "/register/passkey", FORM))
    }

    /// Begins: `email`, `username` and `name` as the registration form has them, and the answer to its CAPTCHA.
    pub(super) async fn begin_sign_up(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        self.check_captcha(exchange, CaptchaAction::Register)
            .await?;
        let identity = self.check_identity(&body).map_err(|errors| {
            let messages: Vec<_> = errors.into_values().collect();
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Problem::new(status, "invalid_registration", messages.join(" "))
        })?;
        let user = self.new_user(identity, exchange.now);
        let (options, state) = party
            .begin_registration(&user, Vec::new())
            .map_err(internal)?;
        let user = Box::new(user);
        let ceremony = Ceremony::SignUp { user, state };
        let carrier = Self::carrier_asked_for(exchange)?;
        self.begin_ceremony(exchange, carrier, ceremony, &options)
            .await
    }

    /// Finishes. Counted by address like every registration.
    pub(super) async fn finish_sign_up(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let reply = Reply::read(exchange)?;
        self.core.forms.check(exchange, &reply.params, FORM)?;
        self.count_address(AddressAttempts::Registration, exchange)
            .await?;
        let carrier = Self::carrier_asked_for(exchange)?;
        let ceremony = self.take_ceremony(exchange, carrier, &reply).await?;
        let Ceremony::SignUp { user, state } = ceremony else {
            return Err(gone());
        };
        let user = User {
            created_at: exchange.now,
            updated_at: exchange.now,
            ..*user
        };
        let passkey = Self::registered(exchange, party, &reply, &state, user.id.clone())?;
        let passkeys = &self.core.stores.passkeys;
        // Before the account is written: one without a way in is nobody's.
        if passkeys.passkey(&passkey.id).await?.is_some() {
            return Err(exists());
        }
        let email = user.email.clone();
        let registered = self.write_account(exchange, &user, None).await?;
        if matches!(registered, Registered::Created(_)) {
            if passkeys.add_passkey(&passkey, MOST_PASSKEYS).await? != AddPasskey::Added {
                return Err(exists());
            }
            self.tell_registered(&registered, &user);
            let event = Event::PasskeyAdded {
                user: user.id,
                passkey: passkey.id.to_string(),
            };
            self.core.emit(exchange.now, exchange.address, event).await;
        }
        let return_to = self.return_to(&reply.params);
        let next = self
            .after_registration(exchange, email, registered, return_to.as_ref())
            .await?;
        Ok(done(exchange, &next))
    }
}
