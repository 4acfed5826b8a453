//! The mails that were sent.

use std::fmt;
use std::ops::Deref;

use auth_core::login::parse_email;
use auth_core::services::mail::CaughtMail;
use url::Url;

use crate::fail::{Outcome as _, fail};

/// What was sent by the time it was asked for, the newest first.
#[derive(Clone, Debug)]
pub struct Mails(Vec<Mail>);

/// A mail, as it was handed over: `subject`, `text`, `html`, `kind`, `to`, `locale`, `links`.
#[derive(Clone)]
pub struct Mail(CaughtMail);

impl Mails {
    pub(crate) fn new(caught: Vec<CaughtMail>) -> Self {
        Self(caught.into_iter().map(Mail).collect())
    }

    /// All of them.
    pub fn all(&self) -> &[Mail] {
        &self.0
    }

    /// Those to an address, however it is spelled.
    pub fn to(&self, address: &str) -> Vec<&Mail> {
        let normalized = parse_email(address).or_fail(address);
        self.0.iter().filter(|mail| mail.to == normalized).collect()
    }

    /// The newest to an address. Where there is none, the test fails.
    pub fn last_to(&self, address: &str) -> &Mail {
        if let Some(mail) = self.to(address).first() {
            return mail;
        }
        fail(format_args!("no mail to {address}; there are {self:?}"))
    }
}

impl Mail {
    /// The six digits in the text. Where there are none, the test fails.
    pub fn code(&self) -> &str {
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|c| c.is_ascii_digit());
        let code = self.text.lines().map(str::trim).find(is_code);
        code.unwrap_or_else(|| fail(format_args!("no code in this mail:\n{}", self.text)))
    }

    /// The link to this path of the site, as path and query: what a request is made of. Where there is none, the test
    /// fails.
    pub fn link(&self, path: &str) -> String {
        let found = self.find_link(path);
        found.unwrap_or_else(|| {
            fail(format_args!(
                "no link to {path} in this mail:\n{}",
                self.text
            ))
        })
    }

    pub(crate) fn find_link(&self, path: &str) -> Option<String> {
        let links = self.links.iter().filter_map(|link| Url::parse(link).ok());
        let mut links = links.filter(|link| link.path() == path);
        let link = links.next()?;
        Some(match link.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        })
    }
}

impl Deref for Mail {
    type Target = CaughtMail;

    fn deref(&self) -> &CaughtMail {
        &self.0
    }
}

// A test that fails shows what was sent, not all that it said.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} to {}", self.subject, self.to)
    }
}
