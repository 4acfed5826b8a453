//! Where a user goes back to after signing in: a validated relative path, nothing else.

use percent_encoding::percent_decode_str;

use super::BaseUrl;

/// A path on this site, query included, proven safe to redirect to.
///
/// Refused: anything absolute, `//host`, `/\host`, control characters, user-info, and every percent-encoded spelling
/// of those. The browser's own parser (WHATWG URL) has the last word: resolved against the base URL the result must
/// stay on the same origin. A false positive would send a user, fresh from signing in, to somebody else's site; a false
/// negative only forgets where they wanted to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

const MAX_LEN: usize = 2048;

impl ReturnTo {
    /// Checks a path that came from outside.
    pub fn parse(base: &BaseUrl, text: &str) -> Option<Self> {
        if text.len() > MAX_LEN || !is_plain_path(text) {
            return None;
        }
        // Decoded once and twice: some hop between here and the browser may do it.
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let mut decoded = path.to_owned();
        for _ in 0..2 {
            decoded = percent_decode_str(&decoded)
                .decode_utf8()
                .ok()?
                .into_owned();
            if !is_plain_path(&decoded) {
                return None;
            }
        }
        let resolved = base.url().join(text).ok()?;
        if resolved.origin() != base.url().origin()
            || !resolved.username().is_empty()
            || resolved.password().is_some()
            // Dot segments may resolve into an empty first segment, which a browser would read as a host.
            || resolved.path().starts_with("//")
        {
            return None;
        }
        let mut safe = resolved.path().to_owned();
        if let Some(query) = resolved.query() {
            safe.push('?');
            safe.push_str(query);
        }
        if let Some(fragment) = resolved.fragment() {
            safe.push('#');
            safe.push_str(fragment);
        }
        Some(Self(safe))
    }

    /// The site's root.
    pub fn home(base: &BaseUrl) -> Self {
        Self(base.path("/"))
    }

    /// The path as the URL parser spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain_path(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('/')
        && chars.next() != Some('/')
        && !text.contains('\\')
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        let base = BaseUrl::parse("https://app.example.com").expect("base");
        ReturnTo::parse(&base, text).map(|path| path.0)
    }

    #[test]
    fn paths_of_this_site_pass() {
        assert_eq!(parse("/").as_deref(), Some("/"));
        assert_eq!(
            parse("/a/b?x=1&y=//z#frag").as_deref(),
            Some("/a/b?x=1&y=//z#frag")
        );
        assert_eq!(parse("/a/../b").as_deref(), Some("/b"));
        assert_eq!(
            parse("/search?q=%2F%2Fevil").as_deref(),
            Some("/search?q=%2F%2Fevil")
        );
        assert_eq!(parse("/ü").as_deref(), Some("/%C3%BC"));
    }

    #[test]
    fn threat_03_everything_that_could_leave_the_site_is_refused() {
        let long = format!("/{}", "a".repeat(MAX_LEN));
        for bad in [
            "",
            "evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/%2f/evil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%252f%252fevil.example",
            "/%09/evil.example",
            "/%0d%0aSet-Cookie:x=1",
            "/..//evil.example",
            "/.//evil.example",
            "/%2e%2e//evil.example",
            "/a/..//evil.example",
            "@evil.example",
            "/\u{0}",
            "/%00",
            "/%ff",
            "?x",
            "#x",
            &long,
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn threat_03_whatever_passes_stays_on_the_site_for_the_browsers_parser() {
        let base = BaseUrl::parse("https://app.example.com").expect("base");
        let pieces = [
            "/",
            "\\",
            ".",
            "..",
            "%2f",
            "%5c",
            "evil.example",
            "@",
            ":",
            "?",
            "#",
            "\t",
            "%09",
            "a",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let text = format!("/{a}{b}{c}{d}");
                        if let Some(path) = ReturnTo::parse(&base, &text) {
                            let seen = base.url().join(path.as_str()).expect("URL");
                            assert_eq!(seen.origin(), base.url().origin(), "{text:?}");
                            assert!(!path.as_str().starts_with("//"), "{text:?}");
                        }
                    }
                }
            }
        }
    }
}
