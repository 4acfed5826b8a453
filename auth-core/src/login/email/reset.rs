//! `/auth/forgot` and `/auth/reset`: a new password, by a link in a mail.
//!
//! Signs nobody in: the new password leads to the sign-in page, and so to a second factor where there is one. The link
//! names the password that stood when it was asked for: once there is another, every older link is worthless.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::gone;
use super::order::Ask;
use super::proof::{About, Claim, Opened, Proven};
use super::sign_in::AskForm;
use crate::ground::Digest32;
use crate::login::identifier::parse_email;
use crate::login::password::{Password, Personal};
use crate::login::reply::done;
use crate::login::{CaptchaAction, EmailProof, LoginWing, SessionEnd};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{PasswordHash, User, UserId};
use crate::web::{Exchange, Problem, Response, ReturnTo, with_query};

const FORM: &str = "forgot";
const LANDING: &str = "/reset";

impl LoginWing {
    /// `GET`: asks for the address; after that, says that a mail is on its way.
    pub(super) fn forgot_page(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let form = AskForm {
            email: None,
            ..AskForm::read(self, &query)
        };
        let notice = query.is_on("sent").then_some(
            "If there is an account with that address, a mail with a link is on its way to it.",
        );
        Ok(self.draw_forgot(exchange, StatusCode::OK, &form, notice, None))
    }

    fn draw_forgot(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        form: &AskForm,
        notice: Option<&str>,
        error: Option<String>,
    ) -> Response {
        let errors: BTreeMap<_, _> = error.map(|error| ("email", error)).into_iter().collect();
        let context = json!({
            "captcha": self.captcha_context(CaptchaAction::Mail),
            "action": self.path("/forgot"),
            "form_token": self.core.form_token(exchange, FORM),
            "form": {
                "email": form.shown(),
                "return_to": form.return_to.as_ref().map(ReturnTo::as_str),
            },
            "notice": notice,
            "errors": errors,
            "login_url": self.login_url(form.return_to.as_ref()),
        });
        let drawn = self.draw_mail_page(exchange, status, PageName::ForgotPassword, context);
        self.allow_captcha(CaptchaAction::Mail, drawn)
    }

    /// The password an account has, as proofs name it.
    pub(super) async fn password_digest(&self, user: &UserId) -> Result<Option<Digest32>, Problem> {
        let stored = self.core.stores.users.password_hash(user).await?;
        Ok(stored.as_ref().map(digest_of))
    }

    /// `POST`: `email`. The same answer and the same work whether or not somebody has it (threat 46).
    pub(super) async fn ask_to_reset(
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
                return Ok(self.draw_forgot(exchange, status, &form, None, Some(error)));
            }
        };
        let user = self.owner_of(&email).await?;
        // Asked for in any case: the same reads.
        let nobody = UserId::new("");
        let id = user.as_ref().map_or(&nobody, |user| &user.id);
        let password = self.password_digest(id).await?;
        let mut claim = Claim::new(About::Reset, email, user.map(|user| user.id));
        self.count_asking(exchange, &claim).await?;
        let return_to = form.return_to.as_ref().map(ReturnTo::as_str);
        claim.return_to = return_to.map(str::to_owned);
        claim.password = password;
        let ask = Ask {
            to: claim.user.is_some().then(|| claim.email.clone()),
            claim,
            kind: MailKind::PasswordReset,
            landing: LANDING,
            // People read mails on other devices: the link alone decides.
            browser: None,
        };
        self.ask(exchange, ask).await?;
        let parameters = [("sent", Some("1")), ("return_to", return_to)];
        let next = with_query(&self.path("/forgot"), &parameters);
        Ok(done(exchange, &next))
    }

    /// `GET`: the form behind the link. Spends nothing.
    pub(super) async fn reset_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let opened = self.open_proof(exchange, About::Reset, &query).await?;
        let opened = opened.ok_or_else(gone)?;
        let notice = query
            .is_on("confirmed")
            .then_some("Your e-mail address is confirmed. Choose a password for your account.");
        Ok(self.draw_reset(exchange, StatusCode::OK, &opened, notice, None))
    }

    fn draw_reset(
        &self,
        exchange: &mut Exchange<'_>,
        status: StatusCode,
        opened: &Opened,
        notice: Option<&str>,
        error: Option<String>,
    ) -> Response {
        let mut context = self.proof_context(exchange, LANDING, opened);
        context["notice"] = notice.into();
        context["errors"] =
            error.map_or_else(|| json!({}), |error| json!({ "new_password": error }));
        context["password_min"] = self.settings.password_min_length.into();
        context["password_max"] = self.settings.password_max_length.into();
        self.draw_mail_page(exchange, status, PageName::ResetPassword, context)
    }

    /// `POST`: `t` and `new_password`. A password that is refused spends nothing.
    pub(super) async fn reset(&self, exchange: &mut Exchange<'_>) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let opened = self.open_proof(exchange, About::Reset, &body).await?;
        let opened = opened.filter(|opened| opened.by_link).ok_or_else(gone)?;
        self.core.forms.check(exchange, &body, &opened.form())?;
        let password = Password::from(body.get("new_password").unwrap_or_default());
        let personal = self.personal_of(&opened).await?;
        if let Err(refused) = self.hashers.judge(&password, personal).await? {
            let (status, error) = (StatusCode::UNPROCESSABLE_ENTITY, refused.to_string());
            return Ok(self.draw_reset(exchange, status, &opened, None, Some(error)));
        }
        let hash = self.hashers.hash(&password).await?;
        let proven = self.spend_link(&opened, exchange.now).await?;
        let proven = proven.ok_or_else(gone)?;
        let return_to = proven.claim.return_to.clone();
        self.set_proven_password(exchange, proven, &hash).await?;
        let parameters = [("reset", Some("1")), ("return_to", return_to.as_deref())];
        let next = with_query(&self.path("/login"), &parameters);
        Ok(done(exchange, &next))
    }

    async fn personal_of(&self, opened: &Opened) -> Result<Personal, Problem> {
        let user = match &opened.claim().user {
            Some(id) => self.core.stores.users.user(id).await?,
            None => None,
        };
        let user = user.ok_or_else(gone)?;
        let name = user.claims.get("name").and_then(Value::as_str);
        let (email, username) = (user.email.as_deref(), user.username.as_deref());
        Ok(Personal::new(email, username, name))
    }

    /// The mailbox is proven: the password is another, the address verified, every session over.
    async fn set_proven_password(
        &self,
        exchange: &mut Exchange<'_>,
        proven: Proven,
        hash: &PasswordHash,
    ) -> Result<(), Problem> {
        let Proven { claim, user, .. } = proven;
        let (users, now) = (&self.core.stores.users, exchange.now);
        let mut stored = users.password_hash(&user.id).await?;
        if stored.as_ref().map(digest_of) != claim.password {
            return Err(gone());
        }
        let proof = EmailProof::MailboxOwner;
        if self
            .verify_email_from(&user.id, &claim.email, proof, exchange.address)
            .await?
        {
            stored = None;
        }
        // The password that the link names, and no other: of two links at once one wins.
        if !users
            .set_password(&user.id, stored.as_ref(), hash, now)
            .await?
        {
            return Err(gone());
        }
        let why = SessionEnd::PasswordChanged;
        self.end_all_sessions(&user.id, None, why, exchange.address, now)
            .await?;
        // Who knew the password may have had a device trusted by it.
        self.distrust_devices(&user.id, exchange.address, now)
            .await?;
        // What was guessed at is no more.
        self.clear_counts(&user).await?;
        let event = Event::PasswordChanged {
            user: user.id.clone(),
        };
        self.core.emit(now, exchange.address, event).await;
        let user = User {
            email_verified_at: user.email_verified_at.or(Some(now)),
            ..user
        };
        self.tell_password_changed(exchange, &user).await;
        Ok(())
    }
}

fn digest_of(hash: &PasswordHash) -> Digest32 {
    Digest32::of(hash.expose())
}
