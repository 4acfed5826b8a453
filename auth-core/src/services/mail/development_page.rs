//! `GET /auth/dev/mail`: what a [`DevelopmentOutbox`] caught. `GET /auth/dev/mail/html`: the HTML of one mail, alone.

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_FRAME_OPTIONS};
use serde_json::{Value, json};

use super::{CaughtMail, DevelopmentOutbox};
use crate::services::Core;
use crate::services::pages::PageName;
use crate::web::{Exchange, PagePolicy, Problem, Response, Side, html, with_query};

/// A mail is somebody else's document: of no origin, without scripts, forms or requests of its own.
const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                       frame-ancestors 'none'";

impl Core {
    /// The list, and above it the mail of `id`, if there is one.
    pub(crate) fn development_mail(
        &self,
        exchange: &Exchange<'_>,
        outbox: &DevelopmentOutbox,
    ) -> Response {
        let here = exchange.parts.uri.path();
        let mails = outbox.mails();
        let chosen = match chosen(exchange, &mails) {
            Ok(chosen) => chosen,
            Err(problem) => return self.problem(exchange, Side::Page, &problem),
        };
        let context = json!({
            "mail": chosen.map(|mail| described(mail, here)),
            "mails": mails.iter().map(|mail| described(mail, here)).collect::<Vec<_>>(),
        });
        let policy = PagePolicy::default();
        self.page(
            exchange,
            StatusCode::OK,
            PageName::DevelopmentMail,
            context,
            policy,
        )
    }

    /// The HTML of the mail of `id`.
    pub(crate) fn development_mail_html(
        &self,
        exchange: &Exchange<'_>,
        outbox: &DevelopmentOutbox,
    ) -> Response {
        let mails = outbox.mails();
        let problem = match chosen(exchange, &mails) {
            Ok(Some(mail)) => {
                let mut response = html(StatusCode::OK, mail.html.clone());
                let headers = response.headers_mut();
                headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
                headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
                return response;
            }
            Ok(None) => Problem::not_found(),
            Err(problem) => problem,
        };
        self.problem(exchange, Side::Page, &problem)
    }
}

fn chosen<'m>(
    exchange: &Exchange<'_>,
    mails: &'m [CaughtMail],
) -> Result<Option<&'m CaughtMail>, Problem> {
    let query = exchange.query()?;
    let Some(id) = query.get("id") else {
        return Ok(None);
    };
    let found = mails.iter().find(|mail| mail.id == id);
    found.map(Some).ok_or_else(Problem::not_found)
}

fn described(mail: &CaughtMail, here: &str) -> Value {
    let id = [("id", Some(mail.id.as_str()))];
    let mut facts = json!(mail);
    facts["url"] = with_query(here, &id).into();
    facts["html_url"] = with_query(&format!("{here}/html"), &id).into();
    facts
}
