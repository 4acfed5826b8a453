//! What templates can do with a value beyond printing it escaped.

use minijinja::{HtmlEscape, Value};

/// Text as HTML, in an attribute too. A slash stays one: it closes nothing by itself, and paths stay readable for people
/// and for simple programs that fill in forms.
pub(in crate::services) fn escape(text: &str) -> String {
    // An input that spells the entity has its `&` escaped and is not met here.
    HtmlEscape(text).to_string().replace("&#x2f;", "/")
}

/// Text as one line: what breaks lines, and what else controls a terminal or the direction of the text around it,
/// becomes a space (threat 18).
pub(in crate::services) fn one_line(text: &str) -> String {
    text.replace(breaks_out, " ")
}

fn breaks_out(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `time` in plain text.
pub(in crate::services) fn plain_time(text: &str) -> Value {
    Value::from(readable(text).unwrap_or_else(|| text.to_owned()))
}

/// `time`: an RFC 3339 time as a `<time>` element people can read; anything else as escaped text.
pub(in crate::services) fn time(text: &str) -> Value {
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

#[cfg(test)]
mod tests {
    #[test]
    fn threat_18_only_the_slash_is_left_alone() {
        assert_eq!(
            super::escape("</p>\"' &#x2f; /"),
            "&lt;/p&gt;&quot;&#x27; &amp;#x2f; /"
        );
    }

    #[test]
    fn threat_18_plain_text_stays_on_its_line() {
        assert_eq!(
            super::one_line("a\r\nBcc: b\u{2028}c\u{202e}d\u{0}e é"),
            "a  Bcc: b c d e é"
        );
    }

    #[test]
    fn times_are_readable() {
        for (text, shown) in [
            ("2026-11-21T09:30:00Z", "2026-11-21 09:30 UTC"),
            ("2026-11-21T09:30:59.123456789Z", "2026-11-21 09:30 UTC"),
            ("2026-11-21T09:30:00+00:00", "2026-11-21 09:30 UTC"),
            ("2026-11-21T09:30:00-03:30", "2026-11-21 09:30 -03:30"),
        ] {
            let html = super::time(text).to_string();
            assert!(html.ends_with(&format!(">{shown}</time>")), "{html}");
            assert!(
                html.starts_with("<time datetime=\"2026-11-21T09:30:"),
                "{html}"
            );
        }
        for text in [
            "",
            "yesterday",
            "2026-11-21",
            "2026-11-21T09:30:00",
            "2026-11-21é09:30:00Z",
        ] {
            assert_eq!(super::time(text).to_string(), text);
        }
        assert_eq!(super::time("<b>").to_string(), "&lt;b&gt;");
    }

    #[test]
    fn web_addresses_are_http_and_https() {
        for good in [
            "https://example.com",
            "HTTP://example.com/a?b#c",
            "http://[::1]:8080/",
        ] {
            assert_eq!(super::web_url(&good.into()).as_deref(), Some(good));
        }
        for bad in [
            "",
            "https:",
            "https://",
            "https:///x",
            "https:\\\\x",
            "ftp://x",
            "https://x\\y",
            "https://x\ny",
        ] {
            assert_eq!(super::web_url(&bad.into()), None, "{bad}");
        }
        assert_eq!(super::web_url(&minijinja::Value::from(())), None);
    }
}
