//! The seam to whoever hands mails over.

use std::fmt;

use async_trait::async_trait;

use super::{DevelopmentOutbox, MailKind};
use crate::ground::Timestamp;

/// A mail, written and ready to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The same at every attempt; made of what may stand left of the `@` in a `Message-ID`.
    pub id: String,
    /// What it is about.
    pub kind: MailKind,
    /// Whom to: one address.
    pub to: String,
    /// The language it is written in, as a tag.
    pub locale: String,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// When it was ordered.
    pub at: Timestamp,
}

// Mails carry links and codes that let people in, and addresses.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Why a mail was not taken. The reason goes into events and logs: a word, never an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It is tried again.
    #[error("not now: {0}")]
    Temporary(&'static str),
    /// Another attempt would end like this one.
    #[error("never: {0}")]
    Permanent(&'static str),
}

/// Hands mails over: by SMTP (feature `smtp`), or by whatever service the host has.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Hands over one mail. A worker calls it, several at once, and again for the same mail after a
    /// [`MailError::Temporary`] or when the node died in between. What takes longer than a minute is dropped and tried
    /// again.
    async fn deliver(&self, mail: &Mail) -> Result<(), MailError>;

    /// What is shown at `/auth/dev/mail`. Only a mailer that wraps a [`DevelopmentOutbox`] has it.
    fn development_outbox(&self) -> Option<DevelopmentOutbox> {
        None
    }
}
