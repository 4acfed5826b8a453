//! Cross-site request forgery: Fetch-Metadata and `Origin`, then a token per form.

use std::time::Duration;

use http::HeaderName;
use http::header::{HeaderValue, ORIGIN};
use http::request::Parts;

use super::{BaseUrl, Exchange, Params, session_token};
use crate::ground::{Digest32, KeyRing, Purpose, Random, Timestamp, base64url, from_base64url};

/// The name of the hidden field.
pub const FORM_TOKEN_FIELD: &str = "form_token";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A form left open longer than this must be shown anew.
const FORM_LIFE: Duration = Duration::from_hours(24);

/// Why a state-changing request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Forgery {
    /// The browser says that another site sent it.
    #[error("the request came from another site")]
    CrossSite,
    /// The form token is missing, expired, another form's or another browser's.
    #[error("the form has expired or belongs to another browser; load it again")]
    Token,
}

/// Makes and checks form tokens. A token is bound to the browser (by its cookie), to the form's purpose and to a
/// day; nothing is stored, so any number of tabs hold valid forms at once.
#[derive(Clone)]
pub struct FormTokens {
    keys: KeyRing,
    origin: String,
}

impl FormTokens {
    /// Tokens under this key ring for pages of this site.
    pub fn new(keys: KeyRing, base: &BaseUrl) -> Self {
        Self {
            keys,
            origin: base.origin(),
        }
    }

    /// A token for the form `purpose` (which should name whatever the form must not be used for otherwise: the
    /// session, the interaction). Sets the browser cookie when the browser has none.
    pub fn issue(&self, exchange: &mut Exchange<'_>, random: &dyn Random, purpose: &str) -> String {
        let browser = exchange.browser(random);
        let nonce = random.bytes::<8>();
        let issued = exchange.now.seconds().to_be_bytes();
        let mac = self.mac(&browser, purpose, nonce, issued);
        format!("{}.{}", base64url(&[nonce, issued].concat()), mac)
    }

    /// Checks a state-changing request: where it comes from, and its form token. A JSON body needs no token: another
    /// site cannot send one without a preflight, which we never grant, and its origin is checked all the same. Nor does a
    /// request with the token of a bearer session: no browser adds that header by itself, nor lets another site add it.
    pub fn check(
        &self,
        exchange: &Exchange<'_>,
        params: &Params,
        purpose: &str,
    ) -> Result<(), Forgery> {
        if session_token(exchange.headers()).is_some() {
            return Ok(());
        }
        self.check_origin(exchange)?;
        if exchange.has_json_body() {
            return Ok(());
        }
        self.verify(exchange, params.get(FORM_TOKEN_FIELD), purpose)
            .ok_or(Forgery::Token)
    }

    /// Checks a state-changing request that carries no form token and goes by a cookie: only one of which the browser
    /// says that a page of this origin sent it will do. Silence, `null` and what the user did by hand will not.
    /// The token of a bearer session is no cookie, so it needs no such word.
    pub fn check_same_origin(&self, parts: &Parts) -> Result<(), Forgery> {
        if session_token(&parts.headers).is_some() {
            return Ok(());
        }
        let is = |name, wanted: &str| {
            let value = parts.headers.get(name);
            value.map(|value: &HeaderValue| value.as_bytes() == wanted.as_bytes())
        };
        let same_origin = is(SEC_FETCH_SITE, "same-origin").or_else(|| is(ORIGIN, &self.origin));
        match same_origin {
            Some(true) => Ok(()),
            Some(false) | None => Err(Forgery::CrossSite),
        }
    }

    fn check_origin(&self, exchange: &Exchange<'_>) -> Result<(), Forgery> {
        if let Some(site) = exchange.header(SEC_FETCH_SITE) {
            return match site {
                // `none`: the user did it by hand, for example by reloading.
                "same-origin" | "none" => Ok(()),
                _ => Err(Forgery::CrossSite),
            };
        }
        match exchange.parts.headers.get(ORIGIN) {
            None => Ok(()),
            Some(origin) if origin.as_bytes() == self.origin.as_bytes() => Ok(()),
            // Our own pages forbid referrers, so a browser without Fetch-Metadata sends `null` for their forms; a form
            // is then known by its token. JSON carries none and gets no such doubt.
            Some(origin) if origin.as_bytes() == b"null" && !exchange.has_json_body() => Ok(()),
            Some(_) => Err(Forgery::CrossSite),
        }
    }

    fn verify(&self, exchange: &Exchange<'_>, token: Option<&str>, purpose: &str) -> Option<()> {
        let browser = exchange.known_browser()?;
        let (head, mac) = token?.split_once('.')?;
        let head: [u8; 16] = from_base64url(head)?.try_into().ok()?;
        let (nonce, issued) = head.split_first_chunk::<8>()?;
        let issued: [u8; 8] = issued.try_into().ok()?;
        let input = Self::mac_input(browser, purpose, *nonce, issued);
        if !self
            .keys
            .verify_mac(Purpose::FormToken, input.as_bytes(), mac)
        {
            return None;
        }
        let issued_at = Timestamp::from_seconds(i64::from_be_bytes(issued));
        (exchange.now.since(issued_at) <= FORM_LIFE).then_some(())
    }

    fn mac(&self, browser: &str, purpose: &str, nonce: [u8; 8], issued: [u8; 8]) -> String {
        let input = Self::mac_input(browser, purpose, nonce, issued);
        self.keys.mac(Purpose::FormToken, input.as_bytes())
    }

    fn mac_input(browser: &str, purpose: &str, nonce: [u8; 8], issued: [u8; 8]) -> Digest32 {
        Digest32::of_parts(&[browser.as_bytes(), purpose.as_bytes(), &nonce, &issued])
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::super::TrustedProxies;
    use super::*;
    use crate::ground::SystemRandom;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn tokens() -> FormTokens {
        let keys = KeyRing::new([[7; 32]]).expect("ring");
        FormTokens::new(
            keys,
            &BaseUrl::parse("https://app.example.com").expect("base"),
        )
    }

    fn with<T>(
        headers: &[(&str, &str)],
        now: Timestamp,
        run: impl FnOnce(&mut Exchange<'_>) -> T,
    ) -> T {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("request").into_parts();
        let body = Bytes::new();
        let mut exchange = Exchange::new(&parts, &body, now, &TrustedProxies::default(), false);
        run(&mut exchange)
    }

    fn issue() -> (String, String) {
        with(&[], NOW, |exchange| {
            let token = tokens().issue(exchange, &SystemRandom, "login");
            let mut headers = http::HeaderMap::new();
            std::mem::replace(&mut exchange.cookies, super::super::CookieJar::new(false))
                .apply(&mut headers);
            let cookie = headers["set-cookie"].to_str().expect("text");
            let cookie = cookie.split(';').next().expect("pair").to_owned();
            (token, cookie)
        })
    }

    fn check(
        headers: &[(&str, &str)],
        token: &str,
        purpose: &str,
        now: Timestamp,
    ) -> Result<(), Forgery> {
        let params = Params::from_pairs(vec![(FORM_TOKEN_FIELD.into(), token.into())]);
        with(headers, now, |exchange| {
            tokens().check(exchange, &params, purpose)
        })
    }

    #[test]
    fn threat_36_a_form_works_only_in_its_browser_for_its_purpose_and_day() {
        let (token, cookie) = issue();
        let headers = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(check(&headers, &token, "login", NOW), Ok(()));
        assert_eq!(check(&headers, &token, "logout", NOW), Err(Forgery::Token));
        assert_eq!(check(&headers, "", "login", NOW), Err(Forgery::Token));
        assert_eq!(check(&headers, "a.b", "login", NOW), Err(Forgery::Token));
        assert_eq!(
            check(&headers[1..], &token, "login", NOW),
            Err(Forgery::Token)
        );
        let (_, other) = issue();
        let foreign = [("cookie", other.as_str())];
        assert_eq!(check(&foreign, &token, "login", NOW), Err(Forgery::Token));
        let late = NOW + FORM_LIFE + Duration::from_secs(1);
        assert_eq!(check(&headers, &token, "login", late), Err(Forgery::Token));
    }

    #[test]
    fn threat_32_two_tabs_hold_valid_forms_at_once() {
        let (first, cookie) = issue();
        let second = with(&[("cookie", &cookie)], NOW, |exchange| {
            tokens().issue(exchange, &SystemRandom, "login")
        });
        assert_ne!(first, second);
        for token in [first, second] {
            assert_eq!(check(&[("cookie", &cookie)], &token, "login", NOW), Ok(()));
        }
    }

    #[test]
    fn threat_36_other_sites_are_refused_by_what_the_browser_says() {
        let (token, cookie) = issue();
        let cookie = ("cookie", cookie.as_str());
        for bad in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "http://app.example.com"),
        ] {
            assert_eq!(
                check(&[cookie, bad], &token, "login", NOW),
                Err(Forgery::CrossSite)
            );
        }
        for good in [
            ("sec-fetch-site", "none"),
            ("origin", "https://app.example.com"),
            ("origin", "null"),
        ] {
            assert_eq!(check(&[cookie, good], &token, "login", NOW), Ok(()));
        }
        let json = ("content-type", "application/json");
        assert_eq!(
            check(&[json, ("origin", "null")], "", "login", NOW),
            Err(Forgery::CrossSite)
        );
        assert_eq!(
            check(
                &[json, ("origin", "https://app.example.com")],
                "",
                "login",
                NOW
            ),
            Ok(())
        );
    }

    #[test]
    fn threat_36_without_a_form_token_only_the_browsers_word_counts() {
        let check = |headers: &[(&str, &str)]| {
            with(headers, NOW, |exchange| {
                tokens().check_same_origin(exchange.parts)
            })
        };
        let (here, there) = ("https://app.example.com", "https://evil.example");
        for good in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("origin", here)],
            &[("sec-fetch-site", "same-origin"), ("origin", here)],
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", here)],
            &[("origin", there)],
            &[("origin", "null")],
            &[("origin", "https://app.example.com:8443")],
            &[("content-type", "application/json")],
        ] {
            assert_eq!(check(bad), Err(Forgery::CrossSite), "{bad:?}");
        }
    }
}
