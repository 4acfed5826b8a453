//! Somebody with a browser, or an app with a token.

use std::net::IpAddr;

use auth_core::auth::Auth;
use auth_core::login::SignedIn;
use auth_core::testkit::{Answer, Browser};
use auth_core::web::ClientAddr;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use http::{Method, Request};
use serde_json::Value;

use crate::TestKit;
use crate::fail::{Outcome as _, fail};

/// A visitor in one state: their cookies or their token, for requests to the host's own routes and to those of the
/// [`Auth`]. A clone is another device with a copy of them.
#[derive(Clone, Debug)]
pub struct Visitor {
    auth: Auth,
    browser: Browser,
    token: Option<String>,
    address: IpAddr,
}

impl Visitor {
    /// Nobody is known here: a new browser at an address of its own.
    pub fn anonymous(kit: &TestKit, auth: &Auth) -> Self {
        let address = kit.next_address();
        Self {
            browser: Browser::new(auth).at(address),
            auth: auth.clone(),
            token: None,
            address,
        }
    }

    /// What the visitor sends along with every request: `Cookie` or `Authorization`.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let cookies = self.browser.cookies();
        if !cookies.is_empty() {
            headers.insert(COOKIE, header(&cookies));
        }
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, header(&format!("Bearer {token}")));
        }
        headers
    }

    /// Makes a request this visitor's: adds the headers, and the address it comes from.
    pub fn apply<B>(&self, request: &mut Request<B>) {
        request.headers_mut().extend(self.headers());
        request.extensions_mut().insert(ClientAddr(self.address));
    }

    /// Takes over the cookies of an answer that the host gave.
    pub fn keep(&mut self, headers: &HeaderMap) {
        self.browser.keep_cookies(headers);
    }

    /// Opens a page of the `Auth`.
    pub async fn get(&mut self, path: &str) -> Answer {
        let token = self.authorization();
        let headers = authorized(token.as_deref(), &[("sec-fetch-site", "none")]);
        self.browser.send(Method::GET, path, &headers, "").await
    }

    /// Posts JSON to the `Auth`, as a script of its pages would, and reads JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let token = self.authorization();
        let json = [
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/json"),
            ("accept", "application/json"),
        ];
        let headers = authorized(token.as_deref(), &json);
        let body = body.to_string();
        self.browser.send(Method::POST, path, &headers, &body).await
    }

    /// The browser, for pages and forms of the `Auth`.
    pub fn browser(&mut self) -> &mut Browser {
        &mut self.browser
    }

    /// The session's bearer token, of a client without cookies.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Who is signed in here, as a guard finds out.
    pub async fn session(&self) -> Option<SignedIn> {
        let login = self.auth.login().or_fail("a visitor");
        match login.session(&self.headers()).await {
            Ok(session) => session,
            Err(problem) => fail(format_args!("the session: {}", problem.detail)),
        }
    }

    /// Posts JSON that must be taken.
    pub(crate) async fn must_post(&mut self, path: &str, body: &Value, what: &str) -> Value {
        let answer = self.post(path, body).await;
        if !answer.status.is_success() {
            let (status, text) = (answer.status, &answer.text);
            fail(format_args!(
                "{what}: POST {path} was answered {status}: {text}"
            ));
        }
        // A session or a token that was renewed comes along.
        if let Some(token) = answer.json()["token"].as_str() {
            self.token = Some(token.to_owned());
        }
        answer.json()
    }

    fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }
}

fn authorized<'h>(
    token: Option<&'h str>,
    headers: &[(&'h str, &'h str)],
) -> Vec<(&'h str, &'h str)> {
    let token = token.map(|token| ("authorization", token));
    headers.iter().copied().chain(token).collect()
}

fn header(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).or_fail("a header");
    value.set_sensitive(true);
    value
}
