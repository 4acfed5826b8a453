//! `/auth/email` and `/auth/email/code`: signing in by a mail.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::code::Tried;
use super::gone;
use super::order::Ask;
use super::proof::{About, Claim, FLOW_FIELD, Opened, Proven};
use crate::login::first_factor::{AfterFirstFactor, Basis, FirstFactor};
use crate::login::identifier::parse_email;
use crate::login::reply::done;
use crate::login::{CaptchaAction, EmailProof, LoginWing, acr};
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{Identifier, User};
use crate::web::{
    Exchange, FormTarget, PagePolicy, Params, Problem, Response, ReturnTo, with_query,
};

const FORM: &str = "email_sign_in";
const LANDING: &str = "/email/code";

/// What was typed, or is shown, on the page that asks for an address.
#[derive(Default)]
pub(super) struct AskForm {
    pub(super) email: Option<String>,
    pub(super) remember: bool,
    pub(super) return_to: Option<ReturnTo>,
}

impl AskForm {
    pub(super) fn read(wing: &LoginWing, params: &Params) -> Self {
        Self {
            email: params.get("email").map(str::to_owned),
            remember: params.is_on("remember"),
            return_to: wing.return_to(params),
        }
    }

    /// The field as typed, cut: a page is never larger than what people type.
    pub(super) fn shown(&self) -> Option<String> {
        let text = self.email.as_deref()?;
        Some(text.chars().take(254).collect())
    }
}

impl LoginWing {
    /// `GET`: asks for the address.
    pub(super) fn email_sign_in_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let form = AskForm {
            email: None,
            ..AskForm::read(self, &query)
        };
        Ok(self.draw_ask(exchange, StatusCode::OK, &form, None))
    }

    fn draw_ask(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        form: &AskForm,
        error: Option<String>,
    ) -> Response {
        let errors: BTreeMap<_, _> = error.map(|error| ("email", error)).into_iter().collect();
        let context = json!({
            "captcha": self.captcha_context(CaptchaAction::Mail),
            "action": self.path("/email"),
            "form_token": self.core.form_token(exchange, FORM),
            "form": {
                "email": form.shown(),
                "remember": form.remember,
                "return_to": form.return_to.as_ref().map(ReturnTo::as_str),
            },
            "by_link": self.settings.email.magic_link,
            "errors": errors,
            "login_url": self.login_url(form.return_to.as_ref()),
        });
        let drawn = self.draw_mail_page(exchange, status, PageName::EmailSignIn, context);
        self.allow_captcha(CaptchaAction::Mail, drawn)
    }

    /// The enabled account with an address.
    pub(super) async fn owner_of(&self, email: &str) -> Result<Option<User>, Problem> {
        let identifier = Identifier::Email(email.to_owned());
        let found = self.find_account(Some(&identifier)).await?;
        let user = found.map(|(user, _)| user);
        let now = self.core.clock.now();
        Ok(user.filter(|user| user.is_usable(now)))
    }

    /// `POST`: `email`. The same answer and the same work whether or not somebody has it (threat 46).
    pub(super) async fn ask_to_sign_in(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, FORM)?;
        self.check_captcha(exchange, CaptchaAction::Mail).await?;
        let form = AskForm::read(self, &body);
        let email = match parse_email(form.email.as_deref().unwrap_or_default()) {
            Ok(email) => email,
            Err(error) => {
                let (status, error) = (StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
                return Ok(self.draw_ask(exchange, status, &form, Some(error)));
            }
        };
        let user = self.owner_of(&email).await?;
        let mut claim = Claim::new(About::SignIn, email, user.map(|user| user.id));
        self.count_asking(exchange, &claim).await?;
        claim.return_to = form.return_to.map(|path| path.as_str().to_owned());
        claim.remember = form.remember;
        let browser = exchange.browser(&*self.core.random);
        let ask = Ask {
            to: claim.user.is_some().then(|| claim.email.clone()),
            claim,
            kind: if self.settings.email.magic_link {
                MailKind::MagicLink
            } else {
                MailKind::SignInCode
            },
            landing: LANDING,
            browser: Some(&browser),
        };
        let made = self.ask(exchange, ask).await?;
        let parameters = [(FLOW_FIELD, Some(made.flow.as_str()))];
        let next = with_query(&self.path(LANDING), &parameters);
        Ok(done(exchange, &next))
    }

    /// `GET`: where the digits go, and where the link leads. Spends nothing.
    pub(super) async fn email_code_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let opened = self.open_proof(exchange, About::SignIn, &query).await?;
        let opened = opened.ok_or_else(gone)?;
        Ok(self.draw_code(exchange, StatusCode::OK, &opened, None))
    }

    /// Whether the digits are asked for. The link alone will do in the browser that asked.
    fn asks_code(&self, opened: &Opened) -> bool {
        if opened.by_link {
            !opened.same_browser
        } else {
            self.settings.email.codes
        }
    }

    fn draw_code(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        opened: &Opened,
        error: Option<&str>,
    ) -> Response {
        let mut context = self.proof_context(exchange, LANDING, opened);
        context["by_link"] = opened.by_link.into();
        context["ask_code"] = self.asks_code(opened).into();
        context["errors"] = error.map_or_else(|| json!({}), |error| json!({ "code": error }));
        context["restart_url"] = self.path("/email").into();
        // Whoever signs in on the way to another app is led on to it: `form-action` counts the whole chain.
        let forms = match opened.claim().return_to {
            Some(_) => FormTarget::Client,
            None => FormTarget::Here,
        };
        let policy = PagePolicy {
            forms,
            script: false,
        };
        self.core
            .page(exchange, status, PageName::EmailCode, context, policy)
    }

    /// `POST`: `t` in the browser that asked; elsewhere `t` and `code`; or `f` and `code`.
    pub(super) async fn sign_in_by_mail(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let opened = self.open_proof(exchange, About::SignIn, &body).await?;
        let opened = opened.ok_or_else(gone)?;
        self.core.forms.check(exchange, &body, &opened.form())?;
        let proven = if self.asks_code(&opened) {
            let code = body.get("code").unwrap_or_default();
            match self.try_code(exchange, &opened, code).await? {
                Tried::Right(proven) => Some(*proven),
                Tried::Gone => None,
                Tried::Wrong => {
                    let status = StatusCode::UNPROCESSABLE_ENTITY;
                    let error = Some("That is not the code of the mail.");
                    return Ok(self.draw_code(exchange, status, &opened, error));
                }
            }
        } else {
            self.spend_link(&opened, exchange.now).await?
        };
        let proven = proven.ok_or_else(gone)?;
        self.enter_by_mail(exchange, proven).await
    }

    async fn enter_by_mail(
        &self,
        exchange: &mut Exchange<'_>,
        proven: Proven,
    ) -> Result<Response, Problem> {
        let Proven { claim, user, .. } = proven;
        let mut user = user;
        if user.email_verified_at.is_none() {
            // The mailbox was read, and no more is known: what a stranger may have planted goes (threats 27 to 31).
            let proof = EmailProof::MailboxOwner;
            self.verify_email_from(&user.id, &claim.email, proof, exchange.address)
                .await?;
            let again = self.core.stores.users.user(&user.id).await?;
            let is_usable = |user: &User| user.is_usable(exchange.now);
            user = again.filter(is_usable).ok_or_else(gone)?;
        }
        let return_to = claim.return_to.as_deref();
        let factor = FirstFactor {
            user,
            amr: vec![acr::EMAIL],
            is_multi_factor: false,
            basis: Basis::Email(claim.email),
            remember: claim.remember,
            return_to: return_to.and_then(|path| ReturnTo::parse(&self.core.base, path)),
            came_from: None,
        };
        match self.after_first_factor(exchange, factor).await? {
            AfterFirstFactor::Answer(answer) => Ok(answer),
            AfterFirstFactor::Gone => Err(gone()),
        }
    }
}
