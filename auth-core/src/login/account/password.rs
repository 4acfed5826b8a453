//! `POST /auth/account/password`: another password. It ends every other session and gives this one a new secret.

use http::StatusCode;
use serde_json::{Value, json};

use super::{FieldErrors, Notice, step_up_required};
use crate::login::attempt::identifiers_of;
use crate::login::password::{Password, Personal};
use crate::login::reply::done_with;
use crate::login::{LoginWing, SessionEnd, SignedIn};
use crate::services::Event;
use crate::store::{PasswordHash, User};
use crate::web::{CookieName, Exchange, Problem, Response, see_other, wants_json};

pub(super) fn form(signed_in: &SignedIn) -> String {
    format!("password:{}", signed_in.session.id)
}

/// What the change stands on.
enum Basis {
    /// The present password was given; this is its hash.
    Password(PasswordHash),
    /// There is no password yet, and the person has confirmed who they are.
    Confirmed,
    /// There is no password yet, and this is where they confirm it first.
    Unconfirmed(String),
    /// The present password was not given.
    Wrong,
}

impl LoginWing {
    /// `POST`: `current_password`, unless there is none, and `new_password`.
    pub(in crate::login) async fn change_password(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let current = Password::from(body.get("current_password").unwrap_or_default());
        let new = Password::from(body.get("new_password").unwrap_or_default());

        let wrong = "That is not your current password.";
        let expected = match self.basis(exchange, &signed_in, &current).await? {
            Basis::Password(hash) => Some(hash),
            Basis::Confirmed => None,
            Basis::Unconfirmed(_) if wants_json(exchange.headers()) => {
                return Err(step_up_required());
            }
            Basis::Unconfirmed(elsewhere) => return Ok(see_other(&elsewhere)),
            Basis::Wrong => {
                return self
                    .refuse_change(exchange, &signed_in, "current_password", wrong)
                    .await;
            }
        };
        let personal = personal(&signed_in.user);
        if let Err(refused) = self.hashers.judge(&new, personal).await? {
            let message = refused.to_string();
            return self
                .refuse_change(exchange, &signed_in, "new_password", &message)
                .await;
        }
        let hash = self.hashers.hash(&new).await?;
        let users = &self.core.stores.users;
        let user = &signed_in.user.id;
        if !users
            .set_password(user, expected.as_ref(), &hash, exchange.now)
            .await?
        {
            // Changed elsewhere since: what was given is the current password no more.
            return self
                .refuse_change(exchange, &signed_in, "current_password", wrong)
                .await;
        }
        let renewed = self.after_change(exchange, &signed_in).await?;
        let next = self.account_url(Notice::PasswordChanged);
        Ok(done_with(exchange, &next, renewed))
    }

    /// Counted like a sign-in, by the same counter: a browser left open is no place to guess at will.
    async fn basis(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        current: &Password,
    ) -> Result<Basis, Problem> {
        let user = &signed_in.user;
        let stored = self.core.stores.users.password_hash(&user.id).await?;
        if stored.is_none() {
            // A first password is one way in more: whoever adds another proves the same.
            let elsewhere = self.unconfirmed(exchange, signed_in, "/account").await?;
            return Ok(elsewhere.map_or(Basis::Confirmed, Basis::Unconfirmed));
        }
        let Some(identifier) = identifiers_of(user).next() else {
            return Ok(Basis::Wrong);
        };
        let account = self.find_account(Some(&identifier)).await?;
        let counted = self
            .count_confirmation(exchange, &identifier, &account)
            .await?;
        let proven = self
            .prove_password(account, current, Some(signed_in), counted.begun())
            .await;
        if proven.is_err() {
            // Nothing was compared: being too busy is not held against anybody.
            counted.take_back().await?;
        } else {
            counted.stand();
        }
        match proven? {
            Ok(proven) => {
                self.clear_account_count(&user.id).await?;
                Ok(Basis::Password(proven.hash().clone()))
            }
            Err(refused) => {
                let reason = refused.reason;
                let event = Event::SignInFailed {
                    user: Some(user.id.clone()),
                    reason,
                };
                self.core.emit(exchange.now, exchange.address, event).await;
                Ok(Basis::Wrong)
            }
        }
    }

    async fn refuse_change(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        field: &'static str,
        message: &str,
    ) -> Result<Response, Problem> {
        let errors = FieldErrors::from([(field, message.to_owned())]);
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        self.draw_account(exchange, status, signed_in, None, &errors)
            .await
    }

    async fn after_change(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
    ) -> Result<Value, Problem> {
        let (now, address) = (exchange.now, exchange.address);
        let user = &signed_in.user.id;
        let why = SessionEnd::PasswordChanged;
        self.end_all_sessions(user, Some(signed_in), why, address, now)
            .await?;
        let event = Event::PasswordChanged { user: user.clone() };
        self.core.emit(now, address, event).await;
        self.tell_password_changed(exchange, &signed_in.user).await;
        self.distrust_devices(user, address, now).await?;
        if let Some(renewed) = self.renew_session(exchange, &signed_in.session).await? {
            return Ok(renewed);
        }
        // Ended from another device in this very moment: the browser is signed out.
        exchange.cookies.remove(CookieName::Session);
        Ok(json!({}))
    }
}

fn personal(user: &User) -> Personal {
    let name = user.claims.get("name").and_then(|name| name.as_str());
    Personal::new(user.email.as_deref(), user.username.as_deref(), name)
}
