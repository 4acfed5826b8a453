//! `GET` and `POST /auth/confirm`: an address is shown to be its owner's, by the link or the digits of a mail.

use http::StatusCode;
use serde_json::json;

use super::code::Tried;
use super::gone;
use super::order::Ask;
use super::proof::{About, Claim, FLOW_FIELD, Opened, Proven};
use crate::login::reply::{done, done_with};
use crate::login::{Confirmation, EmailProof, LoginWing, SignedIn};
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{User, UserId};
use crate::web::{Exchange, Problem, Response, ReturnTo, with_query};

const LANDING: &str = "/confirm";
const UNSENT: &str = "Several mails were sent to you. Follow the link of the last one, or ask for another in a few minutes.";

/// What registration came to. The person is not told.
pub(in crate::login) enum Registered {
    Created(UserId),
    EmailTaken,
    UsernameTaken,
}

fn resend_form(signed_in: &SignedIn) -> String {
    format!("confirm:{}", signed_in.session.id)
}

impl LoginWing {
    /// Where somebody who registered goes: to the digits of the mail just ordered, or at once to the sign-in page.
    pub(in crate::login) async fn after_registration(
        &self,
        exchange: &mut Exchange<'_>,
        email: Option<String>,
        registered: Registered,
        return_to: Option<&ReturnTo>,
    ) -> Result<String, Problem> {
        let return_to = return_to.map(ReturnTo::as_str);
        let asked = email.filter(|_| self.confirmation() != Confirmation::Off);
        let Some(email) = asked else {
            let parameters = [("registered", Some("1")), ("return_to", return_to)];
            return Ok(with_query(&self.path("/login"), &parameters));
        };
        let (user, kind, is_real) = match registered {
            Registered::Created(user) => (Some(user), MailKind::Confirmation, true),
            Registered::EmailTaken => (None, MailKind::AlreadyRegistered, true),
            Registered::UsernameTaken => (None, MailKind::Confirmation, false),
        };
        let mut claim = Claim::new(About::Confirmation, email, user);
        claim.return_to = return_to.map(str::to_owned);
        // The registration stands either way: past the limit the mail goes to nobody.
        let is_real = self.may_mail(exchange, &claim).await? && is_real;
        self.ask_to_confirm(exchange, claim, kind, is_real).await
    }

    /// Somebody gave the right password, or a passkey, of an account whose address must be confirmed first: on to the
    /// digits, of a mail ordered now. It was given in this browser, so confirming here keeps it. Past the limit there is
    /// no further mail, and the page says that one was sent.
    pub(in crate::login) async fn confirm_first(
        &self,
        exchange: &mut Exchange<'_>,
        user: &User,
        return_to: Option<&ReturnTo>,
    ) -> Result<Option<Response>, Problem> {
        let is_asked = self.confirmation() == Confirmation::Required;
        let open = user.email.clone();
        let Some(email) = open.filter(|_| is_asked && user.email_verified_at.is_none()) else {
            return Ok(None);
        };
        let mut claim = Claim::new(About::Confirmation, email, Some(user.id.clone()));
        claim.return_to = return_to.map(|path| path.as_str().to_owned());
        let is_mailed = self.may_mail(exchange, &claim).await?;
        let kind = MailKind::Confirmation;
        let mut next = self
            .ask_to_confirm(exchange, claim, kind, is_mailed)
            .await?;
        if !is_mailed {
            next.push_str("&unsent=1");
        }
        let more = json!({ "confirmation_required": true, "mailed": is_mailed });
        Ok(Some(done_with(exchange, &next, more)))
    }

    async fn ask_to_confirm(
        &self,
        exchange: &mut Exchange<'_>,
        claim: Claim,
        kind: MailKind,
        is_real: bool,
    ) -> Result<String, Problem> {
        let browser = exchange.browser(&*self.core.random);
        let ask = Ask {
            to: is_real.then(|| claim.email.clone()),
            claim,
            kind,
            landing: LANDING,
            browser: Some(&browser),
        };
        let made = self.ask(exchange, ask).await?;
        let parameters = [(FLOW_FIELD, Some(made.flow.as_str()))];
        Ok(with_query(&self.path(LANDING), &parameters))
    }

    /// `GET`: the digits in the browser that asked, a button behind the link. Without either, somebody signed in may ask
    /// for a mail.
    pub(super) async fn confirm_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        if query.get("t").is_none() && query.get(FLOW_FIELD).is_none() {
            return self.ask_again_page(exchange).await;
        }
        let opened = self
            .open_proof(exchange, About::Confirmation, &query)
            .await?;
        let opened = opened.ok_or_else(gone)?;
        let unsent = query.is_on("unsent").then_some(UNSENT);
        self.draw_confirm(exchange, StatusCode::OK, &opened, unsent)
            .await
    }

    async fn ask_again_page(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        if signed_in.user.email.is_none() || signed_in.user.email_verified_at.is_some() {
            return Ok(done(exchange, &self.path("/account")));
        }
        let context = json!({
            "action": self.path(LANDING),
            "form_token": null,
            "field": null,
            "email": signed_in.user.email,
            "mode": "ask",
            "keeps_password": true,
            "resend_token": self.core.form_token(exchange, &resend_form(&signed_in)),
            "errors": {},
            "login_url": self.login_url(None),
        });
        let (status, name) = (StatusCode::OK, PageName::Confirm);
        Ok(self.draw_mail_page(exchange, status, name, context))
    }

    async fn draw_confirm(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        opened: &Opened,
        error: Option<&str>,
    ) -> Result<Response, Problem> {
        let keeps = self.keeps_password(exchange, opened).await?;
        let mut context = self.proof_context(exchange, LANDING, opened);
        let resend = (!opened.by_link).then(|| self.core.form_token(exchange, &opened.form()));
        context["mode"] = if opened.by_link { "link" } else { "code" }.into();
        context["keeps_password"] = keeps.into();
        context["resend_token"] = resend.into();
        context["errors"] = error.map_or_else(|| json!({}), |error| json!({ "code": error }));
        context["login_url"] = self.login_url(None).into();
        Ok(self.draw_mail_page(exchange, status, PageName::Confirm, context))
    }

    /// Whether whoever asks has given the password of the account too: here, or by being signed in.
    async fn keeps_password(
        &self,
        exchange: &Exchange<'_>,
        opened: &Opened,
    ) -> Result<bool, Problem> {
        if opened.same_browser {
            return Ok(true);
        }
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        let user = signed_in.map(|signed_in| signed_in.user.id);
        Ok(user.is_some() && user == opened.claim().user)
    }

    /// `POST`: `t`, or `f` with `code`; or `resend`.
    pub(super) async fn confirm(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        if body.get("t").is_none() && body.get(FLOW_FIELD).is_none() {
            return self.ask_again(exchange).await;
        }
        let opened = self
            .open_proof(exchange, About::Confirmation, &body)
            .await?;
        let opened = opened.ok_or_else(gone)?;
        self.core.forms.check(exchange, &body, &opened.form())?;
        if body.is_on("resend") && opened.same_browser {
            return self.resend(exchange, &opened).await;
        }
        let keeps = self.keeps_password(exchange, &opened).await?;
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
                    return self.draw_confirm(exchange, status, &opened, error).await;
                }
            }
        };
        let proven = proven.ok_or_else(gone)?;
        self.confirmed(exchange, proven, keeps).await
    }

    async fn resend(
        &self,
        exchange: &mut Exchange<'_>,
        opened: &Opened,
    ) -> Result<Response, Problem> {
        let claim = opened.claim().clone();
        self.count_asking(exchange, &claim).await?;
        let (kind, is_real) = (MailKind::Confirmation, claim.user.is_some());
        let next = self.ask_to_confirm(exchange, claim, kind, is_real).await?;
        Ok(done(exchange, &next))
    }

    async fn ask_again(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = resend_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        let user = signed_in.user;
        let open = user.email.filter(|_| user.email_verified_at.is_none());
        let Some(email) = open else {
            return Ok(done(exchange, &self.path("/account")));
        };
        let claim = Claim::new(About::Confirmation, email, Some(user.id));
        self.count_asking(exchange, &claim).await?;
        let kind = MailKind::Confirmation;
        let next = self.ask_to_confirm(exchange, claim, kind, true).await?;
        Ok(done(exchange, &next))
    }

    /// Marks the address; a mailbox owner of whom no more is known goes on to choose a password.
    async fn confirmed(
        &self,
        exchange: &mut Exchange<'_>,
        proven: Proven,
        keeps: bool,
    ) -> Result<Response, Problem> {
        let Proven { claim, user, .. } = proven;
        let proof = if keeps {
            EmailProof::SignedInUser
        } else {
            EmailProof::MailboxOwner
        };
        let is_first = self
            .verify_email_from(&user.id, &claim.email, proof, exchange.address)
            .await?;
        let return_to = claim.return_to.as_deref();
        if is_first && !keeps {
            let mut reset = Claim::new(About::Reset, claim.email.clone(), Some(user.id));
            reset.return_to.clone_from(&claim.return_to);
            let made = self.make_proof(reset, None, exchange.now).await?;
            let parameters = [("t", Some(made.token.as_str())), ("confirmed", Some("1"))];
            return Ok(done(
                exchange,
                &with_query(&self.path("/reset"), &parameters),
            ));
        }
        let signed_in = self.resolve(exchange.headers(), exchange.now).await?;
        if signed_in.is_some_and(|signed_in| signed_in.user.id == user.id) {
            return Ok(done(exchange, &self.path("/account")));
        }
        let parameters = [("confirmed", Some("1")), ("return_to", return_to)];
        Ok(done(
            exchange,
            &with_query(&self.path("/login"), &parameters),
        ))
    }
}
