//! A person at a browser.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use auth_core::ground::{Digest32, base64url};
use auth_core::testkit::{Answer, Browser};
use http::{Method, StatusCode};

use crate::step::To;
use crate::{Ledger, Node, PASSWORD, Step, relying_party};

const SESSION_COOKIE: &str = "__Host-auth_session";
const STATE: &str = "the state";

/// Somebody with an account, and the browser they use; each of their requests may meet another node.
pub struct Person {
    email: String,
    browser: Browser,
    ledger: Arc<Ledger>,
}

impl Person {
    /// Somebody new: makes the account too.
    pub async fn new(name: &str, node: &Node, ledger: &Arc<Ledger>) -> Self {
        let email = format!("{name}@example.com");
        node.create_user(&email).await;
        Self::known(&email, node, ledger)
    }

    /// Somebody with an account, at a browser without cookies.
    pub(crate) fn known(email: &str, node: &Node, ledger: &Arc<Ledger>) -> Self {
        // Everybody at an address of their own, as far as throttles go.
        let address = u128::from(RandomState::new().hash_one(email)) << 64;
        let address = Ipv6Addr::from_bits(address | (0x2001 << 112));
        Self {
            email: email.to_owned(),
            browser: Browser::new(&node.auth).at(IpAddr::V6(address)),
            ledger: Arc::clone(ledger),
        }
    }

    /// The same person at the same browser, as another request of it: with the cookies it has now.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            email: self.email.clone(),
            browser: self.browser.clone(),
            ledger: Arc::clone(&self.ledger),
        }
    }

    /// What they sign in with.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// What signs the browser in.
    pub fn session_cookie(&self) -> Option<&str> {
        self.browser.cookie(SESSION_COOKIE)
    }

    /// The session's public id.
    pub fn session_id(&self) -> Option<&str> {
        Some(self.session_cookie()?.split_once('.')?.0)
    }

    /// Signs in as whoever has this cookie.
    pub fn steal(&mut self, cookie: &str) {
        self.browser.set_cookie(SESSION_COOKIE, cookie);
    }

    /// Takes a browser without cookies.
    pub fn forget(&mut self, node: &Node) {
        *self = Self::known(&self.email, node, &self.ledger);
    }

    /// Signs in with the password.
    pub async fn sign_in(&mut self, node: &Node) -> Step<()> {
        let page = match self.get(node, "/auth/login").await {
            Step::Done(page) => page,
            other => return other.map(drop),
        };
        let email = self.email.clone();
        let fields = [("email", email.as_str()), ("password", PASSWORD)];
        let answer = self.submit(node, &page, &fields).await;
        if let (Step::Done(_), Some(cookie)) = (&answer, self.session_cookie()) {
            self.ledger.signed_in(&self.email, cookie);
        }
        answer.map(drop)
    }

    /// Whether a node takes the browser for signed in.
    pub async fn is_signed_in(&mut self, node: &Node) -> Step<bool> {
        match self.get(node, "/auth/session").await {
            Step::Done(_) => Step::Done(true),
            Step::Refused(answer) if answer.status == StatusCode::UNAUTHORIZED => Step::Done(false),
            other => other.map(|_| false),
        }
    }

    /// Signs out.
    pub async fn sign_out(&mut self, node: &Node) -> Step<()> {
        let page = match self.get(node, "/auth/logout").await {
            Step::Done(page) => page,
            other => return other.map(drop),
        };
        let cookie = self.session_cookie().map(str::to_owned);
        if let Some(cookie) = &cookie {
            self.ledger.signing_out(&self.email, cookie);
        }
        let answer = self.submit(node, &page, &[]).await;
        if let (Step::Done(_), Some(cookie)) = (&answer, cookie) {
            self.ledger.signed_out(&self.email, cookie);
        }
        answer.map(drop)
    }

    /// Goes where a client sends them: the first page that asks something, or where the client is told an outcome.
    pub async fn ask(&mut self, node: &Node, scope: &str) -> Step<Answer> {
        let mut path = authorize_url(scope);
        for _ in 0..10 {
            match self.get(node, &path).await {
                Step::Done(answer) => match answer.location() {
                    Some(location) if location.starts_with('/') => path = location,
                    _ => return Step::Done(answer),
                },
                other => return other,
            }
        }
        panic!("redirected without end");
    }

    /// Allows what a consent page asks.
    pub async fn allow(&mut self, node: &Node, page: &Answer, scope: &str) -> Step<String> {
        let answer = self.submit(node, page, &[("decision", "allow")]).await;
        let code = answer.map(|answer| code_of(&answer).expect("a code"));
        if matches!(code, Step::Done(_)) {
            self.ledger.consented(&self.email, scope);
        }
        code
    }

    /// Lets the client in, and consents if asked to. Refused when the person has to sign in first.
    pub async fn authorize(&mut self, node: &Node, scope: &str) -> Step<String> {
        match self.ask(node, scope).await {
            Step::Done(answer) => match code_of(&answer) {
                Some(code) => Step::Done(code),
                None if is_sign_in(&answer) => Step::Refused(answer),
                None => {
                    self.ledger.asked_for_consent(&self.email, scope);
                    self.allow(node, &answer, scope).await
                }
            },
            other => other.map(|_| String::new()),
        }
    }

    async fn get(&mut self, node: &Node, path: &str) -> Step<Answer> {
        self.browser = self.browser.clone().through(&node.auth);
        let headers = [("sec-fetch-site", "none")];
        let answer = Box::pin(self.browser.send(Method::GET, path, &headers, ""));
        self.ledger.see(path, To::Browser, answer).await
    }

    async fn submit(
        &mut self,
        node: &Node,
        page: &Answer,
        fields: &[(&str, &str)],
    ) -> Step<Answer> {
        self.browser = self.browser.clone().through(&node.auth);
        let answer = Box::pin(self.browser.submit(page, fields));
        self.ledger.see("a form", To::Browser, answer).await
    }
}

/// Whether a page asks for the password.
pub(crate) fn is_sign_in(page: &Answer) -> bool {
    page.text.contains("type=\"password\"")
}

/// The code on its way to the client, with whom it comes from and what it answers.
fn code_of(answer: &Answer) -> Option<String> {
    let code = answer.location_param("code")?;
    assert_eq!(answer.location_param("state").as_deref(), Some(STATE));
    assert_eq!(answer.location_param("iss").as_deref(), Some(crate::BASE));
    Some(code)
}

fn authorize_url(scope: &str) -> String {
    let challenge = base64url(Digest32::of(relying_party::VERIFIER).as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", relying_party::ID),
            ("response_type", "code"),
            ("redirect_uri", relying_party::REDIRECT_URI),
            ("scope", scope),
            ("state", STATE),
            ("nonce", "the nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ])
        .finish();
    format!("/oauth/authorize?{query}")
}
