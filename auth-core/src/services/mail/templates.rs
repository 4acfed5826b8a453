//! From the built-in templates and a host's to mails that are known to render.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, Error, State, Value};
use serde_json::{Map, Value as Json};

use super::facts::{self, TIMES};
use super::{MailKind, MailOrder, MailTemplateError};
use crate::ground::Timestamp;
use crate::services::pages::catalogue::{self, Locales, Messages, include_locale};
use crate::services::pages::engine;
use crate::services::pages::filters;

/// The words of the mails. A further language is one file and one row.
pub(super) const LOCALES: Locales = &[
    ("en", include_locale!("mail/en.json")),
    ("de", include_locale!("mail/de.json")),
];

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/mail/", $name)),
        )),+]
    };
}

/// What all mails share. A kind without templates of its own is written by `message`.
const SHARED: &[(&str, &str)] = embedded![
    "layout.html",
    "layout.txt",
    "message.html",
    "message.subject",
    "message.txt",
];

/// The parts of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    const fn extension(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "txt",
            Self::Html => "html",
        }
    }
}

/// The templates, one environment for each language.
pub(crate) struct MailTemplates {
    locales: BTreeMap<&'static str, Environment<'static>>,
    app_url: String,
}

impl MailTemplates {
    /// Compiles the built-in templates and those that replace some; what is replaced is rendered once for each kind
    /// and language.
    pub(crate) fn new(
        app_name: &str,
        app_url: String,
        overrides: &BTreeMap<String, String>,
    ) -> Result<Self, MailTemplateError> {
        check_names(overrides)?;
        let mut locales = BTreeMap::new();
        for (locale, source) in LOCALES {
            let messages = catalogue::complete(locale, source, LOCALES).map_err(|error| {
                MailTemplateError::Catalogue {
                    locale: (*locale).to_owned(),
                    reason: error.to_string(),
                }
            })?;
            let environment = environment(app_name, locale, messages, overrides)?;
            locales.insert(*locale, environment);
        }
        let templates = Self { locales, app_url };
        if !overrides.is_empty() {
            templates.rehearse()?;
        }
        Ok(templates)
    }

    /// The language of those there are words for that serves a reader of `locale`.
    pub(super) fn language(&self, locale: &str) -> &'static str {
        let wanted = locale.to_ascii_lowercase();
        let language = wanted.split(['-', '_']).next().unwrap_or_default();
        let found = [wanted.as_str(), language]
            .into_iter()
            .find_map(|tag| self.locales.get_key_value(tag));
        found.map_or(catalogue::FALLBACK, |(tag, _)| tag)
    }

    /// The facts a mail is written from.
    pub(super) fn context(
        &self,
        kind: MailKind,
        order: &MailOrder,
        at: Timestamp,
    ) -> Map<String, Json> {
        facts::context(kind, order, at, &self.app_url)
    }

    /// Renders one part.
    pub(super) fn render(
        &self,
        locale: &str,
        kind: MailKind,
        part: Part,
        context: &Map<String, Json>,
    ) -> Result<String, MailTemplateError> {
        let name = format!("{}.{}", kind.as_str(), part.extension());
        let Some(environment) = self.locales.get(self.language(locale)) else {
            return Ok(String::new());
        };
        environment
            .get_template(&name)
            .or_else(|_| environment.get_template(&format!("message.{}", part.extension())))
            .and_then(|template| template.render(Serde(context)))
            .map_err(|error| MailTemplateError::template(&name, &error))
    }

    fn rehearse(&self) -> Result<(), MailTemplateError> {
        for kind in MailKind::ALL {
            let order = MailOrder {
                kind: kind.as_str().to_owned(),
                to: None,
                locale: String::new(),
                facts: kind.sample(),
                expires_at: Timestamp::from_seconds(1_795_000_000),
            };
            for locale in self.locales.keys() {
                self.write_parts(
                    locale,
                    *kind,
                    &order,
                    Timestamp::from_seconds(1_794_000_000),
                )?;
            }
        }
        Ok(())
    }
}

fn check_names(overrides: &BTreeMap<String, String>) -> Result<(), MailTemplateError> {
    let is_known = |name: &str| {
        let own = |kind: &MailKind| {
            let mut parts = Part::ALL.iter();
            parts.any(|part| name == format!("{}.{}", kind.as_str(), part.extension()))
        };
        SHARED.iter().any(|(shared, _)| *shared == name) || MailKind::ALL.iter().any(own)
    };
    match overrides.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(MailTemplateError::Unknown {
            name: name.clone(),
            known: SHARED
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

fn environment(
    app_name: &str,
    locale: &'static str,
    messages: Messages,
    overrides: &BTreeMap<String, String>,
) -> Result<Environment<'static>, MailTemplateError> {
    let mut environment = engine::environment(app_name, locale, messages.clone())
        .map_err(|error| MailTemplateError::template("layout.html", &error))?;
    environment.add_function("say", move |state: &State, part: &str| {
        say(&messages, state, part)
    });
    for (name, source) in SHARED {
        environment
            .add_template(name, source)
            .map_err(|error| MailTemplateError::template(name, &error))?;
    }
    for (name, source) in overrides {
        environment
            .add_template_owned(name.clone(), source.clone())
            .map_err(|error| MailTemplateError::template(name, &error))?;
    }
    Ok(environment)
}

/// `say(part)`: the message of the mail's kind, filled in with its facts. A kind without an `action` of its own has
/// the one that leads to the app.
fn say(messages: &Messages, state: &State, part: &str) -> Result<Value, Error> {
    let kind = state.lookup("kind").unwrap_or_default();
    let key = format!("{kind}.{part}");
    let key = if part == "action" && !messages.contains_key(&key) {
        part.to_owned()
    } else {
        key
    };
    let plain = engine::is_plain(state);
    let message = catalogue::find(messages, &key)?;
    catalogue::fill(&key, message, plain, |name| {
        let value = state.lookup(name).unwrap_or_default();
        Ok(match value.as_str() {
            Some(text) if TIMES.contains(&name) && plain => filters::plain_time(text),
            Some(text) if TIMES.contains(&name) => filters::time(text),
            // Kept from reordering the words around it.
            Some(text) if !plain => {
                Value::from_safe_string(format!("<bdi>{}</bdi>", filters::escape(text)))
            }
            _ => value,
        })
    })
}
