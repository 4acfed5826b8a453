//! Another provider, scripted, on loopback: an OpenID Connect provider and an OAuth 2 server with an API in one, that
//! does as the specifications say until it is told to do otherwise.
//!
//! It signs whoever the test says in, checks what an honest provider checks (redirect URI, PKCE, client authentication,
//! single use), signs with keys that rotate, and bends whatever [`Faults`] names. It is `http` on loopback: the app
//! under test needs [`OutboundPolicy::dangerous_allow_loopback`].
//!
//! [`OutboundPolicy::dangerous_allow_loopback`]: crate::services::outbound::OutboundPolicy::dangerous_allow_loopback
#![expect(
    clippy::unwrap_used,
    reason = "test code that lives in the library: a provider that cannot start is a panic"
)]

mod authorize;
mod client;
mod faults;
mod held;
mod http;
mod keys;
mod person;
mod serve;
mod token;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use self::authorize::Grant;
use self::keys::Key;
use crate::ground::Clock;

pub use authorize::FakeResponse;
pub use client::{FakeClient, FakeClientAuth};
pub use faults::{Change, Faults};
pub use held::Held;
pub use http::{FakeReply, FakeRequest};
pub use person::FakePerson;

/// The provider; it ends when dropped.
pub struct FakeProvider {
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    issuer: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Told of each request.
    came: Notify,
}

#[derive(Default)]
struct State {
    clients: Vec<FakeClient>,
    /// The last one signs.
    keys: Vec<Arc<Key>>,
    signed_in: Option<FakePerson>,
    codes: HashMap<String, Grant>,
    access_tokens: HashMap<String, Grant>,
    refresh_tokens: HashMap<String, Grant>,
    /// Of each refresh token that is spent, the session (`sid`) it was of.
    spent: HashMap<String, String>,
    /// Paths whose answers wait.
    held: HashMap<String, Arc<Semaphore>>,
    assertions: HashSet<String>,
    drawn: u64,
    faults: Faults,
    requests: Vec<FakeRequest>,
}

impl State {
    /// A new value that starts like this. Predictable: nobody attacks a test.
    fn draw(&mut self, start: &str) -> String {
        self.drawn += 1;
        format!("{start}-{}", self.drawn)
    }
}

impl FakeProvider {
    /// Starts one that dates by this clock. To be awaited in a Tokio runtime, which it then lives in.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    pub async fn start(clock: Arc<dyn Clock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            keys: vec![Arc::new(Key::generate("key-1"))],
            ..State::default()
        };
        let inner = Arc::new(Inner {
            issuer,
            clock,
            state: Mutex::new(state),
            came: Notify::new(),
        });
        let serving = inner.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve::connection(serving.clone(), stream));
            }
        });
        Self { inner, task }
    }

    /// Its issuer identifier, which is also its origin. Further places: `/authorize`, `/token`, `/userinfo`, `/keys`,
    /// `/end-session`, and whatever [`FakePerson::api`] names.
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.inner.issuer)
    }

    /// Registers a client. Any number, with any redirect URI: what a client registered is its own affair.
    pub fn register(&self, client: FakeClient) {
        self.inner.state().clients.push(client);
    }

    /// Whom `GET /authorize` signs in from now on, for a test with a real browser; nobody is `access_denied`.
    pub fn sign_in_as(&self, person: Option<FakePerson>) {
        self.inner.state().signed_in = person;
    }

    /// What it does to an authorization request when this person signs in: what the browser is to carry back.
    ///
    /// # Errors
    /// What is wrong with the request, where a provider must not redirect: unknown client, no redirect URI, a request
    /// for something else than a code.
    pub fn authorize(&self, url: &str, person: &FakePerson) -> Result<FakeResponse, String> {
        authorize::authorize(&self.inner, url, Some(person))
    }

    /// What it does when the person says no.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize).
    pub fn deny(&self, url: &str) -> Result<FakeResponse, String> {
        authorize::authorize(&self.inner, url, None)
    }

    /// Changes what it does wrong, from now on.
    pub fn bend(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.inner.state().faults);
    }

    /// Makes it honest again.
    pub fn straighten(&self) {
        self.inner.state().faults = Faults::default();
    }

    /// Signs with a new key from now on. The old ones stay published.
    pub fn add_key(&self) {
        let mut state = self.inner.state();
        let kid = format!("key-{}", state.keys.len() + 1);
        state.keys.push(Arc::new(Key::generate(&kid)));
    }

    /// Signs with a new RSA key from now on, by RS256. The old ones stay published.
    pub fn add_rsa_key(&self) {
        let mut state = self.inner.state();
        let kid = format!("key-{}", state.keys.len() + 1);
        state.keys.push(Arc::new(Key::generate_rsa(&kid)));
    }

    /// Signs with a new key from now on, and publishes no other.
    pub fn rotate_keys(&self) {
        self.add_key();
        let state = self.inner.state();
        let last = state.keys.len() - 1;
        // Names go on counting: a dropped key keeps its place, unpublished.
        for key in &state.keys[..last] {
            key.withdraw();
        }
    }

    /// Signs claims with the present key, bent as [`Faults::header`] and [`Faults::signature`] say.
    pub fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        token::sign(&self.inner.state(), typ, claims)
    }

    /// A logout token (OpenID Connect Back-Channel Logout §2.4), bent by [`Faults::logout`].
    pub fn logout_token(
        &self,
        client_id: &str,
        subject: Option<&str>,
        sid: Option<&str>,
    ) -> String {
        let now = self.inner.now();
        let mut claims = Map::new();
        let mut state = self.inner.state();
        claims.insert("iss".to_owned(), json!(self.inner.issuer));
        claims.insert("aud".to_owned(), json!(client_id));
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now + 120));
        claims.insert("jti".to_owned(), json!(state.draw("logout")));
        let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
        claims.insert("events".to_owned(), events);
        if let Some(subject) = subject {
            claims.insert("sub".to_owned(), json!(subject));
        }
        if let Some(sid) = sid {
            claims.insert("sid".to_owned(), json!(sid));
        }
        faults::apply(&state.faults.logout, &mut claims);
        token::sign(&state, Some("logout+jwt"), &Value::Object(claims))
    }

    /// The requests that came for this path, without its query.
    pub fn requests(&self, path: &str) -> Vec<FakeRequest> {
        let state = self.inner.state();
        let came = state.requests.iter().filter(|came| came.path == path);
        came.cloned().collect()
    }

    /// Lets what asks for this path wait: its request is dealt with at once, and the answer sent when [`Held`] goes.
    pub fn hold(&self, path: &str) -> Held {
        let waiting = Arc::new(Semaphore::new(0));
        let mut state = self.inner.state();
        state.held.insert(path.to_owned(), waiting.clone());
        Held(waiting)
    }

    /// From now on what asks for this path is answered at once again; what waits goes on waiting for its [`Held`].
    pub fn release(&self, path: &str) {
        self.inner.state().held.remove(path);
    }

    /// Returns once so many requests came for this path.
    pub async fn reached(&self, path: &str, times: usize) {
        loop {
            let next = self.inner.came.notified();
            if self.hits(path) >= times {
                return;
            }
            next.await;
        }
    }

    /// How many came for this path.
    pub fn hits(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    /// How many came at all.
    pub fn all_hits(&self) -> usize {
        self.inner.state().requests.len()
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for FakeProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FakeProvider")
            .field("issuer", &self.inner.issuer)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Seconds.
    fn now(&self) -> i64 {
        self.clock.now().seconds()
    }
}
