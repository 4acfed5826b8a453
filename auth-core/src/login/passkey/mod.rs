//! Passkeys (WebAuthn Level 3): added on the account pages, a way to sign in from an empty form, to register without a
//! password, to give a second factor and to prove again who one is.
//!
//! Each ceremony is two requests of the page's script, `begin` and `finish`, which answer JSON. What is put to the
//! authenticator in between is a [`ceremony`]; every answer of an authenticator goes through [`verify`], and every
//! sign-in through the one door that passwords go through.

mod add;
mod ceremony;
mod default_name;
mod manage;
mod relying_party;
mod second_factor;
mod sign_in;
mod sign_up;
mod step_up;
mod verify;

use http::Method;
use serde_json::{Value, json};

pub(in crate::login) use self::relying_party::RelyingParty;

use super::account::step_up_required;
use super::{LoginWing, SignedIn};
use crate::ground::Digest32;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::store::{Passkey, PasskeyId, User};
use crate::web::{Exchange, Problem, Response, Side};

/// As many passkeys as one user can have.
pub(super) const MOST_PASSKEYS: u32 = 10;

/// Where a person sees theirs.
const PAGE: &str = "/account/passkeys";

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    BeginSignIn,
    FinishSignIn,
    BeginSignUp,
    FinishSignUp,
    BeginStepUp,
    FinishStepUp,
    BeginSecondFactor,
    FinishSecondFactor,
    Page,
    BeginAdd,
    FinishAdd,
    Rename,
    Remove,
}

impl Endpoint {
    pub(super) const fn side(self) -> Side {
        match self {
            Self::Page | Self::Rename | Self::Remove => Side::Page,
            Self::BeginSignIn
            | Self::FinishSignIn
            | Self::BeginSignUp
            | Self::FinishSignUp
            | Self::BeginStepUp
            | Self::FinishStepUp
            | Self::BeginSecondFactor
            | Self::FinishSecondFactor
            | Self::BeginAdd
            | Self::FinishAdd => Side::Api,
        }
    }
}

/// The id a credential is stored under.
pub(super) fn passkey_id(credential_id: &[u8]) -> PasskeyId {
    PasskeyId::new(Digest32::of(credential_id).to_text())
}

impl LoginWing {
    pub(super) fn passkey_routes(&self) -> Vec<(&'static str, &'static [Method], Endpoint)> {
        const GET: &[Method] = &[Method::GET];
        const POST: &[Method] = &[Method::POST];
        if self.relying_party.is_none() {
            return Vec::new();
        }
        let mut routes = vec![
            ("/login/passkey/begin", POST, Endpoint::BeginSignIn),
            ("/login/passkey/finish", POST, Endpoint::FinishSignIn),
            ("/step-up/passkey/begin", POST, Endpoint::BeginStepUp),
            ("/step-up/passkey/finish", POST, Endpoint::FinishStepUp),
            (
                "/second-factor/passkey/begin",
                POST,
                Endpoint::BeginSecondFactor,
            ),
            (
                "/second-factor/passkey/finish",
                POST,
                Endpoint::FinishSecondFactor,
            ),
            (PAGE, GET, Endpoint::Page),
            ("/account/passkeys/begin", POST, Endpoint::BeginAdd),
            ("/account/passkeys/finish", POST, Endpoint::FinishAdd),
            ("/account/passkeys/rename", POST, Endpoint::Rename),
            ("/account/passkeys/remove", POST, Endpoint::Remove),
        ];
        if self.signs_up_with_passkeys() {
            routes.push(("/register/passkey/begin", POST, Endpoint::BeginSignUp));
            routes.push(("/register/passkey/finish", POST, Endpoint::FinishSignUp));
        }
        routes
    }

    pub(super) async fn handle_passkey(
        &self,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        // There is no such route then.
        let party = self.relying_party.as_ref();
        let party = party.ok_or_else(Problem::not_found)?;
        match endpoint {
            Endpoint::BeginSignIn => self.begin_passkey_sign_in(exchange, party).await,
            Endpoint::FinishSignIn => self.finish_passkey_sign_in(exchange, party).await,
            Endpoint::BeginSignUp => self.begin_sign_up(exchange, party).await,
            Endpoint::FinishSignUp => self.finish_sign_up(exchange, party).await,
            Endpoint::BeginStepUp => self.begin_passkey_step_up(exchange, party).await,
            Endpoint::FinishStepUp => self.finish_passkey_step_up(exchange, party).await,
            Endpoint::BeginSecondFactor => self.begin_passkey_second_factor(exchange, party).await,
            Endpoint::FinishSecondFactor => {
                self.finish_passkey_second_factor(exchange, party).await
            }
            Endpoint::Page => self.passkeys_page(exchange).await,
            Endpoint::BeginAdd => self.begin_add(exchange, party).await,
            Endpoint::FinishAdd => self.finish_add(exchange, party).await,
            Endpoint::Rename => self.rename_passkey(exchange).await,
            Endpoint::Remove => self.remove_passkey(exchange).await,
        }
    }

    /// Whether the registration page offers to register with a passkey alone.
    pub(super) fn signs_up_with_passkeys(&self) -> bool {
        self.relying_party.is_some()
            && self.settings.registration
            && self.settings.passkeys.registration
    }

    /// Who is signed in, for the page's script.
    async fn passkey_owner(&self, exchange: &Exchange<'_>) -> Result<SignedIn, Problem> {
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        signed_in.ok_or_else(Problem::unauthenticated)
    }

    /// As [`confirmed_person`](Self::confirmed_person), for the page's script.
    async fn confirmed_owner(&self, exchange: &Exchange<'_>) -> Result<SignedIn, Problem> {
        let signed_in = self.passkey_owner(exchange).await?;
        match self.unconfirmed(exchange, &signed_in, PAGE).await? {
            None => Ok(signed_in),
            Some(_) => Err(step_up_required()),
        }
    }

    /// What the page's script needs for a ceremony: where to begin and finish it, and the token to send along.
    fn script_facts(&self, exchange: &mut Exchange<'_>, path: &str, form: &str) -> Value {
        json!({
            "begin": self.path(&format!("{path}/begin")),
            "finish": self.path(&format!("{path}/finish")),
            "form_token": self.core.form_token(exchange, form),
        })
    }

    /// Tells the owner and whoever listens that a passkey came or went.
    async fn tell_passkey(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        passkey: &Passkey,
        kind: MailKind,
    ) {
        let (owner, id) = (user.id.clone(), passkey.id.to_string());
        let event = match kind {
            MailKind::PasskeyAdded => Event::PasskeyAdded {
                user: owner,
                passkey: id,
            },
            _ => Event::PasskeyRemoved {
                user: owner,
                passkey: id,
            },
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        let facts = json!({ "name": passkey.name });
        self.tell_owner(exchange, user, kind, facts).await;
    }
}
