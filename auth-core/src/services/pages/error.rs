//! What can be wrong with a page.

use super::PageName;

/// What can be wrong with a page. Holds no value of any context: contexts carry form tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// A template does not compile, or names something its context or this build does not have.
    #[error("template `{name}`, line {line}: {reason}")]
    Template {
        /// The template, by file name.
        name: String,
        /// The line, from 1; 0 where none can be named.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// An override for a template this build does not have.
    #[error("template `{name}`: there is no such template to override; there are {known}")]
    UnknownTemplate {
        /// The name the host gave.
        name: String,
        /// The names there are.
        known: String,
    },
    /// An asset base that cannot be put in front of a file name.
    #[error("asset base `{0}`: give a path such as `/auth/assets` or an http(s) URL")]
    AssetBase(String),
    /// A catalogue of messages is not a JSON object of strings.
    #[error("messages for `{locale}`: {reason}")]
    Catalogue {
        /// The language tag.
        locale: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A page could not be rendered.
    #[error("page `{page}`: template `{template}`, line {line}: {reason}")]
    Render {
        /// The page.
        page: PageName,
        /// The template the failure is in, by file name.
        template: String,
        /// The line, from 1; 0 where none can be named.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
}

impl PageError {
    pub(super) fn template(name: &str, error: &minijinja::Error) -> Self {
        Self::Template {
            name: error.name().unwrap_or(name).to_owned(),
            line: error.line().unwrap_or_default(),
            reason: reason(error),
        }
    }

    pub(super) fn render(page: PageName, error: &minijinja::Error) -> Self {
        Self::Render {
            page,
            template: error.name().unwrap_or(page.file()).to_owned(),
            line: error.line().unwrap_or_default(),
            reason: reason(error),
        }
    }
}

fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
