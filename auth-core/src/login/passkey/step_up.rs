//! `POST /auth/step-up/passkey/begin` and `…/finish`: proving again who is signed in, with a passkey of that account.

use http::StatusCode;
use serde_json::{Value, json};
use webauthn_rs_core::proto::{Credential, PublicKeyCredential};

use super::RelyingParty;
use super::ceremony::{Ceremony, Reply, gone, internal};
use super::sign_in::invalid_passkey;
use super::verify::{ProvenPasskey, read_credential};
use crate::login::attempt::Refused;
use crate::login::first_factor::Basis;
use crate::login::{LoginWing, SignedIn, acr};
use crate::store::{Session, UserId};
use crate::web::{Exchange, Problem, Response};

fn form(signed_in: &SignedIn) -> String {
    format!("passkey_step_up:{}", signed_in.session.id)
}

pub(super) fn no_passkey() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "no_passkey",
        "There is no passkey for this account.",
    )
}

/// What a step-up by a passkey says: several factors, if the authenticator verified its owner, or if the session began
/// with something else, beside which this is one more.
fn methods(proven: &ProvenPasskey, session: &Session) -> Vec<&'static str> {
    let mut amr = proven.amr.clone();
    if proven.is_multi_factor || !acr::is_passkey_alone(&session.amr) {
        amr.push(acr::MULTIPLE_FACTORS);
    }
    amr
}

impl LoginWing {
    /// What the script of a page that asks for confirmation needs.
    pub(in crate::login) fn passkey_step_up_facts(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
    ) -> Value {
        self.script_facts(exchange, "/step-up/passkey", &form(signed_in))
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
        let carrier = Self::carrier_asked_for(exchange)?;
        self.begin_ceremony(exchange, carrier, ceremony, &options)
            .await
    }

    /// Finishes: the session keeps its id and gets another secret, `auth_time`, `amr` and `acr`. Counted before it is
    /// looked at, by the one counter of all second factors.
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
        let user = &signed_in.user;
        self.count_second_factor(exchange, user).await?;
        let proven = self.answer_step_up(exchange, party, &reply, &signed_in);
        let proven = proven.await;
        let proven = self.settle_second_factor(exchange, user, proven).await?;
        let amr = methods(&proven, &signed_in.session);
        // Removed in this very moment: it raises nothing any more.
        let basis = Basis::Passkey(proven.passkey);
        if !self.still_stands(user, &basis).await? {
            return Err(invalid_passkey());
        }
        let return_to = self.return_to(&reply.params);
        self.finish_step_up(exchange, &signed_in, &amr, return_to.as_ref(), json!({}))
            .await
    }

    async fn answer_step_up(
        &self,
        exchange: &Exchange<'_>,
        party: &RelyingParty,
        reply: &Reply,
        signed_in: &SignedIn,
    ) -> Result<Result<ProvenPasskey, Refused>, Problem> {
        let carrier = Self::carrier_asked_for(exchange)?;
        let ceremony = self.take_ceremony(exchange, carrier, reply).await?;
        let state = match ceremony {
            Ceremony::StepUp {
                user,
                session,
                state,
            } if user == signed_in.user.id && session == signed_in.session.id => state,
            _ => return Err(gone()),
        };
        let answer: PublicKeyCredential = reply.answer()?;
        let only = Some(&signed_in.user.id);
        self.prove_passkey(exchange, party, &answer, &state, only)
            .await
    }

    /// The credentials of a user who is known: an authenticator is told which to answer with.
    pub(super) async fn credentials_of(&self, user: &UserId) -> Result<Vec<Credential>, Problem> {
        let passkeys = self.core.stores.passkeys.passkeys_of(user).await?;
        if passkeys.is_empty() {
            return Err(no_passkey());
        }
        passkeys.iter().map(read_credential).collect()
    }
}
