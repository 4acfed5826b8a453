//! Cookies: `__Host-`, `HttpOnly`, `Secure`, `SameSite=Lax`, `Path=/`; plain names on loopback http only. One is open to
//! scripts and to frames of other sites, and says nothing: [`CookieName::OpState`].

use std::borrow::Cow;
use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// The longest sealed value: with its name and attributes it is within what every browser keeps.
pub(crate) const MAX_SEALED: usize = 3_600;

/// More sign-ins under way than one browser has.
const MOST_READ: usize = 16;

/// How the cookies of sign-ins under way at other providers begin; one each, so that none disturbs another (threat 32).
const ATTEMPT: &str = "__Host-auth_attempt_";

/// The cookies of the product. The wire name follows from the base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieName {
    /// The secret of a session.
    Session,
    /// A random value that names this browser: binds form tokens and pending requests to it. Says nothing of who.
    Browser,
    /// A sign-in that waits for its second factor. Never a session.
    PendingSignIn,
    /// The secret of a device that is spared the second factor.
    TrustedDevice,
    /// An identity at another provider that its owner may link once they signed in.
    PendingIdentity,
    /// Where to go after the sign-out at another provider.
    SignedOut,
    /// What a client's frame may learn of the sign-in: that it is another one than it was (OpenID Connect Session
    /// Management 1.0). The only one that scripts and frames of other sites see.
    OpState,
}

impl CookieName {
    /// The name on the wire over https; on loopback http it is the same without `__Host-`.
    pub const fn secure_name(self) -> &'static str {
        match self {
            Self::Session => "__Host-auth_session",
            Self::Browser => "__Host-auth_browser",
            Self::PendingSignIn => "__Host-auth_pending",
            Self::TrustedDevice => "__Host-auth_device",
            Self::PendingIdentity => "__Host-auth_identity",
            Self::SignedOut => "__Host-auth_signed_out",
            Self::OpState => "__Host-auth_op_state",
        }
    }

    /// How long a value of ours is at most.
    const fn most_bytes(self) -> usize {
        match self {
            // A path of the site, sealed.
            Self::SignedOut => MAX_SEALED,
            _ => 512,
        }
    }

    /// Its name on the wire.
    pub(crate) fn name(self, loopback_http: bool) -> &'static str {
        let name = self.secure_name();
        if loopback_http {
            // Browsers refuse the prefix without `Secure`, and `Secure` over http.
            name.trim_start_matches("__Host-")
        } else {
            name
        }
    }
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieLife {
    /// Until the browser closes.
    BrowserSession,
    /// For this long.
    MaxAge(Duration),
}

/// The cookies of one request and those its response sets.
#[derive(Debug)]
pub struct CookieJar {
    loopback_http: bool,
    set: Vec<HeaderValue>,
}

impl CookieJar {
    /// A jar that sets nothing yet.
    pub fn new(loopback_http: bool) -> Self {
        Self {
            loopback_http,
            set: Vec::new(),
        }
    }

    /// The cookie's value in a request; the first if it is there several times. Values that are not what we set
    /// (empty, over 512 bytes or what a sealed one has, not base64url) are as good as absent.
    pub fn read<'h>(&self, headers: &'h HeaderMap, name: CookieName) -> Option<&'h str> {
        let wire_name = name.name(self.loopback_http);
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == wire_name)
            .map(|(_, value)| value)
            .filter(|value| is_ours(value, name.most_bytes()))
    }

    /// The sign-ins under way at other providers: what follows the beginning of each cookie's name, and its value.
    pub fn attempts<'h>(&self, headers: &'h HeaderMap) -> Vec<(&'h str, &'h str)> {
        let begin = self.wire(ATTEMPT);
        let pairs = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs
            .filter_map(|(name, value)| Some((name.strip_prefix(begin)?, value)))
            .filter(|(id, value)| is_ours(id, 16) && is_ours(value, MAX_SEALED))
            .take(MOST_READ)
            .collect()
    }

    /// Sets the cookie of a sign-in under way at another provider. `id` is of letters and digits.
    pub fn set_attempt(&mut self, id: &str, value: &str, life: Duration) {
        let name = format!("{}{id}", self.wire(ATTEMPT));
        let mut cookie = self.build(name.into(), Cow::Borrowed(value), false);
        cookie.set_max_age(time::Duration::try_from(life).ok());
        self.push(&cookie);
    }

    /// Drops the cookie of a sign-in under way at another provider.
    pub fn remove_attempt(&mut self, id: &str) {
        let name = format!("{}{id}", self.wire(ATTEMPT));
        let mut cookie = self.build(name.into(), Cow::Borrowed(""), false);
        cookie.set_max_age(time::Duration::ZERO);
        self.push(&cookie);
    }

    fn wire(&self, name: &'static str) -> &'static str {
        if self.loopback_http {
            name.trim_start_matches("__Host-")
        } else {
            name
        }
    }

    /// Sets a cookie; a later call with the same name replaces an earlier one.
    pub fn set(&mut self, name: CookieName, value: &str, life: CookieLife) {
        let mut cookie = self.base(name, Cow::Borrowed(value));
        if let CookieLife::MaxAge(age) = life {
            cookie.set_max_age(time::Duration::try_from(age).ok());
        }
        self.push(&cookie);
    }

    /// The value that names the browser of a request, if it has one.
    pub(crate) fn known_browser<'h>(&self, request: &'h HeaderMap) -> Option<&'h str> {
        let value = self.read(request, CookieName::Browser);
        value.filter(|value| value.len() == 43)
    }

    /// Names the browser.
    pub(crate) fn set_browser(&mut self, value: &str) {
        // Two years; a new one is made whenever it is missing, so its end loses nothing but open forms.
        let life = CookieLife::MaxAge(Duration::from_hours(24 * 730));
        self.set(CookieName::Browser, value, life);
    }

    /// Tells the browser to drop a cookie.
    pub fn remove(&mut self, name: CookieName) {
        let mut cookie = self.base(name, Cow::Borrowed(""));
        cookie.set_max_age(time::Duration::ZERO);
        self.push(&cookie);
    }

    /// With another session, or none, what scripts saw of the last one goes, if the request had it.
    pub fn follow_session(&mut self, request: &HeaderMap) {
        let begins = |name: CookieName| format!("{}=", name.name(self.loopback_http));
        let (session, state) = (begins(CookieName::Session), begins(CookieName::OpState));
        let sets = |begin: &str| {
            let mut values = self.set.iter();
            values.any(|value| value.as_bytes().starts_with(begin.as_bytes()))
        };
        if sets(&session) && !sets(&state) && self.read(request, CookieName::OpState).is_some() {
            self.remove(CookieName::OpState);
        }
    }

    /// Appends the `Set-Cookie` headers; several stay several.
    pub fn apply(self, headers: &mut HeaderMap) {
        for value in self.set {
            headers.append(SET_COOKIE, value);
        }
    }

    fn base<'c>(&self, name: CookieName, value: Cow<'c, str>) -> Cookie<'c> {
        let is_open = name == CookieName::OpState;
        self.build(name.name(self.loopback_http).into(), value, is_open)
    }

    fn build<'c>(&self, name: Cow<'c, str>, value: Cow<'c, str>, is_open: bool) -> Cookie<'c> {
        // Without `Secure`, which loopback http cannot have, browsers refuse `None`; there every port is the same site.
        let same_site = if is_open && !self.loopback_http {
            SameSite::None
        } else {
            SameSite::Lax
        };
        Cookie::build((name, value))
            .path("/")
            .http_only(!is_open)
            .secure(!self.loopback_http)
            .same_site(same_site)
            .build()
    }

    fn push(&mut self, cookie: &Cookie<'_>) {
        // Our names and values are base64url; a value that is no header value cannot arise and would be dropped.
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            let name = format!("{}=", cookie.name());
            self.set
                .retain(|other| !other.as_bytes().starts_with(name.as_bytes()));
            self.set.push(value);
        }
    }
}

/// Whether a value looks like one that was set here.
fn is_ours(value: &str, limit: usize) -> bool {
    !value.is_empty()
        && value.len() <= limit
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(COOKIE, HeaderValue::from_bytes(value).expect("header"));
        }
        headers
    }

    #[test]
    fn host_prefix_and_attributes_on_https() {
        let mut jar = CookieJar::new(false);
        jar.set(CookieName::Session, "abc", CookieLife::BrowserSession);
        jar.set(
            CookieName::Browser,
            "b1",
            CookieLife::MaxAge(Duration::from_mins(1)),
        );
        jar.set(CookieName::Session, "abd", CookieLife::BrowserSession);
        let mut out = HeaderMap::new();
        jar.apply(&mut out);
        let set: Vec<_> = out
            .get_all(SET_COOKIE)
            .iter()
            .map(|v| v.to_str().expect("text"))
            .collect();
        assert_eq!(
            set,
            [
                "__Host-auth_browser=b1; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60",
                "__Host-auth_session=abd; HttpOnly; SameSite=Lax; Secure; Path=/",
            ]
        );
    }

    #[test]
    fn reads_among_others_and_ignores_nonsense() {
        let jar = CookieJar::new(true);
        let found = |values: &[&[u8]]| {
            jar.read(&headers(values), CookieName::Session)
                .map(str::to_owned)
        };
        assert_eq!(
            found(&[b"a=1; auth_session=xyz", b"auth_session=second"]).as_deref(),
            Some("xyz")
        );
        assert_eq!(
            found(&[b"\xff\xfe=1", b"auth_session=ok"]).as_deref(),
            Some("ok")
        );
        assert_eq!(found(&[b"auth_session="]), None);
        assert_eq!(found(&[b"auth_session=a b"]), None);
        assert_eq!(found(&[b";;;=;=;auth_session"]), None);
        let long = format!("auth_session={}", "a".repeat(513));
        assert_eq!(found(&[long.as_bytes()]), None);
        // The https name is not read over http, nor the other way round.
        assert_eq!(found(&[b"__Host-auth_session=xyz"]), None);
    }

    #[test]
    fn each_attempt_has_a_cookie_of_its_own() {
        let mut jar = CookieJar::new(false);
        jar.set_attempt("0a1b2c3d", "one", Duration::from_mins(15));
        jar.set_attempt("4e5f6a7b", "two", Duration::from_mins(15));
        jar.remove_attempt("0a1b2c3d");
        let mut out = HeaderMap::new();
        jar.apply(&mut out);
        let set: Vec<_> = out
            .get_all(SET_COOKIE)
            .iter()
            .map(|v| v.to_str().expect("text"))
            .collect();
        assert_eq!(
            set,
            [
                "__Host-auth_attempt_4e5f6a7b=two; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=900",
                "__Host-auth_attempt_0a1b2c3d=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0",
            ]
        );
        let jar = CookieJar::new(true);
        let long = format!("auth_attempt_c={}", "a".repeat(MAX_SEALED + 1));
        let request = headers(&[
            b"auth_attempt_a=1; auth_session=x; auth_attempt_b=2; auth_attempt_=3; auth_attempt_d=4 5",
            long.as_bytes(),
            b"__Host-auth_attempt_e=6",
        ]);
        assert_eq!(jar.attempts(&request), [("a", "1"), ("b", "2")]);
        let many: Vec<_> = (0..40).map(|n| format!("auth_attempt_{n}=v")).collect();
        let many = headers(&[many.join("; ").as_bytes()]);
        assert_eq!(jar.attempts(&many).len(), MOST_READ);
    }
}
