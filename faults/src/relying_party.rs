//! A client of the provider.

use std::sync::Arc;

use auth_core::testkit::{Answer, Browser};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::Value;

use crate::step::To;
use crate::{Ledger, Node, Step};

pub(crate) const ID: &str = "rp";
pub(crate) const SECRET: &str = "the-rp-client-secret-0123456789abcdef";
pub(crate) const REDIRECT_URI: &str = "https://rp.example/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// What a client was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Tokens {
    /// The id of the key that signed the access token.
    pub fn kid(&self) -> String {
        let header = self.access.split('.').next().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
        let header: Value = serde_json::from_slice(&header).expect("JSON");
        header["kid"].as_str().expect("an id").to_owned()
    }
}

/// The app that people let in.
#[derive(Clone)]
pub struct RelyingParty {
    ledger: Arc<Ledger>,
}

impl RelyingParty {
    /// One whose answers this ledger sees.
    pub fn new(ledger: &Arc<Ledger>) -> Self {
        Self {
            ledger: Arc::clone(ledger),
        }
    }

    /// Redeems an authorization code.
    pub async fn redeem(&self, node: &Node, code: &str) -> Step<Tokens> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let answer = self.post(node, "/oauth/token", &fields).await;
        if let Step::Done(_) = &answer {
            self.ledger.redeemed(code);
        }
        answer.map(|answer| tokens(&answer))
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, node: &Node, token: &str) -> Step<Tokens> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let answer = self.post(node, "/oauth/token", &fields).await;
        let tokens = answer.map(|answer| tokens(&answer));
        if let Step::Done(tokens) = &tokens {
            self.ledger.refreshed(token, &tokens.refresh);
        }
        tokens
    }

    /// Whether a token counts (RFC 7662).
    pub async fn introspect(&self, node: &Node, token: &str) -> Step<bool> {
        let answer = self
            .post(node, "/oauth/introspect", &[("token", token)])
            .await;
        answer.map(|answer| answer.json()["active"] == true)
    }

    /// Revokes a token (RFC 7009).
    pub async fn revoke(&self, node: &Node, token: &str) -> Step<()> {
        let answer = self.post(node, "/oauth/revoke", &[("token", token)]).await;
        answer.map(drop)
    }

    /// Asks who an access token is about.
    pub async fn userinfo(&self, node: &Node, access: &str) -> Step<()> {
        let authorization = format!("Bearer {access}");
        let headers = [("authorization", authorization.as_str())];
        let mut browser = Browser::new(&node.auth);
        let path = "/oauth/userinfo";
        let answer = Box::pin(browser.send(Method::GET, path, &headers, ""));
        self.ledger.see(path, To::Client, answer).await.map(drop)
    }

    async fn post(&self, node: &Node, path: &str, fields: &[(&str, &str)]) -> Step<Answer> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let authorization = format!("Basic {}", STANDARD.encode(format!("{ID}:{SECRET}")));
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let mut browser = Browser::new(&node.auth);
        let answer = Box::pin(browser.send(Method::POST, path, &headers, &body));
        self.ledger.see(path, To::Client, answer).await
    }
}

fn tokens(answer: &Answer) -> Tokens {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().expect(name).to_owned();
    Tokens {
        access: text("access_token"),
        refresh: text("refresh_token"),
    }
}
