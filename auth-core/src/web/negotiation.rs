//! What the client wants to read.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_LANGUAGE};

/// Whether a client prefers JSON to HTML. A client that names neither, or anything, gets HTML: it may be a browser.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0, 0);
    for (range, quality) in weighted(headers, ACCEPT) {
        match range.as_str() {
            "text/html" | "application/xhtml+xml" => html = html.max(quality),
            "application/json" | "application/problem+json" => json = json.max(quality),
            _ => {}
        }
    }
    json > html
}

/// The best of the `available` languages: by `ui_locales` (OpenID Connect Core §3.1.2.1, space separated), then by
/// `Accept-Language`; a region is dropped when only the language is there. The first available one otherwise.
pub fn language<'a>(
    available: &[&'a str],
    ui_locales: Option<&str>,
    headers: &HeaderMap,
) -> &'a str {
    let asked = ui_locales
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let mut accepted: Vec<_> = weighted(headers, ACCEPT_LANGUAGE)
        .filter(|(_, quality)| *quality > 0)
        .collect();
    accepted.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    let wanted = asked
        .into_iter()
        .chain(accepted.into_iter().map(|(tag, _)| tag));
    for tag in wanted {
        let language = tag.split('-').next().unwrap_or_default();
        let fits = |candidate: &&&str| {
            candidate.eq_ignore_ascii_case(&tag) || candidate.eq_ignore_ascii_case(language)
        };
        if let Some(found) = available.iter().find(fits) {
            return found;
        }
    }
    available.first().copied().unwrap_or("en")
}

// Quality in thousandths (RFC 9110 §12.4.2).
fn weighted(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = (String, u16)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .take(64)
        .map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let range = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts
                .filter_map(|part| part.strip_prefix("q="))
                .find_map(|q| q.parse::<f32>().ok())
                .unwrap_or(1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to 0..=1000 before the cast"
            )]
            let quality = (quality.clamp(0.0, 1.0) * 1000.0) as u16;
            (range, quality)
        })
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("header"));
        headers
    }

    #[test]
    fn browsers_get_html_and_programs_json() {
        let wants = |accept: &str| wants_json(&headers(ACCEPT, accept));
        assert!(!wants(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        assert!(wants("application/json"));
        assert!(wants("application/json, text/html;q=0.5"));
        assert!(!wants("application/json;q=0.1, text/html"));
        assert!(!wants("*/*"));
        assert!(!wants("application/json;q=nan"));
        assert!(!wants_json(&HeaderMap::new()));
    }

    #[test]
    fn languages_by_request_then_header_then_default() {
        let header = headers(ACCEPT_LANGUAGE, "fr;q=0.4, de-AT;q=0.9");
        assert_eq!(language(&["en", "de", "fr"], None, &header), "de");
        assert_eq!(
            language(&["en", "de", "fr"], Some("xx fr-CA"), &header),
            "fr"
        );
        assert_eq!(language(&["en"], Some("ja"), &header), "en");
    }
}
