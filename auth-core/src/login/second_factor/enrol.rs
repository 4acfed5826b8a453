//! `POST /auth/account/two-factor/begin` and `…/confirm`: an authenticator app is set up, and counts once a code shows
//! that it has the secret.

use http::StatusCode;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::several;
use super::totp::Enrolment;
use crate::login::{LoginWing, Mfa, SignedIn, acr};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{FactorId, Session, TotpFactor, User};
use crate::web::{
    Exchange, PagePolicy, Params, Problem, Response, json as json_response, wants_json,
};

pub(super) fn begin_form(signed_in: &SignedIn) -> String {
    format!("totp_begin:{}", signed_in.session.id)
}

/// Each enrolment has a form of its own, which confirms no other: one of another tab has replaced the secret.
fn confirm_form(signed_in: &SignedIn, factor: &FactorId) -> String {
    format!("totp_confirm:{}:{factor}", signed_in.session.id)
}

pub(super) const WRONG_CODE: &str = "That code is not right. Wait for the next one and try again.";
pub(super) const REPLACED: &str = "This set-up has been replaced by another one. Begin again.";

/// A page of a set-up.
pub(super) struct SetUpPage<'p> {
    pub(super) action: String,
    pub(super) form: String,
    pub(super) account_url: String,
    pub(super) error: Option<&'p str>,
}

/// What a code that shall confirm comes to.
pub(super) enum Confirmable {
    /// It is right; this is its step.
    Right(TotpFactor, u64),
    /// It is not.
    Wrong(TotpFactor),
    /// The enrolment is another by now, or confirmed, or gone.
    Replaced,
}

impl LoginWing {
    /// `POST`: draws a secret and shows it.
    pub(super) async fn begin_enrolment(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self
            .confirmed_person(exchange, "/account/two-factor")
            .await?
        {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = begin_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let is_off = self.settings.factors.mfa == Mfa::Off;
        if is_off && !self.must_have_mfa(&signed_in.user).await? {
            return Err(Problem::forbidden("Second factors are not offered here."));
        }
        let begun = self.begin_totp(&signed_in.user, exchange.now).await?;
        let Some(enrolment) = begun else {
            let error = Some("An authenticator app is set up already. Remove it first.");
            let status = StatusCode::CONFLICT;
            return self
                .draw_two_factor(exchange, status, &signed_in, None, error)
                .await;
        };
        let page = self.set_up_page(&signed_in, &enrolment.id, None);
        Ok(self.draw_enrolment(exchange, StatusCode::OK, &page, Some(&enrolment)))
    }

    /// `POST`: `factor` and `code`. From here on the second factor is asked for.
    pub(super) async fn confirm_enrolment(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self
            .confirmed_person(exchange, "/account/two-factor")
            .await?
        {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let factor = FactorId::new(body.get("factor").unwrap_or_default());
        let form = confirm_form(&signed_in, &factor);
        self.core.forms.check(exchange, &body, &form)?;
        let user = &signed_in.user;
        let confirmed = match self.confirmable(exchange, user, &factor, &body).await? {
            Confirmable::Right(factor, step) => self.enrol(exchange, user, &factor, step).await?,
            Confirmable::Wrong(factor) => {
                let enrolment = self.enrolment(user, &factor)?;
                let page = self.set_up_page(&signed_in, &factor.id, Some(WRONG_CODE));
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Ok(self.draw_enrolment(exchange, status, &page, Some(&enrolment)));
            }
            Confirmable::Replaced => None,
        };
        let Some(codes) = confirmed else {
            let status = StatusCode::CONFLICT;
            return self
                .draw_two_factor(exchange, status, &signed_in, None, Some(REPLACED))
                .await;
        };
        // The code was a second factor: the session is one of several from here on.
        let amr = several(signed_in.session.amr.clone(), &[acr::ONE_TIME_PASSWORD]);
        let raised = Session {
            acr: Some(acr::of(&amr).to_owned()),
            amr,
            ..signed_in.session.clone()
        };
        let renewed = self.renew_session(exchange, &raised).await?;
        let next = self.path("/account/two-factor");
        let members = renewed.unwrap_or_else(|| json!({}));
        Ok(self.show_codes(exchange, &codes, &next, members))
    }

    /// Compares a code with the enrolment it shall confirm. Not counted: the secret is on the page above it.
    pub(super) async fn confirmable(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        id: &FactorId,
        body: &Params,
    ) -> Result<Confirmable, Problem> {
        let found = self.core.stores.factors.totp(&user.id).await?;
        let is_it = |totp: &TotpFactor| totp.id == *id && totp.confirmed_at.is_none();
        let Some(factor) = found.filter(is_it) else {
            return Ok(Confirmable::Replaced);
        };
        let code = body.get("code").unwrap_or_default();
        Ok(match self.totp_step(&factor, code, exchange.now)? {
            Some(step) => Confirmable::Right(factor, step),
            None => Confirmable::Wrong(factor),
        })
    }

    /// Confirms the enrolment and makes backup codes; `None` when another call was faster or another set-up began.
    pub(super) async fn enrol(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        factor: &TotpFactor,
        step: u64,
    ) -> Result<Option<Vec<Zeroizing<String>>>, Problem> {
        let (now, address) = (exchange.now, exchange.address);
        let factors = &self.core.stores.factors;
        if !factors
            .confirm_totp(&user.id, &factor.id, step, now)
            .await?
        {
            return Ok(None);
        }
        let event = Event::TotpEnrolled {
            user: user.id.clone(),
        };
        self.core.emit(now, address, event).await;
        self.distrust_devices(&user.id, address, now).await?;
        let codes = self.replace_backup_codes(exchange, &user.id).await?;
        self.tell_owner(exchange, user, MailKind::MfaOn, json!({}))
            .await;
        Ok(Some(codes))
    }

    fn set_up_page<'p>(
        &self,
        signed_in: &SignedIn,
        factor: &FactorId,
        error: Option<&'p str>,
    ) -> SetUpPage<'p> {
        SetUpPage {
            action: self.path("/account/two-factor/confirm"),
            form: confirm_form(signed_in, factor),
            account_url: self.path("/account/two-factor"),
            error,
        }
    }

    /// The page of a set-up: an invitation to begin, or the secret and the field for the first code.
    pub(super) fn draw_enrolment(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        page: &SetUpPage<'_>,
        enrolment: Option<&Enrolment>,
    ) -> Response {
        let shown = enrolment.map(|enrolment| {
            json!({
                "factor": enrolment.id,
                "secret": *enrolment.secret,
                "uri": *enrolment.uri,
                "qr": *enrolment.qr,
            })
        });
        let context = json!({
            "action": page.action,
            "form_token": self.core.form_token(exchange, &page.form),
            "enrolment": shown,
            "back_url": page.account_url,
            "error": page.error,
        });
        let policy = PagePolicy::default();
        self.core
            .page(exchange, status, PageName::TotpEnrol, context, policy)
    }

    /// Shows new backup codes, this once. `members` is what the JSON answer says besides.
    pub(super) fn show_codes(
        &self,
        exchange: &Exchange<'_>,
        codes: &[Zeroizing<String>],
        next: &str,
        mut members: Value,
    ) -> Response {
        let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
        if wants_json(exchange.headers()) {
            members["backup_codes"] = codes.into();
            members["next"] = next.into();
            return json_response(StatusCode::OK, &members);
        }
        let context = json!({ "codes": codes, "continue_url": next });
        let policy = PagePolicy::default();
        let status = StatusCode::OK;
        self.core
            .page(exchange, status, PageName::BackupCodes, context, policy)
    }
}
