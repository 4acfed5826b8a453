//! All text people read, by key and language.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, HtmlEscape, Value};

use super::PageError;

/// A file of words.
macro_rules! include_locale {
    ($file:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/templates/locales/",
            $file
        ))
    };
}
pub(in crate::services) use include_locale;

/// The language of whoever asks for one there are no messages for.
pub(in crate::services) const FALLBACK: &str = "en";

/// Lower-case tags of languages, and the file of each.
pub(in crate::services) type Locales = &'static [(&'static str, &'static str)];

/// The words of the pages. A further language is one file and one row.
pub(super) const LOCALES: Locales = &[
    ("en", include_locale!("en.json")),
    ("de", include_locale!("de.json")),
];

/// The messages of one language.
pub(in crate::services) type Messages = BTreeMap<String, String>;

pub(in crate::services) fn load(locale: &str, source: &str) -> Result<Messages, PageError> {
    serde_json::from_str(source).map_err(|error| PageError::Catalogue {
        locale: locale.to_owned(),
        reason: error.to_string(),
    })
}

/// The messages of one language; what it lacks is said in the fallback's words.
pub(in crate::services) fn complete(
    locale: &str,
    source: &str,
    all: Locales,
) -> Result<Messages, PageError> {
    let fallback = all.iter().find(|(tag, _)| *tag == FALLBACK);
    let mut messages = fallback.map_or(Ok(Messages::new()), |(tag, source)| load(tag, source))?;
    messages.extend(load(locale, source)?);
    Ok(messages)
}

/// `t(key, name=value, …)`: the message with each `{name}` replaced.
///
/// In HTML it answers safe HTML: message and values are escaped here, save a value that is safe already, so a template
/// can set a part of a sentence in bold without the sentence being cut in pieces no translator can reorder. In plain
/// text it answers text.
pub(super) fn translate(
    messages: &Messages,
    key: &str,
    values: &Kwargs,
    plain: bool,
) -> Result<Value, Error> {
    let message = find(messages, key)?;
    let text = fill(key, message, plain, |name| values.get(name))?;
    values.assert_all_used()?;
    Ok(text)
}

/// The message of a key.
pub(in crate::services) fn find<'m>(messages: &'m Messages, key: &str) -> Result<&'m str, Error> {
    messages
        .get(key)
        .map(String::as_str)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no message `{key}`")))
}

/// Replaces each `{name}` of a message by the value of that name.
pub(in crate::services) fn fill(
    key: &str,
    message: &str,
    plain: bool,
    value_of: impl Fn(&str) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let mut filled = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, placeholder)) = rest.split_once('{') {
        let (name, after) = placeholder.split_once('}').ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("message `{key}`: unclosed brace"),
            )
        })?;
        let value = value_of(name)?;
        if value.is_undefined() || value.is_none() {
            return Err(Error::new(
                ErrorKind::UndefinedError,
                format!("message `{key}`: no value for `{name}`"),
            ));
        }
        push(&mut filled, before, plain);
        if value.is_safe() {
            filled.push_str(value.as_str().unwrap_or_default());
        } else {
            push(&mut filled, &value.to_string(), plain);
        }
        rest = after;
    }
    push(&mut filled, rest, plain);
    Ok(if plain {
        Value::from(filled)
    } else {
        Value::from_safe_string(filled)
    })
}

fn push(to: &mut String, text: &str, plain: bool) {
    if plain {
        to.push_str(text);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(to, "{}", HtmlEscape(text));
    }
}
