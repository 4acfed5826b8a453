//! One request on its way to its response.

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};

use super::{CookieJar, CookieName, Params, ParamsError, TrustedProxies};
use crate::ground::{Random, Timestamp};

/// A request with what every endpoint asks of it: the moment, the client's address, parameters and cookies.
pub struct Exchange<'r> {
    /// Method, URI, headers, extensions.
    pub parts: &'r Parts,
    /// The body, at most [`BODY_LIMIT`](super::BODY_LIMIT).
    pub body: &'r Bytes,
    /// The moment the request is judged by: one for the whole request.
    pub now: Timestamp,
    /// The client's address behind trusted proxies.
    pub address: Option<IpAddr>,
    /// Cookies read and set.
    pub cookies: CookieJar,
    // Made for a browser that came without one: every form of the page is bound to the same.
    new_browser: Option<String>,
}

impl<'r> Exchange<'r> {
    /// Prepares a request.
    pub fn new(
        parts: &'r Parts,
        body: &'r Bytes,
        now: Timestamp,
        proxies: &TrustedProxies,
        loopback_http: bool,
    ) -> Self {
        Self {
            parts,
            body,
            now,
            address: proxies.client_address(parts),
            cookies: CookieJar::new(loopback_http),
            new_browser: None,
        }
    }

    /// Request headers.
    pub fn headers(&self) -> &'r HeaderMap {
        &self.parts.headers
    }

    /// A header's value when it is there once and is text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&'r str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The value of one of our cookies.
    pub fn cookie(&self, name: CookieName) -> Option<&'r str> {
        self.cookies.read(&self.parts.headers, name)
    }

    /// Parameters of the query.
    pub fn query(&self) -> Result<Params, ParamsError> {
        Params::parse_urlencoded(self.parts.uri.query().unwrap_or_default().as_bytes())
    }

    /// Parameters of a form body (`application/x-www-form-urlencoded` only).
    pub fn form(&self) -> Result<Params, ParamsError> {
        if self.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
            Params::parse_urlencoded(self.body)
        } else {
            Err(ParamsError::MediaType)
        }
    }

    /// Parameters of a form or of a flat JSON object: the login wing takes both.
    pub fn form_or_json(&self) -> Result<Params, ParamsError> {
        if self.has_json_body() {
            Params::parse_json(self.body)
        } else {
            self.form()
        }
    }

    /// Whether the body says it is JSON.
    pub fn has_json_body(&self) -> bool {
        self.media_type()
            .is_some_and(|media| media == "application/json" || media.ends_with("+json"))
    }

    /// The value that names this browser, made and set as a cookie if the browser has none yet.
    pub fn browser(&mut self, random: &dyn Random) -> String {
        if let Some(browser) = self.known_browser() {
            return browser.to_owned();
        }
        if let Some(browser) = &self.new_browser {
            return browser.clone();
        }
        let browser = random.secret();
        self.cookies.set_browser(&browser);
        self.new_browser = Some(browser.clone());
        browser
    }

    /// The value that names this browser, if it has one.
    pub fn known_browser(&self) -> Option<&'r str> {
        self.cookies.known_browser(&self.parts.headers)
    }

    fn media_type(&self) -> Option<String> {
        let value = self.header(header::CONTENT_TYPE)?;
        Some(
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
        )
    }
}
