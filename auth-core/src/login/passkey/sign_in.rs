//! `POST /auth/login/passkey/begin` and `…/finish`: signing in from an empty form. Who comes is said by the answer.

use http::StatusCode;
use serde_json::Value;
use webauthn_rs_core::proto::PublicKeyCredential;

use super::RelyingParty;
use super::ceremony::{Ceremony, Reply, gone, internal};
use crate::login::LoginWing;
use crate::login::attempt::{AddressAttempts, Refused};
use crate::login::first_factor::AfterFirstFactor;
use crate::services::{Event, SignInFailure};
use crate::web::{Exchange, Problem, Response};

const FORM: &str = "passkey_sign_in";

impl LoginWing {
    /// What the sign-in page's script needs; `None` where there are no passkeys.
    pub(in crate::login) fn passkey_sign_in_facts(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Option<Value> {
        self.relying_party.as_ref()?;
        Some(self.script_facts(exchange, "/login/passkey", FORM))
    }

    /// Begins. Not counted as a sign-in: a page that offers passkeys in its fields begins whenever it is opened.
    pub(super) async fn begin_passkey_sign_in(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        let (options, state) = party.begin_authentication(Vec::new()).map_err(internal)?;
        let ceremony = Ceremony::SignIn { state };
        let carrier = Self::carrier_asked_for(exchange)?;
        self.begin_ceremony(exchange, carrier, ceremony, &options)
            .await
    }

    /// Finishes: `remember` and `return_to` as the sign-in form has them. Counted by address before it is looked at.
    pub(super) async fn finish_passkey_sign_in(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let reply = Reply::read(exchange)?;
        self.core.forms.check(exchange, &reply.params, FORM)?;
        self.count_address(AddressAttempts::SignIn, exchange)
            .await?;
        let carrier = Self::carrier_asked_for(exchange)?;
        let ceremony = self.take_ceremony(exchange, carrier, &reply).await?;
        let Ceremony::SignIn { state } = ceremony else {
            return Err(gone());
        };
        let answer: PublicKeyCredential = reply.answer()?;
        let proven = self
            .prove_passkey(exchange, party, &answer, &state, None)
            .await?;
        let proven = match proven {
            Ok(proven) => proven,
            Err(refused) => return Err(self.refuse_passkey(exchange, refused).await),
        };
        self.take_back_address(AddressAttempts::SignIn, exchange)
            .await?;
        let user = proven.user.id.clone();
        let return_to = self.return_to(&reply.params);
        if let Some(elsewhere) = self
            .confirm_first(exchange, &proven.user, return_to.as_ref())
            .await?
        {
            return Ok(elsewhere);
        }
        let first = proven.into_first_factor(reply.params.is_on("remember"), return_to);
        match self.after_first_factor(exchange, first).await? {
            AfterFirstFactor::Answer(answer) => Ok(answer),
            AfterFirstFactor::Gone => {
                let (user, reason) = (Some(user), SignInFailure::WrongPasskey);
                let refused = Refused { user, reason };
                Err(self.refuse_passkey(exchange, refused).await)
            }
        }
    }

    /// One and the same answer to everything that is not right (threat 46); the event says what it was.
    pub(super) async fn refuse_passkey(
        &self,
        exchange: &Exchange<'_>,
        refused: Refused,
    ) -> Problem {
        let Refused { user, reason } = refused;
        let event = Event::SignInFailed { user, reason };
        self.core.emit(exchange.now, exchange.address, event).await;
        invalid_passkey()
    }
}

pub(super) fn invalid_passkey() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "invalid_passkey",
        "That passkey does not sign in here. Try another way.",
    )
}
