//! Mails: ordered by an endpoint, kept in the outbox, written and handed over by a worker. Whatever happens to the mail
//! server, what ordered the mail stands.

mod kind;
mod order;

pub use kind::MailKind;
pub use order::{MailOrder, Mails};
