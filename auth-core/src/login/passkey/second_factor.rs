//! `POST /auth/second-factor/passkey/begin` and `…/finish`: a passkey as the second factor, after a first that was
//! something else.

use serde_json::{Value, json};
use webauthn_rs_core::proto::PublicKeyCredential;

use super::RelyingParty;
use super::ceremony::{Ceremony, Reply, gone, internal};
use super::sign_in::invalid_passkey;
use super::step_up::no_passkey;
use super::verify::ProvenPasskey;
use crate::login::LoginWing;
use crate::login::attempt::Refused;
use crate::login::second_factor::{PendingSignIn, SecondFactorGiven};
use crate::store::User;
use crate::web::{Exchange, Params, Problem, Response};

/// The form is that user's, as that of the codes is.
fn form(user: &User) -> String {
    format!("passkey_second_factor:{}", user.id)
}

impl LoginWing {
    /// What the script of the page that asks for a second factor needs.
    pub(in crate::login) fn passkey_second_factor_facts(
        &self,
        exchange: &mut Exchange<'_>,
        user: &User,
    ) -> Value {
        self.script_facts(exchange, "/second-factor/passkey", &form(user))
    }

    /// Begins, for the sign-in that waits: any passkey of the person will do.
    pub(super) async fn begin_passkey_second_factor(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let return_to = self.return_to(&body);
        let Some(pending) = self.pending_for_passkey(exchange, &body).await? else {
            return self.sign_in_again(exchange, return_to.as_ref());
        };
        let credentials = self.credentials_of(&pending.user.id).await?;
        let (options, state) = party.begin_authentication(credentials).map_err(internal)?;
        let carrier = pending.carrier();
        let ceremony = Ceremony::SecondFactor {
            user: pending.user.id.clone(),
            pending: pending.digest(),
            state,
        };
        self.begin_ceremony(exchange, carrier, ceremony, &options)
            .await
    }

    /// Finishes: `trust_device` and `return_to` as the page's form has them. Counted before it is looked at, by the one
    /// counter of all second factors.
    pub(super) async fn finish_passkey_second_factor(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let reply = Reply::read(exchange)?;
        let return_to = self.return_to(&reply.params);
        let pending = self.pending_for_passkey(exchange, &reply.params).await?;
        let Some(mut pending) = pending else {
            return self.sign_in_again(exchange, return_to.as_ref());
        };
        // The tab that was answered says where it was going; another may have begun the sign-in that waits.
        pending.return_to = return_to.or(pending.return_to);
        self.count_second_factor(exchange, &pending.user).await?;
        let proven = self.answer_second_factor(exchange, party, &reply, &pending);
        let proven = proven.await;
        let proven = self
            .settle_second_factor(exchange, &pending.user, proven)
            .await?;
        let given = SecondFactorGiven {
            amr: proven.amr,
            is_new: false,
            trust_device: reply.params.is_on("trust_device"),
            members: json!({}),
        };
        self.finish_second_factor(exchange, pending, given).await
    }

    /// The sign-in that waits, if a passkey is a factor beside its first.
    async fn pending_for_passkey(
        &self,
        exchange: &Exchange<'_>,
        params: &Params,
    ) -> Result<Option<PendingSignIn>, Problem> {
        let Some(pending) = self.pending_sign_in(exchange, Some(params)).await? else {
            return Ok(None);
        };
        self.core
            .forms
            .check(exchange, params, &form(&pending.user))?;
        let factors = self.second_factors(&pending.user.id).await?;
        if !factors.beside(pending.basis()).has_passkey {
            return Err(no_passkey());
        }
        Ok(Some(pending))
    }

    async fn answer_second_factor(
        &self,
        exchange: &Exchange<'_>,
        party: &RelyingParty,
        reply: &Reply,
        pending: &PendingSignIn,
    ) -> Result<Result<ProvenPasskey, Refused>, Problem> {
        let ceremony = self
            .take_ceremony(exchange, pending.carrier(), reply)
            .await?;
        let state = match ceremony {
            Ceremony::SecondFactor {
                user,
                pending: of,
                state,
            } if user == pending.user.id && of == pending.digest() => state,
            _ => return Err(gone()),
        };
        let answer: PublicKeyCredential = reply.answer()?;
        let only = Some(&pending.user.id);
        self.prove_passkey(exchange, party, &answer, &state, only)
            .await
    }

    /// What a counted answer comes to: right, wrong and told so, or nobody's fault and taken back.
    pub(super) async fn settle_second_factor(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        proven: Result<Result<ProvenPasskey, Refused>, Problem>,
    ) -> Result<ProvenPasskey, Problem> {
        let problem = match proven {
            Ok(Ok(proven)) => {
                self.second_factor_was_right(exchange, user).await?;
                return Ok(proven);
            }
            Err(problem) if problem.status.is_server_error() => {
                self.take_back_second_factor(exchange, user).await?;
                return Err(problem);
            }
            Ok(Err(_)) => invalid_passkey(),
            Err(problem) => problem,
        };
        self.second_factor_was_wrong(exchange, user).await;
        Err(problem)
    }
}
