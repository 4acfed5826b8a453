//! A house with a login wing, and a small browser that keeps cookies and fills in forms.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;

use crate::ground::{KeyRing, ManualClock, Random, SystemRandom, Timestamp};
use crate::login::{Argon2Cost, Login, LoginWing, NewUser, SessionObserver, SessionsEnded};
use crate::services::pages::Pages;
use crate::services::{Core, Event, EventRecord, EventSink, Throttles, TracingSink};
use crate::store::{MemoryStore, Stores, User};
use crate::web::{BaseUrl, ClientAddr, Exchange, FormTokens, TrustedProxies};

pub(super) const PASSWORD: &str = "seven grey parrots";
pub(super) const OTHER_PASSWORD: &str = "nine blue elephants";
pub(super) const ADA: &str = "ada@example.com";
pub(super) const BOB: &str = "bob@example.com";
pub(super) const SESSION_COOKIE: &str = "__Host-auth_session";

/// Settings with hashes that cost nothing.
pub(super) fn settings() -> Login {
    let cost = Argon2Cost {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };
    Login::default().dangerous_weak_argon2(cost)
}

/// Randomness that can be made to stand still, so that ids collide.
#[derive(Default)]
pub(super) struct StickyRandom {
    pub(super) stuck: AtomicBool,
}

impl Random for StickyRandom {
    fn fill(&self, destination: &mut [u8]) {
        if self.stuck.load(Ordering::SeqCst) {
            destination.fill(7);
        } else {
            SystemRandom.fill(destination);
        }
    }
}

#[derive(Default)]
struct Recorder(Mutex<Vec<EventRecord>>);

#[async_trait]
impl EventSink for Recorder {
    async fn receive(&self, record: &EventRecord) {
        self.0.lock().expect("lock").push(record.clone());
    }
}

#[derive(Default)]
struct Listener(Mutex<Vec<SessionsEnded>>);

#[async_trait]
impl SessionObserver for Listener {
    async fn sessions_ended(&self, ended: &SessionsEnded) {
        self.0.lock().expect("lock").push(ended.clone());
    }
}

pub(super) struct House {
    pub(super) wing: LoginWing,
    pub(super) core: Arc<Core>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) random: Arc<StickyRandom>,
    events: Arc<Recorder>,
    ended: Arc<Listener>,
}

impl House {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: Login) -> Self {
        Self::build(settings, MemoryStore::new().into())
    }

    pub(super) fn build(settings: Login, stores: Stores) -> Self {
        Self::build_at(Self::midday(), settings, stores)
    }

    /// The moment at which houses begin.
    pub(super) fn midday() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(Timestamp::from_seconds(1_763_700_000)))
    }

    /// A house that goes by a clock others go by too.
    pub(super) fn build_at(clock: Arc<ManualClock>, settings: Login, stores: Stores) -> Self {
        let base = BaseUrl::parse("https://app.example.com").expect("base");
        let keys = KeyRing::new([[7; 32]]).expect("keys");
        let random = Arc::new(StickyRandom::default());
        let events = Arc::new(Recorder::default());
        let core = Arc::new(Core {
            forms: FormTokens::new(keys.clone(), &base),
            throttles: Throttles::new(stores.throttles.clone(), keys.clone()),
            #[cfg(feature = "login")]
            mails: crate::services::mail::Mails::new(stores.outbox.clone(), keys.clone()),
            base,
            clock: clock.clone(),
            random: random.clone(),
            keys,
            stores,
            pages: Pages::builder().build().expect("pages"),
            sinks: vec![events.clone(), Arc::new(TracingSink)],
            proxies: TrustedProxies::default(),
        });
        #[cfg(feature = "federation")]
        let has_upstreams = !settings.federation.upstreams.is_empty();
        let wing = LoginWing::new(core.clone(), settings).expect("settings");
        #[cfg(feature = "federation")]
        let wing = if has_upstreams {
            use crate::services::outbound::{Outbound, OutboundPolicy};
            let policy = OutboundPolicy::default().dangerous_allow_loopback();
            let outbound = Outbound::new(policy).expect("outbound");
            wing.with_outbound(&outbound).expect("upstreams")
        } else {
            wing
        };
        let ended = Arc::new(Listener::default());
        wing.observe_sessions(ended.clone());
        Self {
            wing,
            core,
            clock,
            random,
            events,
            ended,
        }
    }

    /// An account with the usual password.
    pub(super) async fn account(&self, email: &str) -> User {
        let new = NewUser {
            email: Some(email.to_owned()),
            password: Some(PASSWORD.into()),
            ..NewUser::default()
        };
        self.wing.create_user(new).await.expect("account")
    }

    pub(super) fn browser(&self) -> Browser<'_> {
        Browser {
            house: self,
            cookies: BTreeMap::new(),
            address: "192.0.2.7".parse().expect("address"),
            extra: Vec::new(),
        }
    }

    /// A browser in which the account is signed in.
    pub(super) async fn signed_in(&self, email: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        browser
    }

    /// Events so far, oldest first.
    pub(super) fn events(&self) -> Vec<Event> {
        let records = self.records().into_iter();
        records.map(|record| record.event).collect()
    }

    /// The same, with where and when.
    pub(super) fn records(&self) -> Vec<EventRecord> {
        self.events.0.lock().expect("lock").clone()
    }

    /// What observers heard so far.
    pub(super) fn ended(&self) -> Vec<SessionsEnded> {
        self.ended.0.lock().expect("lock").clone()
    }

    /// Password hashes computed so far.
    pub(super) fn hashes(&self) -> u64 {
        self.wing.hashers.computed.load(Ordering::SeqCst)
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn location(&self) -> &str {
        self.headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.body))
    }

    pub(super) fn set_cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all(SET_COOKIE).iter();
        values.map(|value| value.to_str().expect("text")).collect()
    }
}

pub(super) struct Browser<'h> {
    house: &'h House,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) address: IpAddr,
    /// Headers for the next request alone; they replace others of the same name.
    pub(super) extra: Vec<(&'static str, String)>,
}

impl Browser<'_> {
    /// Sends a request as it is, through the route table.
    pub(super) async fn send(&mut self, mut request: Request<Bytes>) -> Answer {
        if !self.cookies.is_empty() && !request.headers().contains_key(COOKIE) {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let value = pairs.join("; ").parse().expect("cookie");
            request.headers_mut().insert(COOKIE, value);
        }
        for (name, value) in self.extra.drain(..) {
            let value = value.parse().expect("header");
            request.headers_mut().insert(name, value);
        }
        request.extensions_mut().insert(ClientAddr(self.address));
        let core = &self.house.core;
        let routes = self.house.wing.routes();
        let path = request.uri().path().to_owned();
        let Some((_, endpoint)) = routes
            .into_iter()
            .find(|(route, _)| route.path == path && route.methods.contains(request.method()))
        else {
            return Answer {
                status: StatusCode::NOT_FOUND,
                headers: HeaderMap::new(),
                body: String::new(),
            };
        };
        let (parts, body) = request.into_parts();
        let now = core.clock.now();
        let mut exchange = Exchange::new(&parts, &body, now, &core.proxies, false);
        let mut response = self.house.wing.handle(endpoint, &mut exchange).await;
        exchange.cookies.apply(response.headers_mut());
        self.keep_cookies(response.headers());
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: String::from_utf8(response.body().to_vec()).expect("UTF-8"),
        }
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let value = value.to_str().expect("text");
            let pair = value.split(';').next().unwrap_or_default();
            let (name, content) = pair.split_once('=').expect("pair");
            if value.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), content.to_owned());
            }
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let request = Request::get(path).header(ACCEPT, "text/html");
        self.send(request.body(Bytes::new()).expect("request"))
            .await
    }

    pub(super) async fn get_json(&mut self, path: &str) -> Answer {
        let request = Request::get(path).header(ACCEPT, "application/json");
        self.send(request.body(Bytes::new()).expect("request"))
            .await
    }

    /// The context of a page.
    pub(super) async fn context(&mut self, path: &str) -> Value {
        self.get_json(path).await.json()["context"].take()
    }

    /// Posts a form as a browser does.
    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::post(path)
            .header(ACCEPT, "text/html")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .header("user-agent", "Parrot/1.0");
        self.send(request.body(body.into()).expect("request")).await
    }

    /// Posts JSON as a script of the site does.
    pub(super) async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header("sec-fetch-site", "same-origin");
        let body = Bytes::from(body.to_string());
        self.send(request.body(body).expect("request")).await
    }

    /// Loads the page, then posts its form with these fields.
    pub(super) async fn fill_in(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(path).await;
        let token = form_token(&page.body);
        let mut fields = fields.to_vec();
        fields.push(("form_token", &token));
        self.post(path, &fields).await
    }

    pub(super) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("password", password)];
        self.fill_in("/auth/login", &fields).await
    }

    pub(super) async fn register(&mut self, email: &str, password: &str) -> Answer {
        let fields = [("email", email), ("password", password)];
        self.fill_in("/auth/register", &fields).await
    }

    /// Posts one of the forms of the account page, found by the path of its token in the context.
    pub(super) async fn account_form(
        &mut self,
        pointer: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let context = self.context("/auth/account").await;
        let token = context.pointer(pointer).and_then(Value::as_str);
        let token = token.expect("form token").to_owned();
        let mut fields = fields.to_vec();
        fields.push(("form_token", &token));
        self.post(path, &fields).await
    }

    pub(super) async fn change_password(&mut self, current: &str, new: &str) -> Answer {
        let fields = [("current_password", current), ("new_password", new)];
        self.account_form(
            "/change_password/form_token",
            "/auth/account/password",
            &fields,
        )
        .await
    }

    pub(super) fn session_cookie(&self) -> Option<&str> {
        self.cookies.get(SESSION_COOKIE).map(String::as_str)
    }

    /// The id of the session the browser is in.
    pub(super) async fn session_id(&mut self) -> Option<String> {
        let answer = self.get_json("/auth/session").await;
        if answer.status == StatusCode::UNAUTHORIZED {
            return None;
        }
        assert_eq!(answer.status, StatusCode::OK);
        let id = answer.json()["session"]["id"].as_str().map(str::to_owned);
        Some(id.expect("id"))
    }

    pub(super) async fn is_signed_in(&mut self) -> bool {
        self.session_id().await.is_some()
    }
}

/// The first form token of a page.
pub(super) fn form_token(html: &str) -> String {
    let marker = "name=\"form_token\" value=\"";
    let start = html.find(marker).expect("form token") + marker.len();
    let token = html[start..].split('"').next().expect("value");
    token.to_owned()
}

/// A page without what is new each time it is drawn.
pub(super) fn without_tokens(html: &str) -> String {
    let mut text = html.replace(&form_token(html), "TOKEN");
    let marker = "data-token=\"";
    if let Some(at) = text.find(marker).map(|at| at + marker.len()) {
        let end = text[at..]
            .find('"')
            .map_or(text.len(), |length| at + length);
        text.replace_range(at..end, "TOKEN");
    }
    text
}

/// The requests that change something while nobody is signed in.
pub(super) const OPEN_FORMS: [&str; 2] = ["/auth/login", "/auth/register"];

/// The requests that change something of somebody signed in.
pub(super) const OWN_FORMS: [&str; 8] = [
    "/auth/logout",
    "/auth/account/profile",
    "/auth/account/password",
    "/auth/account/sessions/revoke",
    "/auth/account/sessions/revoke-others",
    "/auth/account/delete",
    "/auth/account/delete/cancel",
    "/auth/account/export",
];

/// A request with any method, body and type, as nobody in particular sends it.
pub(super) fn raw(method: Method, path: &str, content_type: &str, body: &[u8]) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    if !content_type.is_empty() {
        request = request.header(CONTENT_TYPE, content_type);
    }
    request.body(Bytes::copy_from_slice(body)).expect("request")
}
