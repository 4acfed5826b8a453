//! `GET` and `POST /auth/account/delete`, `POST …/cancel`: the end of an account is scheduled, and may be called off until
//! it comes.

use std::net::IpAddr;

use http::StatusCode;
use serde_json::json;

use crate::ground::Timestamp;
use crate::login::reply::done;
use crate::login::{LoginWing, SessionEnd, SignedIn, UserError};
use crate::services::Event;
use crate::services::mail::MailKind;
use crate::services::pages::PageName;
use crate::store::{AccountEnd, User, UserChange, UserId};
use crate::web::{CookieName, Exchange, PagePolicy, Problem, Response};

fn form(signed_in: &SignedIn) -> String {
    format!("delete:{}", signed_in.session.id)
}

fn cancel_form(signed_in: &SignedIn) -> String {
    format!("cancel_deletion:{}", signed_in.session.id)
}

/// Who orders, in which language, and when.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) locale: &'a str,
    pub(super) address: Option<IpAddr>,
    pub(super) now: Timestamp,
}

impl LoginWing {
    /// The page, where people end their accounts themselves.
    pub(in crate::login) fn delete_page_url(&self) -> Option<String> {
        let on = self.settings.lifecycle.deletion.is_some();
        on.then(|| self.path("/account/delete"))
    }

    /// `GET`: what will happen, and the way back while there is one.
    pub(super) async fn delete_page(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let ending = self.settings.lifecycle.ending();
        let context = json!({
            "account": crate::login::reply::account_name(&signed_in.user),
            "delete_at": signed_in.user.delete_at.map(Timestamp::rfc3339),
            "grace_days": ending.grace.as_secs().div_ceil(86_400),
            "how": name_of(ending.how),
            "delete": {
                "action": self.path("/account/delete"),
                "form_token": self.core.form_token(exchange, &form(&signed_in)),
            },
            "cancel": {
                "action": self.path("/account/delete/cancel"),
                "form_token": self.core.form_token(exchange, &cancel_form(&signed_in)),
            },
            "export": {
                "action": self.path("/account/export"),
                "form_token": self.core.form_token(exchange, &super::export::form(&signed_in)),
            },
            "account_url": self.path("/account"),
        });
        let policy = PagePolicy::default();
        let name = PageName::DeleteAccount;
        Ok(self
            .core
            .page(exchange, StatusCode::OK, name, context, policy))
    }

    /// `POST`: schedules the end. The sign-in must be recent; every other device is signed out.
    pub(super) async fn delete_account(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.confirmed_person(exchange, "/account/delete").await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        self.core.forms.check(exchange, &body, &form(&signed_in))?;
        let user = &signed_in.user.id;
        self.schedule(exchange, &signed_in.user).await?;
        let why = SessionEnd::Revoked;
        self.end_all_sessions(user, Some(&signed_in), why, exchange.address, exchange.now)
            .await?;
        if self.settings.lifecycle.ending().grace.is_zero() {
            self.end_account(user, exchange.now).await?;
            exchange.cookies.remove(CookieName::Session);
            return Ok(done(exchange, &self.path("/signed-out")));
        }
        Ok(done(exchange, &self.path("/account/delete")))
    }

    /// `POST`: everything stays.
    pub(super) async fn cancel_own_deletion(
        &self,
        exchange: &mut Exchange<'_>,
    ) -> Result<Response, Problem> {
        let signed_in = match self.person(exchange).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let body = Self::body(exchange)?;
        let form = cancel_form(&signed_in);
        self.core.forms.check(exchange, &body, &form)?;
        self.cancel(&signed_in.user, self.by_request(exchange))
            .await?;
        Ok(done(exchange, &self.path("/account/delete")))
    }

    async fn schedule(&self, exchange: &Exchange<'_>, user: &User) -> Result<(), Problem> {
        if user.delete_at.is_some() {
            return Ok(());
        }
        self.set_delete_at(user, self.by_request(exchange)).await?;
        Ok(())
    }

    fn by_request(&self, exchange: &Exchange<'_>) -> Order<'static> {
        Order {
            locale: self.core.locale(exchange),
            address: exchange.address,
            now: exchange.now,
        }
    }

    fn by_host<'u>(&self, user: &'u User) -> Order<'u> {
        Order {
            locale: language_of(user),
            address: None,
            now: self.core.clock.now(),
        }
    }

    async fn set_delete_at(&self, user: &User, order: Order<'_>) -> Result<Timestamp, UserError> {
        let Order { locale, now, .. } = order;
        let at = now + self.settings.lifecycle.ending().grace;
        let change = UserChange {
            delete_at: Some(Some(at)),
            ..UserChange::default()
        };
        let users = &self.core.stores.users;
        let changed = users.update_user(&user.id, &change, now).await?;
        changed.ok_or(UserError::Unknown)?;
        let event = Event::DeletionScheduled {
            user: user.id.clone(),
            at,
        };
        self.core.emit(now, order.address, event).await;
        if let Err(error) = self.keep_language(&user.id, at, locale).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the language of a last mail could not be kept");
        }
        if at > now {
            let facts = json!({ "at": at.rfc3339(), "url": self.url("/account/delete") });
            self.tell_owner_in(locale, now, user, (MailKind::DeletionScheduled, facts))
                .await;
        }
        Ok(at)
    }

    async fn cancel(&self, user: &User, order: Order<'_>) -> Result<bool, UserError> {
        let Order { locale, now, .. } = order;
        // Once it is due somebody may be at work on it already.
        if user.delete_at.is_none_or(|at| at <= now) {
            return Ok(false);
        }
        let change = UserChange {
            delete_at: Some(None),
            ..UserChange::default()
        };
        let users = &self.core.stores.users;
        let changed = users.update_user(&user.id, &change, now).await?;
        changed.ok_or(UserError::Unknown)?;
        let event = Event::DeletionCancelled {
            user: user.id.clone(),
        };
        self.core.emit(now, order.address, event).await;
        self.tell_owner_in(locale, now, user, (MailKind::DeletionCancelled, json!({})))
            .await;
        Ok(true)
    }

    /// Schedules the end of an account, as its owner would: it can be cancelled until then. Returns when it ends.
    ///
    /// # Errors
    /// [`UserError::Unknown`] or the store's error.
    pub async fn schedule_deletion(&self, user: &UserId) -> Result<Timestamp, UserError> {
        let found = self.core.stores.users.user(user).await?;
        let found = found.ok_or(UserError::Unknown)?;
        if let Some(at) = found.delete_at {
            return Ok(at);
        }
        self.set_delete_at(&found, self.by_host(&found)).await
    }

    /// Calls the end of an account off. `false` when none was scheduled, or it is due.
    ///
    /// # Errors
    /// [`UserError::Unknown`] or the store's error.
    pub async fn cancel_deletion(&self, user: &UserId) -> Result<bool, UserError> {
        let found = self.core.stores.users.user(user).await?;
        let found = found.ok_or(UserError::Unknown)?;
        self.cancel(&found, self.by_host(&found)).await
    }
}

/// The language that the person's claims name (OpenID Connect Core §5.1), or English.
pub(super) fn language_of(user: &User) -> &str {
    let locale = user.claims.get("locale");
    locale.and_then(|locale| locale.as_str()).unwrap_or("en")
}

/// How an account ends, in a word.
pub(super) const fn name_of(how: AccountEnd) -> &'static str {
    match how {
        AccountEnd::Soft => "soft",
        AccountEnd::Anonymize => "anonymize",
        AccountEnd::Hard => "hard",
    }
}
