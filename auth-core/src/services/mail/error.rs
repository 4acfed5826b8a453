//! What can be wrong with the words of a mail.

use super::MailKind;

/// What can be wrong with a mail's templates. Holds no fact of any mail: facts carry links and codes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailTemplateError {
    /// A template does not compile, or names something that the facts of its mail do not have.
    #[error("template `{name}`, line {line}: {reason}")]
    Template {
        /// The template.
        name: String,
        /// The line, from 1; 0 where none can be named.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An override for a template there is none of.
    #[error(
        "template `{name}`: there is no such template to override; there are {known}, and for each kind of mail (as \
         {kind}) a .subject, a .txt and a .html",
        kind = MailKind::PasswordReset.as_str()
    )]
    Unknown {
        /// The name the host gave.
        name: String,
        /// The names of those that all mails share.
        known: String,
    },
    /// A catalogue of messages is not a JSON object of strings.
    #[error("messages for `{locale}` cannot be read: {reason}")]
    Catalogue {
        /// The language tag.
        locale: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl MailTemplateError {
    pub(super) fn template(name: &str, error: &minijinja::Error) -> Self {
        // The failure inside an included or extended template is the one to show.
        let mut innermost = error;
        let mut next = std::error::Error::source(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<minijinja::Error>() {
                innermost = error;
            }
            next = error.source();
        }
        Self::Template {
            name: innermost.name().unwrap_or(name).to_owned(),
            line: innermost.line().unwrap_or_default(),
            reason: match innermost.detail() {
                Some(detail) => format!("{}: {detail}", innermost.kind()),
                None => innermost.kind().to_string(),
            },
        }
    }
}
