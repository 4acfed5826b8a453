//! What is proven by reading a mailbox: confirmation, codes, magic links, reset, change of address, unlocking, and who one
//! is where there is nothing else to tell it by.
//!
//! **Every mail is one proof** ([`proof`]): a link or six digits spend it, once. `GET` of a link shows a page with a button
//! and spends nothing, so a scanner that follows links signs nobody in (threat 35); `POST` acts.
//!
//! **Who gets in.** A link to sign in is good by itself only in the browser that asked; elsewhere it asks for the digits
//! that stand in the same mail, which no scanner types. Digits without the link are taken only in the browser that
//! asked. All of it leads through the one door from a first factor to a session, and so to a second factor.
//!
//! **Confirmation and passwords.** Whoever registers an address may be a stranger to its owner. So the password stays
//! only when the mailbox is proven in the browser that gave it: the one that registered, or one that has just signed in
//! with it, or one that is signed in. Anybody else who proves the mailbox for the first time is its owner and no more:
//! the password and every other way in are dropped ([`planted`]), and they choose a password right there. Somebody who
//! registers on one device and opens the link on another does so too; or types the digits where they registered, and
//! keeps what they chose. A first proof by a link to sign in, or to a new password, drops as much: asking for a mail shows
//! nothing of who registered. The account page then offers to set a password.
//!
//! **Answers.** An address without an account gets the same work (a proof is kept, a mail to nobody is ordered) and the
//! same answer (threat 46). Addresses are compared in the one form that [`parse_email`](super::parse_email) gives them.
//! Names people give themselves stand in no mail: an unconfirmed account could put anything before a stranger's eyes.

mod change;
mod code;
mod confirm;
mod device;
mod order;
mod planted;
mod proof;
mod reset;
mod sign_in;
mod step_up;
mod undo;
mod unlock;

use http::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) use self::confirm::Registered;
use self::proof::Opened;
use super::{Confirmation, LoginWing};
use crate::services::pages::PageName;
use crate::store::User;
use crate::web::{Exchange, PagePolicy, Problem, Response, Side};

/// The endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Confirm,
    SignIn,
    SignInCode,
    Forgot,
    Reset,
    Change,
    ConfirmChange,
    StopChange,
    Unlock,
    StepUp,
}

impl Endpoint {
    #[expect(clippy::unused_self, reason = "of one shape with the wing's")]
    pub(super) const fn side(self) -> Side {
        Side::Page
    }
}

impl LoginWing {
    /// Whether anything is done by mail.
    pub(super) fn sends_mail(&self) -> bool {
        let flows = self.settings.email.flows;
        flows.unwrap_or_else(|| self.core.mails.has_mailer())
    }

    /// Whether addresses are to be confirmed.
    pub(super) fn confirmation(&self) -> Confirmation {
        if self.sends_mail() {
            self.settings.email.confirmation.unwrap_or_default()
        } else {
            Confirmation::Off
        }
    }

    /// Whether a mail signs its reader in.
    pub(super) fn signs_in_by_mail(&self) -> bool {
        self.sends_mail() && (self.settings.email.magic_link || self.settings.email.codes)
    }

    pub(super) fn email_routes(&self) -> Vec<(&'static str, &'static [Method], Endpoint)> {
        const POST: &[Method] = &[Method::POST];
        const BOTH: &[Method] = &[Method::GET, Method::POST];
        let email = &self.settings.email;
        let sends = self.sends_mail();
        let confirms = self.confirmation() != Confirmation::Off;
        let routes = [
            (confirms, "/confirm", Endpoint::Confirm),
            (self.signs_in_by_mail(), "/email", Endpoint::SignIn),
            (self.signs_in_by_mail(), "/email/code", Endpoint::SignInCode),
            (sends && email.password_reset, "/forgot", Endpoint::Forgot),
            // Also where a confirmation on another device leads.
            (sends, "/reset", Endpoint::Reset),
            (sends && email.change, "/account/email", Endpoint::Change),
            (
                sends && email.change,
                "/account/email/confirm",
                Endpoint::ConfirmChange,
            ),
            (
                sends && email.change,
                "/account/email/stop",
                Endpoint::StopChange,
            ),
            (sends, "/unlock", Endpoint::Unlock),
        ];
        let there = routes.into_iter().filter(|(on, ..)| *on);
        there
            .map(|(_, path, endpoint)| (path, BOTH, endpoint))
            .chain(sends.then_some(("/step-up/email", POST, Endpoint::StepUp)))
            .collect()
    }

    pub(super) async fn handle_email(
        &self,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let acts = exchange.parts.method == Method::POST;
        match (endpoint, acts) {
            (Endpoint::Confirm, false) => self.confirm_page(exchange).await,
            (Endpoint::Confirm, true) => self.confirm(exchange).await,
            (Endpoint::SignIn, false) => self.email_sign_in_page(exchange),
            (Endpoint::SignIn, true) => self.ask_to_sign_in(exchange).await,
            (Endpoint::SignInCode, false) => self.email_code_page(exchange).await,
            (Endpoint::SignInCode, true) => self.sign_in_by_mail(exchange).await,
            (Endpoint::Forgot, false) => self.forgot_page(exchange),
            (Endpoint::Forgot, true) => self.ask_to_reset(exchange).await,
            (Endpoint::Reset, false) => self.reset_page(exchange).await,
            (Endpoint::Reset, true) => self.reset(exchange).await,
            (Endpoint::Change, false) => self.change_email_page(exchange).await,
            (Endpoint::Change, true) => self.ask_to_change_email(exchange).await,
            (Endpoint::ConfirmChange, false) => self.confirm_change_page(exchange).await,
            (Endpoint::ConfirmChange, true) => self.confirm_change(exchange).await,
            (Endpoint::StopChange, false) => self.stop_change_page(exchange).await,
            (Endpoint::StopChange, true) => self.stop_change(exchange).await,
            (Endpoint::Unlock, false) => self.unlock_page(exchange).await,
            (Endpoint::Unlock, true) => self.unlock_by_mail(exchange).await,
            (Endpoint::StepUp, _) => self.ask_to_step_up(exchange).await,
        }
    }

    /// What the sign-in page offers beside a password.
    pub(super) fn sign_in_links(&self, return_to: Option<&str>) -> Value {
        let link = |on: bool, endpoint: &str| {
            let url = crate::web::with_query(&self.path(endpoint), &[("return_to", return_to)]);
            on.then_some(url)
        };
        let resets = self.sends_mail() && self.settings.email.password_reset;
        json!({
            "forgot_url": link(resets, "/forgot"),
            "email_url": link(self.signs_in_by_mail(), "/email"),
        })
    }

    /// What the account page offers about an address.
    pub(super) fn email_links(&self, user: &User) -> Value {
        let changes = self.sends_mail() && self.settings.email.change;
        let is_open = user.email.is_some() && user.email_verified_at.is_none();
        let confirms = is_open && self.confirmation() != Confirmation::Off;
        json!({
            "change_url": changes.then(|| self.path("/account/email")),
            "confirm_url": confirms.then(|| self.path("/confirm")),
        })
    }

    /// A page about an opened proof: its form comes back to it.
    fn proof_context(&self, exchange: &mut Exchange<'_>, endpoint: &str, opened: &Opened) -> Value {
        let (name, value) = opened.field();
        json!({
            "action": self.path(endpoint),
            "form_token": self.core.form_token(exchange, &opened.form()),
            "field": { "name": name, "value": value },
            "email": opened.claim().email,
        })
    }

    fn draw_mail_page(
        &self,
        exchange: &Exchange<'_>,
        status: StatusCode,
        name: PageName,
        context: Value,
    ) -> Response {
        let policy = PagePolicy::default();
        self.core.page(exchange, status, name, context, policy)
    }
}

/// One answer to every link and code that is not good: spent, too old, another browser's, or never there.
fn gone() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "proof_gone",
        "This link or code is used, too old, or was asked for in another browser. Ask for a new one.",
    )
}
