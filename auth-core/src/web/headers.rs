//! Headers every answer carries.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// Where the forms of a page may lead, redirects included: browsers apply `form-action` to the whole chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormTarget {
    /// This site only.
    Here,
    /// Anywhere: the form may end at a client's redirect URI.
    Client,
}

/// What a page is allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagePolicy {
    /// Where its forms lead.
    pub forms: FormTarget,
    /// Whether it loads a script of ours.
    pub script: bool,
}

impl Default for PagePolicy {
    fn default() -> Self {
        Self {
            forms: FormTarget::Here,
            script: false,
        }
    }
}

/// The headers of an HTML page: a strict Content-Security-Policy, no framing (RFC 9700 §4.16).
pub fn page_headers(headers: &mut HeaderMap, policy: PagePolicy) {
    let text = match (policy.forms, policy.script) {
        (FormTarget::Here, false) => {
            "default-src 'none'; style-src 'self'; img-src 'self' https: data:; base-uri 'none'; \
             frame-ancestors 'none'; form-action 'self'"
        }
        (FormTarget::Client, false) => {
            "default-src 'none'; style-src 'self'; img-src 'self' https: data:; base-uri 'none'; \
             frame-ancestors 'none'"
        }
        (FormTarget::Here, true) => {
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; base-uri 'none'; \
             frame-ancestors 'none'; form-action 'self'"
        }
        (FormTarget::Client, true) => {
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; base-uri 'none'; \
             frame-ancestors 'none'"
        }
    };
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(text));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
}

/// Lets a page show frames of these origins and no others.
pub fn allow_frames(headers: &mut HeaderMap, origins: impl Iterator<Item = String>) {
    let origins: std::collections::BTreeSet<_> = origins.collect();
    let policy = headers.get(CONTENT_SECURITY_POLICY);
    let Some(policy) = policy.and_then(|policy| policy.to_str().ok()) else {
        return;
    };
    let frames: Vec<_> = origins.into_iter().collect();
    // Serialized origins are ASCII, without a separator of policies.
    if let Ok(policy) = HeaderValue::from_str(&format!("{policy}; frame-src {}", frames.join(" ")))
    {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// Lets the script of a page ask this site.
#[cfg(feature = "login")]
pub fn allow_fetches(headers: &mut HeaderMap) {
    let policy = headers.get(CONTENT_SECURITY_POLICY);
    let Some(policy) = policy.and_then(|policy| policy.to_str().ok()) else {
        return;
    };
    if let Ok(policy) = HeaderValue::from_str(&format!("{policy}; connect-src 'self'")) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// The headers of a page that other sites may frame: it runs a script of ours, and shows and sends nothing.
pub fn frame_headers(headers: &mut HeaderMap) {
    let policy = "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
}

/// What a route gives to one person or client alone is not stored by caches, unless the route said otherwise.
pub fn private_headers(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Completes any answer: not stored unless the endpoint said otherwise, not sniffed, no referrer (RFC 9700 §4.2.4),
/// and https remembered where the site is https.
pub fn finish_headers(headers: &mut HeaderMap, loopback_http: bool) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // RFC 6749 §5.1 asks for it beside no-store.
        headers.insert(
            HeaderName::from_static("pragma"),
            HeaderValue::from_static("no-cache"),
        );
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !loopback_http {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}
