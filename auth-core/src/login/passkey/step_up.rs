//! `POST /auth/step-up/passkey/begin` and `…/finish`: proving again who is signed in, with a passkey of that account.

use http::StatusCode;
use serde_json::Value;
use webauthn_rs_core::proto::PublicKeyCredential;

use super::RelyingParty;
use super::ceremony::{Ceremony, Reply, gone, internal};
use super::verify::read_credential;
use crate::login::attempt::{AddressAttempts, Refused};
use crate::login::first_factor::AfterFirstFactor;
use crate::login::{LoginWing, SignedIn};
use crate::services::SignInFailure;
use crate::store::UserId;
use crate::web::{Exchange, Problem, Response};

fn form(signed_in: &SignedIn) -> String {
    format!("passkey_step_up:{}", signed_in.session.id)
}

impl LoginWing {
    /// What the script of a page that asks for confirmation needs; `None` where the person has no passkey.
    pub(in crate::login) async fn passkey_step_up_facts(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
    ) -> Result<Option<Value>, Problem> {
        if self.relying_party.is_none() || !self.has_passkey(&signed_in.user.id).await? {
            return Ok(None);
        }
        let form = form(signed_in);
        Ok(Some(self.script_facts(exchange, "/step-up/passkey", &form)))
    }

    /// Whether a user has a passkey: for whoever offers it as a further factor.
    pub(in crate::login) async fn has_passkey(&self, user: &UserId) -> Result<bool, Problem> {
        let passkeys = self.core.stores.passkeys.passkeys_of(user).await?;
        Ok(!passkeys.is_empty())
    }

    /// Begins: any passkey of the person will do.
    pub(super) async fn begin_passkey_step_up(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let signed_in = self.passkey_owner(exchange).await?;
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let user = signed_in.user.id;
        let credentials = self.credentials_of(&user).await?;
        let (options, state) = party.begin_authentication(credentials).map_err(internal)?;
        let session = signed_in.session.id;
        let ceremony = Ceremony::StepUp {
            user,
            session,
            state,
        };
        self.begin_ceremony(exchange, ceremony, &options).await
    }

    /// Finishes, through the same door as a sign-in: the session keeps its id and gets another secret, `auth_time`, `amr`
    /// and `acr`.
    pub(super) async fn finish_passkey_step_up(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let signed_in = self.passkey_owner(exchange).await?;
        let reply = Reply::read(exchange)?;
        self.core
            .forms
            .check(exchange, &reply.params, &form(&signed_in))?;
        self.count_address(AddressAttempts::SignIn, exchange)
            .await?;
        let ceremony = self.take_ceremony(exchange, &reply).await?;
        let Ceremony::StepUp {
            user,
            session,
            state,
        } = ceremony
        else {
            return Err(gone());
        };
        if user != signed_in.user.id || session != signed_in.session.id {
            return Err(gone());
        }
        let answer: PublicKeyCredential = reply.answer()?;
        let proven = self
            .prove_passkey(exchange, party, &answer, &state, Some(&user))
            .await?;
        let proven = match proven {
            Ok(proven) => proven,
            Err(refused) => return Err(self.refuse_passkey(exchange, refused).await),
        };
        self.take_back_address(AddressAttempts::SignIn, exchange)
            .await?;
        let return_to = self.return_to(&reply.params);
        let first = proven.into_first_factor(signed_in.session.remember, return_to);
        match self.after_first_factor(exchange, first).await? {
            AfterFirstFactor::Answer(answer) => Ok(answer),
            AfterFirstFactor::Gone => {
                let (user, reason) = (Some(user), SignInFailure::WrongPasskey);
                let refused = Refused { user, reason };
                Err(self.refuse_passkey(exchange, refused).await)
            }
        }
    }

    /// The credentials of a user who is known: an authenticator is told which to answer with.
    pub(super) async fn credentials_of(
        &self,
        user: &UserId,
    ) -> Result<Vec<webauthn_rs_core::proto::Credential>, Problem> {
        let passkeys = self.core.stores.passkeys.passkeys_of(user).await?;
        if passkeys.is_empty() {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "no_passkey",
                "There is no passkey for this account.",
            ));
        }
        passkeys.iter().map(read_credential).collect()
    }
}
