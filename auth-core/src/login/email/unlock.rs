//! `/auth/unlock`: the owner of a locked account forgets the failures of whoever guessed at it.

use http::StatusCode;

use super::gone;
use super::order::Ask;
use super::proof::{About, Claim};
use crate::login::LoginWing;
use crate::login::attempt::FoundAccount;
use crate::login::reply::done;
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::Identifier;
use crate::web::{Exchange, Problem, Response, with_query};

const LANDING: &str = "/unlock";

impl LoginWing {
    /// A lock began: the owner gets a link that ends it. Where there is none the same work is done; an address that was
    /// never proven gets nothing. The lock does not fail by it.
    pub(in crate::login) async fn mail_lock(
        &self,
        exchange: &Exchange<'_>,
        identifier: &Identifier,
        account: &FoundAccount,
    ) {
        if !self.sends_mail() {
            return;
        }
        let user = account.as_ref().map(|(user, _)| user);
        let user = user.filter(|user| {
            user.email_verified_at.is_some() && user.is_usable(self.core.clock.now())
        });
        let to = user.and_then(|user| user.email.clone());
        let (Identifier::Email(typed) | Identifier::Username(typed)) = identifier;
        let id = user.map(|user| user.id.clone());
        let email = to.clone().unwrap_or_else(|| typed.clone());
        let ask = Ask {
            claim: Claim::new(About::Unlock, email, id),
            kind: MailKind::LockedOut,
            to,
            landing: LANDING,
            browser: None,
        };
        if let Err(problem) = self.ask(exchange, ask).await {
            tracing::error!(
                code = problem.code,
                "the mail of a lock could not be ordered"
            );
        }
    }

    /// `GET`: asks. Spends nothing.
    pub(super) async fn unlock_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let query = exchange.query()?;
        let opened = self.open_proof(exchange, About::Unlock, &query).await?;
        let opened = opened.ok_or_else(gone)?;
        let context = self.proof_context(exchange, LANDING, &opened);
        let (status, name) = (StatusCode::OK, PageName::Unlock);
        Ok(self.draw_mail_page(exchange, status, name, context))
    }

    /// `POST`: `t`.
    pub(super) async fn unlock_by_mail(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let body = Self::body(exchange)?;
        let opened = self.open_proof(exchange, About::Unlock, &body).await?;
        let opened = opened.ok_or_else(gone)?;
        self.core.forms.check(exchange, &body, &opened.form())?;
        let proven = self.spend_link(&opened, exchange.now).await?;
        let user = proven.ok_or_else(gone)?.user;
        self.clear_counts(&user).await?;
        let event = Event::Unlocked { user: user.id };
        self.core.emit(exchange.now, exchange.address, event).await;
        let next = with_query(&self.path("/login"), &[("unlocked", Some("1"))]);
        Ok(done(exchange, &next))
    }
}
