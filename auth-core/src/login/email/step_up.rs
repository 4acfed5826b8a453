//! `POST /auth/step-up/email`, and the digits on the step-up page: proving again who is signed in, where there is nothing
//! but a mailbox to prove it by.
//!
//! The code is good in the session that asked for it and for its user alone. It makes the sign-in recent and is no second
//! factor, whatever the session began with (threat 19): whoever reads the mailbox has the one factor that there is.

use http::StatusCode;
use serde_json::{Value, json};

use super::code::Tried;
use super::gone;
use super::order::Ask;
use super::proof::{About, Claim, FLOW_FIELD, Opened};
use crate::login::reply::done;
use crate::login::second_factor::{Prompted, asks_for_several};
use crate::login::step_up::{Asked, form};
use crate::login::{LoginWing, SignedIn, acr};
use crate::services::mail::MailKind;
use crate::store::User;
use crate::web::{Exchange, Params, Problem, Response, ReturnTo, with_query};

const PAGE: &str = "/step-up";
const SEND: &str = "/step-up/email";

impl LoginWing {
    /// Whether a code can be sent to where the user is known to read it.
    pub(in crate::login) fn reaches(&self, user: &User) -> bool {
        self.sends_mail() && user.email.is_some() && user.email_verified_at.is_some()
    }

    /// `POST`: orders the mail, and leads to where its digits go.
    pub(super) async fn ask_to_step_up(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let return_to = self.return_to(&body);
        if !self.steps_up_by_mail(&signed_in).await? {
            return Err(no_mail_code());
        }
        let user = &signed_in.user;
        let email = user.email.clone().ok_or_else(no_mail_code)?;
        let claim = Claim::new(About::StepUp, email, Some(user.id.clone()));
        self.count_asking(exchange, &claim).await?;
        let ask = Ask {
            to: Some(claim.email.clone()),
            claim,
            kind: MailKind::StepUpCode,
            landing: PAGE,
            // The session in place of the browser: a client without cookies may ask too.
            browser: Some(signed_in.session.id.as_str()),
        };
        let made = self.ask(exchange, ask).await?;
        let factor = asks_for_several(exchange)?.then_some("second");
        let query = [
            ("return_to", return_to.as_ref().map(ReturnTo::as_str)),
            ("factor", factor),
            ("use", Some(Prompted::EmailCode.as_str())),
            (FLOW_FIELD, Some(made.flow.as_str())),
        ];
        Ok(done(exchange, &with_query(&self.path(PAGE), &query)))
    }

    /// The proof that a request names, of this session and its user.
    async fn own_step_up(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        params: &Params,
    ) -> Result<Option<Opened>, Problem> {
        let session = Some(signed_in.session.id.as_str());
        let opened = self
            .open_proof_of(exchange, About::StepUp, params, session)
            .await?;
        let is_own = |opened: &Opened| opened.claim().user.as_ref() == Some(&signed_in.user.id);
        Ok(opened.filter(is_own))
    }

    /// What the page needs to ask for the digits: where they are sent from, and the flow once they are under way.
    pub(in crate::login) async fn mail_code_facts(
        &self,
        exchange: &Exchange<'_>,
        signed_in: &SignedIn,
        params: &Params,
    ) -> Result<Value, Problem> {
        let opened = self.own_step_up(exchange, signed_in, params).await?;
        let factor = asks_for_several(exchange)?.then_some("second");
        Ok(json!({
            "action": with_query(&self.path(SEND), &[("factor", factor)]),
            "email": signed_in.user.email,
            "flow": opened.as_ref().map(Opened::flow),
        }))
    }

    /// `POST` of the step-up page with `f` and `email_code`. Counted before it is looked at, like every code of a mail.
    pub(in crate::login) async fn step_up_by_mail(
        &self,
        exchange: &mut Exchange<'_>,
        signed_in: &SignedIn,
        body: &Params,
        return_to: Option<&ReturnTo>,
    ) -> Result<Response, Problem> {
        let opened = self.own_step_up(exchange, signed_in, body).await?;
        let opened = opened.ok_or_else(gone)?;
        // Who has set up something better meanwhile proves it by that.
        if !self.steps_up_by_mail(signed_in).await? {
            return Err(gone());
        }
        let code = body.get("email_code").unwrap_or_default();
        match self.try_code(exchange, &opened, code).await? {
            Tried::Right(_) => {
                let amr = [acr::EMAIL];
                self.finish_step_up(exchange, signed_in, &amr, return_to, json!({}))
                    .await
            }
            Tried::Gone => Err(gone()),
            Tried::Wrong => {
                let asked = Asked {
                    method: Some(Prompted::EmailCode.as_str()),
                    error: Some("That is not the code of the mail."),
                    params: body,
                };
                let status = StatusCode::UNAUTHORIZED;
                self.draw_step_up(exchange, status, signed_in, return_to, asked)
                    .await
            }
        }
    }
}

fn no_mail_code() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "no_mail_code",
        "There is another way to confirm that it is you.",
    )
}
