//! `/auth/account/email` and below: another e-mail address.
//!
//! Asked for by somebody who signed in recently; confirmed at the new address, by the link or the digits, in a browser
//! where the same person is signed in; the old address is told, and can stop it or [undo](super::undo) it. The proof names both addresses and the
//! password that stood then: when any of them is another meanwhile, it is worthless (threats 15, 30). Once done, every
//! other session ends, as after a change of password: what people sign in with has changed.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::code::Tried;
use super::gone;
use super::order::Ask;
use super::proof::{About, Claim, FLOW_FIELD, Opened, Proven};
use super::sign_in::AskForm;
use crate::ground::Digest32;
use crate::login::account::Notice;
use crate::login::attempt::refusal;
use crate::login::identifier::parse_email;
use crate::login::reply::done;
use crate::login::{LoginWing, SessionEnd, SignedIn};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::ChangeEmail;
use crate::web::{CookieName, Exchange, Problem, Response, with_query};

const PAGE: &str = "/account/email";
const CONFIRM: &str = "/account/email/confirm";
pub(super) const STOP: &str = "/account/email/stop";

fn form(signed_in: &SignedIn) -> String {
    format!("change_email:{}", signed_in.session.id)
}

impl LoginWing {
    /// `GET`: asks for the new address.
    pub(super) async fn change_email_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, PAGE).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let form = AskForm::default();
        Ok(self.draw_change(exchange, StatusCode::OK, &signed_in, &form, None))
    }

    fn draw_change(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        signed_in: &SignedIn,
        asked: &AskForm,
        error: Option<&str>,
    ) -> Response {
        let errors: BTreeMap<_, _> = error.map(|error| ("email", error)).into_iter().collect();
        let context = json!({
            "action": self.path(PAGE),
            "form_token": self.core.form_token(exchange, &form(signed_in)),
            "current": signed_in.user.email,
            "form": { "email": asked.shown() },
            "errors": errors,
            "account_url": self.path("/account"),
        });
        self.draw_mail_page(exchange, status, PageName::ChangeEmail, context)
    }

    /// `POST`: `email`. Whether somebody else has it is not said: they are told by mail.
    pub(super) async fn ask_to_change_email(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, PAGE).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let asked = AskForm::read(self, &body);
        let parsed = parse_email(asked.email.as_deref().unwrap_or_default());
        let new = match parsed.map_err(|error| error.to_string()) {
            Ok(_)
                if self
                    .was_changed_lately(&signed_in.user, exchange.now)
                    .await? =>
            {
                Err(
                    "Your address was changed a short while ago. Change it again another day."
                        .to_owned(),
                )
            }
            Ok(new) if signed_in.user.email.as_ref() != Some(&new) => Ok(new),
            Ok(_) => Err("That is your e-mail address already.".to_owned()),
            Err(error) => Err(error),
        };
        let new = match new {
            Ok(new) => new,
            Err(error) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Ok(self.draw_change(exchange, status, &signed_in, &asked, Some(&error)));
            }
        };
        let flow = self.order_change(exchange, &signed_in, new).await?;
        let parameters = [(FLOW_FIELD, Some(flow.as_str()))];
        let next = with_query(&self.path(CONFIRM), &parameters);
        Ok(done(exchange, &next))
    }

    /// Orders both mails.
    async fn order_change(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        new: String,
    ) -> Result<String, Problem> {
        let user = &signed_in.user;
        let is_held = self.is_held(&new, exchange.now).await?;
        let is_taken = self.owner_of(&new).await?.is_some() || is_held;
        let mut claim = Claim::new(About::Change, new.clone(), Some(user.id.clone()));
        self.count_asking(exchange, &claim).await?;
        let old = user.email.clone();
        let stop = old.map(|old| Claim::new(About::StopChange, old, Some(user.id.clone())));
        if let Some(stop) = &stop {
            // Past the limit nothing is asked for: no change without a word to the old address.
            if let Some(locked) = self.count_recipient(exchange, stop).await? {
                return Err(refusal(locked, exchange.now));
            }
        }
        claim.from.clone_from(&user.email);
        claim.since = user.email_verified_at;
        claim.password = self.password_digest(&user.id).await?;
        let browser = exchange.browser(&*self.core.random);
        let ask = Ask {
            claim,
            kind: if is_taken {
                MailKind::AlreadyRegistered
            } else {
                MailKind::EmailChangeConfirm
            },
            to: Some(new),
            landing: CONFIRM,
            browser: Some(&browser),
        };
        let made = self.ask(exchange, ask).await?;
        if let Some(mut claim) = stop {
            claim.stops = Some(Digest32::of(&made.flow));
            let ask = Ask {
                to: Some(claim.email.clone()),
                claim,
                kind: MailKind::EmailChangeNotice,
                landing: STOP,
                browser: None,
            };
            self.ask(exchange, ask).await?;
        }
        let event = Event::EmailChangeRequested {
            user: user.id.clone(),
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        Ok(made.flow)
    }

    /// The change behind a request, if it is of the person signed in.
    async fn own_change(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        params: &crate::web::Params,
    ) -> Result<Opened, Problem> {
        let opened = self.open_proof(exchange, About::Change, params).await?;
        let is_own = |opened: &Opened| opened.claim().user.as_ref() == Some(&signed_in.user.id);
        opened.filter(is_own).ok_or_else(gone)
    }

    /// `GET`: the digits, or a button behind the link. Spends nothing.
    pub(super) async fn confirm_change_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let query = exchange.query()?;
        let opened = self.own_change(exchange, &signed_in, &query).await?;
        Ok(self.draw_confirm_change(exchange, StatusCode::OK, &opened, None))
    }

    fn draw_confirm_change(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        opened: &Opened,
        error: Option<&str>,
    ) -> Response {
        let mut context = self.proof_context(exchange, CONFIRM, opened);
        context["ask_code"] = (!opened.by_link).into();
        context["errors"] = error.map_or_else(|| json!({}), |error| json!({ "code": error }));
        context["account_url"] = self.path("/account").into();
        self.draw_mail_page(exchange, status, PageName::ConfirmEmailChange, context)
    }

    /// `POST`: `t`, or `f` with `code`.
    pub(super) async fn confirm_change(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let opened = self.own_change(exchange, &signed_in, &body).await?;
        self.core.forms.check(exchange, &body, &opened.form())?;
        let proven = if opened.by_link {
            self.spend_link(&opened, exchange.now).await?
        } else {
            let code = body.get("code").unwrap_or_default();
            match self.try_code(exchange, &opened, code).await? {
                Tried::Right(proven) => Some(*proven),
                Tried::Gone => None,
                Tried::Wrong => {
                    let status = StatusCode::UNPROCESSABLE_ENTITY;
                    let error = Some("That is not the code of the mail.");
                    return Ok(self.draw_confirm_change(exchange, status, &opened, error));
                }
            }
        };
        self.change_proven(exchange, &signed_in, proven.ok_or_else(gone)?)
            .await?;
        let next = self.account_url(Notice::EmailChanged);
        Ok(done(exchange, &next))
    }

    async fn change_proven(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        proven: Proven,
    ) -> Result<(), Problem> {
        let Proven { claim, user, .. } = proven;
        if self.password_digest(&user.id).await? != claim.password {
            return Err(gone());
        }
        let (users, now) = (&self.core.stores.users, exchange.now);
        let is_held = self.is_held(&claim.email, now).await?;
        if is_held || self.was_changed_lately(&user, now).await? {
            return Err(gone());
        }
        // Before the change, so that there is none that cannot be undone.
        self.note_change(&user, now).await?;
        let from = claim.from.as_deref();
        match users
            .change_email(&user.id, from, &claim.email, now)
            .await?
        {
            ChangeEmail::Changed => {}
            ChangeEmail::Taken | ChangeEmail::Stale => return Err(gone()),
        }
        let event = Event::EmailChanged {
            user: user.id.clone(),
        };
        self.core.emit(now, exchange.address, event).await;
        let why = SessionEnd::Revoked;
        self.end_all_sessions(&user.id, Some(signed_in), why, exchange.address, now)
            .await?;
        let renewed = self.renew_session(exchange, &signed_in.session).await?;
        if renewed.is_none() {
            exchange.cookies.remove(CookieName::Session);
        }
        self.tell_changed(exchange, &user).await;
        Ok(())
    }
}
