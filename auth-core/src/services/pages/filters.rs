//! What templates can do with a value beyond printing it escaped.

use minijinja::{HtmlEscape, Value};

/// `time`: an RFC 3339 time as a `<time>` element people can read; anything else as escaped text.
pub(super) fn time(text: &str) -> Value {
    let escaped = HtmlEscape(text);
    Value::from_safe_string(match readable(text) {
        Some(readable) => format!("<time datetime=\"{escaped}\">{readable}</time>"),
        None => escaped.to_string(),
    })
}

/// `2026-11-21T09:30:00.5Z` as `2026-11-21 09:30 UTC`; another offset is kept as it is.
fn readable(text: &str) -> Option<String> {
    let date = shaped(text.get(..10)?, "0000-00-00")?;
    shaped(text.get(10..11)?, "T").or(shaped(text.get(10..11)?, "t"))?;
    let clock = shaped(text.get(11..16)?, "00:00")?;
    shaped(text.get(16..19)?, ":00")?;
    let rest = text.get(19..)?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let zone = match zone {
        "Z" | "z" | "+00:00" | "-00:00" => "UTC",
        offset => shaped(offset, "+00:00").or(shaped(offset, "-00:00"))?,
    };
    Some(format!("{date} {clock} {zone}"))
}

/// The text if it is the pattern, where `0` stands for any digit.
fn shaped<'a>(text: &'a str, pattern: &str) -> Option<&'a str> {
    let matches = text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| {
            if wanted == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == wanted
            }
        });
    matches.then_some(text)
}

/// `web_url`: the URL if it is an absolute http or https one, else none.
///
/// Clients register these themselves. A false positive would run a client's `javascript:` on our origin; a false
/// negative costs a link.
pub(super) fn web_url(url: &Value) -> Option<String> {
    let url = url.as_str()?;
    let (scheme, rest) = url.split_once("://")?;
    let web = ["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web));
    // Browsers drop tabs and line breaks from URLs and read `\` as `/`: none has a place in a registered one.
    let plain = !url
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == '\\');
    let host = rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    (web && plain && host).then(|| url.to_owned())
}
