//! A mailer for development and tests: nothing leaves the process.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::Serialize;

use super::{Mail, MailError, Mailer};

/// So many are kept.
const MOST: usize = 100;

/// Keeps the last 100 mails in memory, and shows them at `/auth/dev/mail`. For development: `build()` refuses it where
/// the base URL is not this machine, as the page shows to anybody what lets people in. A clone is the same outbox.
#[derive(Clone, Default)]
pub struct DevelopmentOutbox {
    caught: Arc<Mutex<VecDeque<CaughtMail>>>,
    without_page: bool,
}

/// A mail that was caught.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CaughtMail {
    /// Its id.
    pub id: String,
    /// The name of its kind.
    pub kind: &'static str,
    /// When it was ordered, as RFC 3339 has it.
    pub at: String,
    /// Whom it is to.
    pub to: String,
    /// The language it is written in.
    pub locale: String,
    /// Its subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The addresses in the text, in its order.
    pub links: Vec<String>,
}

impl DevelopmentOutbox {
    /// One that shows nothing, for tests of any base URL: [`mails`](Self::mails) alone has what was sent.
    #[cfg(feature = "testkit")]
    pub fn without_page() -> Self {
        Self {
            without_page: true,
            ..Self::default()
        }
    }

    /// What was sent, the newest first.
    pub fn mails(&self) -> Vec<CaughtMail> {
        self.lock().iter().cloned().collect()
    }

    /// The newest to an address.
    pub fn last_to(&self, address: &str) -> Option<CaughtMail> {
        self.lock().iter().find(|mail| mail.to == address).cloned()
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CaughtMail>> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for DevelopmentOutbox {
    async fn deliver(&self, mail: &Mail) -> Result<(), MailError> {
        let mut caught = self.lock();
        // Handed over twice, as it can happen, it is one mail all the same.
        caught.retain(|other| other.id != mail.id);
        caught.push_front(CaughtMail::of(mail));
        caught.truncate(MOST);
        Ok(())
    }

    fn development_outbox(&self) -> Option<DevelopmentOutbox> {
        (!self.without_page).then(|| self.clone())
    }
}

impl CaughtMail {
    fn of(mail: &Mail) -> Self {
        let words = mail.text.split_whitespace();
        let links =
            words.filter(|word| word.starts_with("http://") || word.starts_with("https://"));
        Self {
            id: mail.id.clone(),
            kind: mail.kind.as_str(),
            at: mail.at.rfc3339(),
            to: mail.to.clone(),
            locale: mail.locale.clone(),
            subject: mail.subject.clone(),
            text: mail.text.clone(),
            html: mail.html.clone(),
            links: links.map(str::to_owned).collect(),
        }
    }
}

impl fmt::Debug for DevelopmentOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopmentOutbox")
            .field("mails", &self.lock().len())
            .finish_non_exhaustive()
    }
}

// As with [`Mail`].
impl fmt::Debug for CaughtMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaughtMail")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
