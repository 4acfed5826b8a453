//! `POST /auth/account/passkeys/begin` and `…/finish`: one more passkey for a person signed in.

use http::StatusCode;
use http::header::USER_AGENT;
use serde_json::{Value, json};
use webauthn_rs_core::proto::{Credential, RegisterPublicKeyCredential, RegistrationState};

use super::ceremony::{Ceremony, Reply, gone, internal};
use super::default_name::default_name;
use super::manage::Notice;
use super::verify::{key_methods, read_credential, write_credential};
use super::{MOST_PASSKEYS, RelyingParty, passkey_id};
use crate::login::register::parse_name;
use crate::login::reply::done_with;
use crate::login::second_factor::several;
use crate::login::{LoginWing, SignedIn, acr};
use crate::services::mail::MailKind;
use crate::store::{AddPasskey, Passkey, Session, UserId};
use crate::web::{Exchange, Problem, Response};

pub(super) fn form(signed_in: &SignedIn) -> String {
    format!("add_passkey:{}", signed_in.session.id)
}

fn too_many() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "too_many_passkeys",
        "You have as many passkeys as one account can have. Remove one first.",
    )
}

pub(super) fn exists() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "passkey_exists",
        "This passkey is registered already.",
    )
}

impl LoginWing {
    /// Begins: the authenticators that have a passkey of this account are left out.
    pub(super) async fn begin_add(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let signed_in = self.confirmed_owner(exchange).await?;
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let user = &signed_in.user;
        let registered = self.core.stores.passkeys.passkeys_of(&user.id).await?;
        if registered.len() >= MOST_PASSKEYS as usize {
            return Err(too_many());
        }
        let ids = registered
            .iter()
            .map(|passkey| Ok(read_credential(passkey)?.cred_id));
        let ids = ids.collect::<Result<_, Problem>>()?;
        let (options, state) = party.begin_registration(user, ids).map_err(internal)?;
        let user = user.id.clone();
        let ceremony = Ceremony::Add { user, state };
        let carrier = Self::carrier_asked_for(exchange)?;
        self.begin_ceremony(exchange, carrier, ceremony, &options)
            .await
    }

    /// Finishes: `name`, if its owner gave one.
    pub(super) async fn finish_add(
        &self,
        exchange: &mut Exchange<'_>,
        party: &RelyingParty,
    ) -> Result<Response, Problem> {
        let signed_in = self.confirmed_owner(exchange).await?;
        let reply = Reply::read(exchange)?;
        self.core
            .forms
            .check(exchange, &reply.params, &form(&signed_in))?;
        let carrier = Self::carrier_asked_for(exchange)?;
        let ceremony = self.take_ceremony(exchange, carrier, &reply).await?;
        let Ceremony::Add { user, state } = ceremony else {
            return Err(gone());
        };
        if user != signed_in.user.id {
            return Err(gone());
        }
        let passkey = Self::registered(exchange, party, &reply, &state, user)?;
        let passkeys = &self.core.stores.passkeys;
        match passkeys.add_passkey(&passkey, MOST_PASSKEYS).await? {
            AddPasskey::Added => {}
            AddPasskey::TooMany => return Err(too_many()),
            AddPasskey::Exists => return Err(exists()),
        }
        // Taken back if the owner of the address has come meanwhile, and dropped what they saw of a stranger's (threat 29).
        if !self.is_still_signed_in(&signed_in, exchange.now).await? {
            passkeys
                .remove_passkey(&passkey.user_id, &passkey.id)
                .await?;
            return Err(Problem::unauthenticated());
        }
        self.tell_passkey(exchange, &signed_in.user, &passkey, MailKind::PasskeyAdded)
            .await;
        let mut added = json!({ "passkey": { "id": passkey.id, "name": passkey.name } });
        let renewed = self.raise_by_new(exchange, &signed_in, &passkey).await?;
        if let (Value::Object(added), Some(Value::Object(renewed))) = (&mut added, renewed) {
            added.extend(renewed);
        }
        let next = self.passkeys_url(Notice::Added);
        Ok(done_with(exchange, &next, added))
    }

    /// The new passkey was a second factor beside what the session began with: it is one of several from here on, as
    /// after the set-up of an authenticator app. Otherwise nobody could go on without giving it again at once.
    async fn raise_by_new(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        passkey: &Passkey,
    ) -> Result<Option<Value>, Problem> {
        let session = &signed_in.session;
        let is_several = session.acr.as_deref() == Some(acr::MULTI_FACTOR_ACR);
        if is_several || acr::is_passkey_alone(&session.amr) {
            return Ok(None);
        }
        let is_synced = read_credential(passkey)?.backup_eligible;
        let amr = several(session.amr.clone(), &key_methods(is_synced));
        let raised = Session {
            acr: Some(acr::of(&amr).to_owned()),
            amr,
            ..session.clone()
        };
        self.renew_session(exchange, &raised).await
    }

    /// Checks a registration and makes of it what is stored.
    pub(super) fn registered(
        exchange: &Exchange<'_>,
        party: &RelyingParty,
        reply: &Reply,
        state: &RegistrationState,
        user: UserId,
    ) -> Result<Passkey, Problem> {
        let answer: RegisterPublicKeyCredential = reply.answer()?;
        let name = parse_name(reply.params.get("name").unwrap_or_default());
        let name = name.map_err(|message| unfit("invalid_name", message))?;
        let credential = party.check_registration(&answer, state).map_err(|error| {
            tracing::debug!(error = %error, "a passkey was not registered");
            unfit(
                "passkey_refused",
                "This passkey cannot be registered here. Try again, or try another device.",
            )
        })?;
        let agent = exchange.header(USER_AGENT);
        let fallback = || default_name(&answer, &credential.cred_id, agent).to_owned();
        let name = name.unwrap_or_else(fallback);
        stored(exchange, &credential, user, name)
    }
}

fn unfit(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

fn stored(
    exchange: &Exchange<'_>,
    credential: &Credential,
    user_id: UserId,
    name: String,
) -> Result<Passkey, Problem> {
    Ok(Passkey {
        id: passkey_id(&credential.cred_id),
        user_id,
        name,
        credential: write_credential(credential)?,
        counter: credential.counter,
        created_at: exchange.now,
        last_used_at: None,
    })
}
