//! All text people read, by key and language.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, HtmlEscape, Value};

use super::PageError;

/// The language of whoever asks for one there are no messages for.
pub(super) const FALLBACK: &str = "en";

/// Every language: a lower-case tag and its file. A further language is one file and one row.
pub(super) const LOCALES: &[(&str, &str)] = &[(
    "en",
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/templates/locales/en.json"
    )),
)];

/// The messages of one language.
pub(super) type Messages = BTreeMap<String, String>;

pub(super) fn load(locale: &str, source: &str) -> Result<Messages, PageError> {
    serde_json::from_str(source).map_err(|error| PageError::Catalogue {
        locale: locale.to_owned(),
        reason: error.to_string(),
    })
}

/// `t(key, name=value, …)`: the message with each `{name}` replaced.
///
/// Answers safe HTML: message and values are escaped here, save a value that is safe already, so a template can
/// set a part of a sentence in bold without the sentence being cut in pieces no translator can reorder.
pub(super) fn translate(messages: &Messages, key: &str, values: &Kwargs) -> Result<Value, Error> {
    let message = messages
        .get(key)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("no message `{key}`")))?;
    let mut html = String::with_capacity(message.len());
    let mut rest = message.as_str();
    while let Some((before, placeholder)) = rest.split_once('{') {
        let (name, after) = placeholder.split_once('}').ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("message `{key}`: unclosed brace"),
            )
        })?;
        let value: Value = values.get(name)?;
        if value.is_undefined() || value.is_none() {
            return Err(Error::new(
                ErrorKind::UndefinedError,
                format!("message `{key}`: no value for `{name}`"),
            ));
        }
        push_escaped(&mut html, before);
        if value.is_safe() {
            html.push_str(value.as_str().unwrap_or_default());
        } else {
            push_escaped(&mut html, &value.to_string());
        }
        rest = after;
    }
    push_escaped(&mut html, rest);
    values.assert_all_used()?;
    Ok(Value::from_safe_string(html))
}

fn push_escaped(html: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(html, "{}", HtmlEscape(text));
}
