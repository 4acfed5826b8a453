//! Who takes the mails, and where a development outbox shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::Inner;
use super::builder::{AuthBuilder, BuildError};
use super::table::{Endpoint, Table};
use crate::ground::KeyRing;
use crate::services::Core;
use crate::services::mail::{MailTemplates, Mailer, Mails};
use crate::store::Stores;
use crate::web::{BaseUrl, Exchange, Problem, Response, Route, Side};

/// What the builder was told of mails.
#[derive(Default)]
pub(super) struct MailSettings {
    mailer: Option<Arc<dyn Mailer>>,
    templates: BTreeMap<String, String>,
}

impl AuthBuilder {
    /// Who takes the mails: an `SmtpMailer`, one of your own, or while developing a
    /// [`DevelopmentOutbox`](crate::services::mail::DevelopmentOutbox).
    pub fn mailer(mut self, mailer: impl Mailer) -> Self {
        self.mail.mailer = Some(Arc::new(mailer));
        self
    }

    /// Replaces a template of mails by name: one part of one kind (`password_reset.subject`, `password_reset.txt`,
    /// `password_reset.html`), or one they share (`layout.html`, `message.txt`). What templates may name, and what they
    /// can do with it, is in [`services::mail`](crate::services::mail).
    pub fn mail_template(mut self, name: impl Into<String>, source: impl Into<String>) -> Self {
        self.mail.templates.insert(name.into(), source.into());
        self
    }
}

impl MailSettings {
    pub(super) fn build(
        self,
        stores: &Stores,
        keys: &KeyRing,
        base: &BaseUrl,
        app_name: &str,
    ) -> Result<Mails, BuildError> {
        let templates = MailTemplates::new(app_name, base.absolute("/"), &self.templates)?;
        let mails = Mails::new(stores.outbox.clone(), keys.clone());
        let mails = mails.with_mailer(Arc::new(templates), self.mailer);
        if mails.development_outbox().is_some() && !base.is_loopback() {
            return Err(BuildError::DevelopmentOutbox);
        }
        Ok(mails)
    }
}

/// The pages of a development outbox, if there is one.
pub(super) fn add_routes(core: &Core, path: &str, table: &mut Table) -> Result<(), BuildError> {
    if core.mails.development_outbox().is_none() {
        return Ok(());
    }
    for (path, endpoint) in [
        (path.to_owned(), Endpoint::DevelopmentMail),
        (format!("{path}/html"), Endpoint::DevelopmentMailHtml),
    ] {
        let route = Route::new(path, Side::Page, &[Method::GET]);
        table.add(route, endpoint).map_err(BuildError::Path)?;
    }
    Ok(())
}

impl Inner {
    pub(super) fn development_mail(&self, endpoint: Endpoint, exchange: &Exchange<'_>) -> Response {
        let core = &*self.core;
        match (endpoint, core.mails.development_outbox()) {
            (Endpoint::DevelopmentMail, Some(outbox)) => core.development_mail(exchange, &outbox),
            (_, Some(outbox)) => core.development_mail_html(exchange, &outbox),
            (_, None) => core.problem(exchange, Side::Page, &Problem::not_found()),
        }
    }
}
