//! The templates' environment, as pages and mails share it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, escape_formatter};

use super::catalogue::{self, Messages};
use super::filters;

/// Strict about what is not there; `.html` escaped for HTML, anything else written as one line of plain text.
pub(in crate::services) fn environment(
    app_name: &str,
    locale: &'static str,
    messages: Messages,
) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if is_plain(state) => Ok(out.write_str(&filters::one_line(text))?),
        Some(text) if !value.is_safe() => Ok(out.write_str(&filters::escape(text))?),
        _ => escape_formatter(out, state, value),
    });
    // Debug information would put contexts, and with them form tokens, into errors and so into logs.
    environment.set_debug(false);
    environment.add_filter("time", |state: &State, text: &str| {
        if is_plain(state) {
            filters::plain_time(text)
        } else {
            filters::time(text)
        }
    });
    environment.add_filter("web_url", |url: minijinja::Value| filters::web_url(&url));
    environment.add_global("app_name", app_name.to_owned());
    environment.add_global("locale", locale);
    environment.add_function("t", move |state: &State, key: &str, values: Kwargs| {
        catalogue::translate(&messages, key, &values, is_plain(state))
    });
    Ok(environment)
}

/// Whether what is written is plain text.
pub(in crate::services) fn is_plain(state: &State) -> bool {
    matches!(state.auto_escape(), AutoEscape::None)
}
