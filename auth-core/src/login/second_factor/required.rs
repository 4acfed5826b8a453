//! `/auth/second-factor/enrol`: who must have a second factor and has none sets one up on the way to the first session.

use http::StatusCode;
use serde_json::json;

use super::enrol::{Confirmable, REPLACED, SetUpPage, WRONG_CODE};
use super::pending::{PendingSignIn, SecondFactorGiven};
use crate::login::reply::done;
use crate::login::{LoginWing, acr};
use crate::store::{FactorId, User};
use crate::web::{Exchange, Problem, Response};

fn begin_form(user: &User) -> String {
    format!("required_begin:{}", user.id)
}

fn confirm_form(user: &User, factor: &FactorId) -> String {
    format!("required_confirm:{}:{factor}", user.id)
}

impl LoginWing {
    /// `GET`: says what is to come. Nothing is made yet.
    pub(super) async fn required_enrol_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let Some(pending) = self.pending_sign_in(exchange, None).await? else {
            return self.sign_in_again(exchange, None);
        };
        if self.has_one(&pending).await? {
            return Ok(done(exchange, &self.path("/second-factor")));
        }
        let page = self.invitation(&pending, None);
        Ok(self.draw_enrolment(exchange, StatusCode::OK, &page, None))
    }

    /// `POST`: draws a secret and shows it.
    pub(super) async fn required_enrol(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let Some(pending) = self.pending_sign_in(exchange, Some(&body)).await? else {
            return self.sign_in_again(exchange, None);
        };
        let form = begin_form(&pending.user);
        self.core.forms.check(exchange, &body, &form)?;
        if self.has_one(&pending).await? {
            return Ok(done(exchange, &self.path("/second-factor")));
        }
        let Some(enrolment) = self.begin_totp(&pending.user, exchange.now).await? else {
            return Ok(done(exchange, &self.path("/second-factor")));
        };
        let page = self.secret_page(&pending, &enrolment.id, None);
        Ok(self.draw_enrolment(exchange, StatusCode::OK, &page, Some(&enrolment)))
    }

    /// `POST`: `factor` and `code`. Confirms, then begins the session.
    pub(super) async fn required_confirm(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let Some(pending) = self.pending_sign_in(exchange, Some(&body)).await? else {
            return self.sign_in_again(exchange, None);
        };
        let factor = FactorId::new(body.get("factor").unwrap_or_default());
        let form = confirm_form(&pending.user, &factor);
        self.core.forms.check(exchange, &body, &form)?;
        if self.has_one(&pending).await? {
            return Ok(done(exchange, &self.path("/second-factor")));
        }
        let user = &pending.user;
        match self.confirmable(exchange, user, &factor, &body).await? {
            Confirmable::Right(factor, step) => {
                self.enrol_and_enter(exchange, pending, &factor, step).await
            }
            Confirmable::Wrong(factor) => {
                let enrolment = self.enrolment(user, &factor)?;
                let page = self.secret_page(&pending, &factor.id, Some(WRONG_CODE));
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Ok(self.draw_enrolment(exchange, status, &page, Some(&enrolment)))
            }
            Confirmable::Replaced => {
                let page = self.invitation(&pending, Some(REPLACED));
                Ok(self.draw_enrolment(exchange, StatusCode::CONFLICT, &page, None))
            }
        }
    }

    /// The sign-in is spent first: of any number of right codes at once, one enrols and enters.
    async fn enrol_and_enter(
        &self,
        exchange: &mut Exchange<'_>,
        pending: PendingSignIn,
        factor: &crate::store::TotpFactor,
        step: u64,
    ) -> Result<Response, Problem> {
        let return_to = pending.return_to.clone();
        if !self.spend_pending(exchange, &pending).await? {
            return self.sign_in_again(exchange, return_to.as_ref());
        }
        let given = SecondFactorGiven {
            amr: vec![acr::ONE_TIME_PASSWORD],
            is_new: true,
            trust_device: false,
            members: json!({}),
        };
        let user = pending.user.clone();
        let Some(codes) = self.enrol(exchange, &user, factor, step).await? else {
            return self.sign_in_again(exchange, return_to.as_ref());
        };
        let opened = self.open_pending(exchange, pending, given).await;
        if let Ok(Some(opened)) = opened {
            return Ok(self.show_codes(exchange, &codes, &opened.next, opened.members));
        }
        // The password was changed in this very moment, or the host refuses the sign-in: whoever began it must leave nothing
        // behind.
        self.forget_second_factors(&user.id, exchange.address, exchange.now)
            .await?;
        opened?;
        self.sign_in_again(exchange, return_to.as_ref())
    }

    async fn has_one(&self, pending: &PendingSignIn) -> Result<bool, Problem> {
        let factors = self.second_factors(&pending.user.id).await?;
        Ok(factors.beside(pending.basis()).any())
    }

    fn invitation<'p>(&self, pending: &PendingSignIn, error: Option<&'p str>) -> SetUpPage<'p> {
        SetUpPage {
            action: self.path("/second-factor/enrol"),
            form: begin_form(&pending.user),
            account_url: self.login_url(pending.return_to.as_ref()),
            error,
        }
    }

    fn secret_page<'p>(
        &self,
        pending: &PendingSignIn,
        factor: &FactorId,
        error: Option<&'p str>,
    ) -> SetUpPage<'p> {
        SetUpPage {
            action: self.path("/second-factor/enrol/confirm"),
            form: confirm_form(&pending.user, factor),
            account_url: self.login_url(pending.return_to.as_ref()),
            error,
        }
    }
}
