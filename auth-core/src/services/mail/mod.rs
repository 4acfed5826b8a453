//! Mails: ordered by an endpoint, kept in the outbox, written and handed over by a worker. Whatever happens to the mail
//! server, what ordered the mail stands.
#![doc = include_str!("contexts.md")]

mod delivery;
mod development;
mod development_page;
mod error;
mod facts;
mod kind;
mod mailer;
mod order;
#[cfg(feature = "smtp")]
mod smtp;
mod templates;
#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests;
mod writer;

pub use delivery::MOST_DELIVERIES;
pub use development::{CaughtMail, DevelopmentOutbox};
pub use error::MailTemplateError;
pub use kind::MailKind;
pub use mailer::{Mail, MailError, Mailer};
pub use order::{MailOrder, Mails};
#[cfg(feature = "smtp")]
pub use smtp::{SmtpMailer, SmtpMailerBuilder, SmtpSettingsError};
pub(crate) use templates::MailTemplates;
