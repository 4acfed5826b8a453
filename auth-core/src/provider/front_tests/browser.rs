//! A browser small enough to read: cookies, forms, no script.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use url::Url;

use super::super::super::account::SignedInAccount;
use super::house::{BASE, House};
use crate::web::{Exchange, finish_headers};

// RFC 7636 appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CALLBACK: &str = "https://rp.example/cb?tenant=1";

pub(super) struct Browser {
    pub(super) house: Arc<House>,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) accept: &'static str,
    // Names this browser's session at the scripted accounts.
    session: String,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Browser {
    pub(super) fn new(house: &Arc<House>, session: &str) -> Self {
        Self {
            house: house.clone(),
            cookies: BTreeMap::new(),
            accept: "text/html",
            session: session.to_owned(),
        }
    }

    /// A browser in which `subject` has been signed in for a minute.
    pub(super) async fn signed_in(subject: &str) -> Self {
        Self::signed_in_at(subject, &House::open().await)
    }

    pub(super) fn signed_in_at(subject: &str, house: &Arc<House>) -> Self {
        let mut browser = Self::new(house, "s1");
        browser.sign_in(subject);
        browser.house.advance(60);
        browser
    }

    /// Signs in at the scripted accounts, now.
    pub(super) fn sign_in(&mut self, subject: &str) {
        self.sign_in_as(SignedInAccount {
            subject: subject.to_owned(),
            session_id: Some(self.session.as_str().into()),
            auth_time: self.house.now(),
            signed_in_at: self.house.now(),
            amr: vec!["pwd".to_owned()],
            acr: Some("1".to_owned()),
            display_name: format!("{subject}@example.com"),
        });
    }

    pub(super) fn sign_in_as(&mut self, account: SignedInAccount) {
        self.house.accounts.put(&self.session, account);
        self.cookies
            .insert("test_session".to_owned(), self.session.clone());
    }

    pub(super) fn sign_out(&mut self) {
        self.house.accounts.end(&self.session);
    }

    pub(super) fn is_signed_in(&self) -> bool {
        self.house.accounts.is_live(&self.session)
    }

    pub(super) async fn get(&mut self, url: &str) -> Answer {
        self.send(Method::GET, url, None, &[]).await
    }

    pub(super) async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Answer {
        let body = encode(form);
        let headers = [("sec-fetch-site", "same-origin")];
        self.send(Method::POST, url, Some(body), &headers).await
    }

    /// A form another site's page submits: `SameSite=Lax` keeps every cookie back, and what the answer sets stays.
    pub(super) async fn post_from_elsewhere(&mut self, url: &str, form: &[(&str, &str)]) -> Answer {
        let kept = std::mem::take(&mut self.cookies);
        let headers = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://rp.example"),
        ];
        let answer = self
            .send(Method::POST, url, Some(encode(form)), &headers)
            .await;
        let set = std::mem::replace(&mut self.cookies, kept);
        self.cookies.extend(set);
        answer
    }

    pub(super) async fn send(
        &mut self,
        method: Method,
        url: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("accept", self.accept);
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        let answer = handle(
            &self.house,
            request.body(body.unwrap_or_default()).expect("request"),
        )
        .await;
        self.keep_cookies(&answer.headers);
        answer
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (name, value) = cookie
                .split(';')
                .next()
                .expect("pair")
                .split_once('=')
                .expect("pair");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The authorization request of `rp` with these parameters changed; an empty value leaves one out.
    pub(super) async fn authorize(&mut self, changes: &[(&str, &str)]) -> Answer {
        self.get(&authorize_url(changes)).await
    }

    /// Follows redirects within this site, save to the sign-in page.
    pub(super) async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..5 {
            match answer.location() {
                Some(location) if location.starts_with("/oauth/") => {
                    answer = self.get(&location).await;
                }
                _ => return answer,
            }
        }
        panic!("redirects without end")
    }

    pub(super) async fn authorize_and_follow(&mut self, changes: &[(&str, &str)]) -> Answer {
        let answer = self.authorize(changes).await;
        self.follow(answer).await
    }

    /// Presses a button of the page's form.
    pub(super) async fn press(&mut self, page: &Answer, decision: &str) -> Answer {
        let form = [
            ("form_token", page.field("form_token")),
            ("interaction", page.field("interaction")),
            ("decision", decision.to_owned()),
        ];
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.post(&page.action(), &form).await
    }

    /// Asks, allows where asked, and redeems: the ID token the client gets.
    pub(super) async fn id_token(&mut self, client: &str) -> String {
        let answer = self.authorize_and_follow(&[("client_id", client)]).await;
        let answer = match answer.location() {
            Some(_) => answer,
            None => self.press(&answer, "allow").await,
        };
        let code = answer.param("code").expect("code");
        let answer = self.redeem(client, &code).await;
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        body["id_token"].as_str().expect("id_token").to_owned()
    }

    pub(super) async fn redeem(&mut self, client: &str, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", &form).await
    }
}

pub(super) async fn handle(house: &House, request: Request<String>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = Bytes::from(body);
    let routes = house.wing.routes();
    let (_, endpoint) = routes
        .iter()
        .find(|(route, _)| route.path == parts.uri.path() && route.methods.contains(&parts.method))
        .unwrap_or_else(|| panic!("no route for {} {}", parts.method, parts.uri.path()));
    let mut exchange = Exchange::new(&parts, &body, house.now(), &house.proxies, false);
    let response = house.wing.handle(*endpoint, &mut exchange).await;
    let (mut head, body) = response.into_parts();
    exchange.cookies.apply(&mut head.headers);
    finish_headers(&mut head.headers, false);
    Answer {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).expect("UTF-8"),
    }
}

impl Answer {
    pub(super) fn location(&self) -> Option<String> {
        let location = self.headers.get("location")?;
        Some(location.to_str().expect("text").to_owned())
    }

    /// A parameter of the redirect, or of the posted form.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        let Some(location) = self.location() else {
            return self.field_if(name);
        };
        let base = Url::parse(BASE).expect("base");
        let url = base.join(&location).expect("URL");
        let pairs = match url.fragment() {
            Some(fragment) => form_urlencoded::parse(fragment.as_bytes()),
            None => url.query_pairs(),
        };
        let mut pairs = pairs.into_iter();
        let found = pairs.find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }

    pub(super) fn error(&self) -> Option<String> {
        self.param("error")
    }

    pub(super) fn field(&self, name: &str) -> String {
        self.field_if(name)
            .unwrap_or_else(|| panic!("no field {name} in {}", self.body))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(super) fn action(&self) -> String {
        let (_, rest) = self.body.split_once("action=\"").expect("a form");
        unescape(rest.split('"').next().expect("value"))
    }

    fn field_if(&self, name: &str) -> Option<String> {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&start)?;
        rest.split('"').next().map(unescape)
    }

    /// A page that shows an error: no redirect, nothing of ours given away.
    pub(super) fn is_error_page(&self, status: u16) -> bool {
        self.status == status && self.location().is_none() && self.body.contains("id=\"error\"")
    }

    pub(super) fn is_sign_in(&self) -> bool {
        self.location()
            .is_some_and(|location| location.starts_with("/login?"))
    }

    pub(super) fn is_consent(&self) -> bool {
        self.status == 200 && self.body.contains("id=\"allow\"")
    }
}

fn unescape(text: &str) -> String {
    text.replace("&#x2f;", "/")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

pub(super) fn encode(pairs: &[(&str, &str)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs).finish()
}

/// A good request of `rp` with changes.
pub(super) fn request_params<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut params = vec![
        ("client_id", "rp"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "st/ä te&=+"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in changes {
        params.retain(|(key, _)| key != name);
        if !value.is_empty() {
            params.push((name, value));
        }
    }
    params
}

pub(super) fn authorize_url(changes: &[(&str, &str)]) -> String {
    format!("/oauth/authorize?{}", encode(&request_params(changes)))
}
