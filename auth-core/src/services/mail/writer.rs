//! From an order to a mail.

use serde_json::{Map, Value};

use super::templates::Part;
use super::{Mail, MailKind, MailOrder, MailTemplateError, MailTemplates};
use crate::ground::Timestamp;
use crate::services::pages::filters;

/// A subject of so many characters is no subject any more.
const MOST_SUBJECT: usize = 200;

/// The three parts.
pub(super) struct Parts {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl MailTemplates {
    /// Writes what was ordered, to `to`.
    pub(super) fn write(
        &self,
        id: &str,
        to: &str,
        kind: MailKind,
        order: &MailOrder,
        at: Timestamp,
    ) -> Result<Mail, MailTemplateError> {
        let parts = self.write_parts(&order.locale, kind, order, at)?;
        Ok(Mail {
            id: id.to_owned(),
            kind,
            to: to.to_owned(),
            locale: self.language(&order.locale).to_owned(),
            subject: parts.subject,
            text: parts.text,
            html: parts.html,
            at,
        })
    }

    pub(super) fn write_parts(
        &self,
        locale: &str,
        kind: MailKind,
        order: &MailOrder,
        at: Timestamp,
    ) -> Result<Parts, MailTemplateError> {
        let mut context = self.context(kind, order, at);
        let subject = self.render(locale, kind, Part::Subject, &context)?;
        let subject = one_subject(&subject);
        context.insert("subject".to_owned(), Value::from(subject.as_str()));
        let part =
            |part: Part, context: &Map<String, Value>| self.render(locale, kind, part, context);
        Ok(Parts {
            text: tidy(&part(Part::Text, &context)?),
            html: part(Part::Html, &context)?,
            subject,
        })
    }
}

/// One line, whatever a template or a fact says (threat 18).
fn one_subject(text: &str) -> String {
    let line = filters::one_line(text);
    let words: Vec<_> = line.split_whitespace().collect();
    words.join(" ").chars().take(MOST_SUBJECT).collect()
}

/// Plain text without empty lines at its ends, or two of them in a row.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.trim().lines() {
        if !line.trim().is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(if line.trim().is_empty() { "" } else { line });
        }
    }
    lines.join("\n") + "\n"
}
