//! What the fuzz targets in `tests/` share: a provider to feed, and input that gets past the first check.
//!
//! Each target is a test: `cargo test -p fuzz` feeds it for a moment. For as long as you like, and guided by coverage,
//! with cargo-bolero: `cargo bolero test -p fuzz --test parsers authorize::query`.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a target that cannot be set up, and what a target is for"
)]

use std::cell::RefCell;
use std::time::Duration;

use auth_core::auth::Auth;
use auth_core::provider::{NewClient, Pkce, Provider, Registration};
use auth_core::store::{MemoryStore, ThrottlePolicy};
use auth_core::testkit::{Answer, Browser};
use bolero::TypeGenerator;
use http::Method;
use serde_json::json;

mod accounts;

use accounts::Somebody;

/// A parameter or member: a name that means something, mostly, and a value that may.
#[derive(Clone, Debug, TypeGenerator)]
pub enum Part {
    /// A known name with a known value.
    Known(u8, u8),
    /// A known name with anything.
    Odd(u8, Vec<u8>),
    /// Anything.
    Wild(Vec<u8>, Vec<u8>),
}

impl Part {
    /// Name and value.
    pub fn pair<'p>(&'p self, names: &[&'p str], values: &[&'p str]) -> (&'p [u8], &'p [u8]) {
        let pick = |list: &[&'p str], index: u8| list[usize::from(index) % list.len()].as_bytes();
        match self {
            Self::Known(name, value) => (pick(names, *name), pick(values, *value)),
            Self::Odd(name, value) => (pick(names, *name), value),
            Self::Wild(name, value) => (name, value),
        }
    }
}

/// The parts as a query or form.
pub fn urlencoded(parts: &[Part], names: &[&str], values: &[&str]) -> String {
    let encoded = parts.iter().map(|part| {
        let (name, value) = part.pair(names, values);
        let [name, value] =
            [name, value].map(|text| form_urlencoded::byte_serialize(text).collect::<String>());
        format!("{name}={value}")
    });
    encoded.collect::<Vec<_>>().join("&")
}

/// A provider with a client `rp` that may do whatever a client can.
pub struct Target {
    runtime: tokio::runtime::Runtime,
    auth: Auth,
}

impl Target {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let auth = runtime.block_on(provider());
        Self { runtime, auth }
    }

    /// Feeds one request to the target of this thread. Whatever comes is answered, and never by a fault of ours.
    pub fn feed(method: Method, path: &str, headers: &[(&str, &str)], body: &str) {
        thread_local! {
            static TARGET: RefCell<Option<Target>> = const { RefCell::new(None) };
        }
        let answer = TARGET.with_borrow_mut(|target| {
            let target = target.get_or_insert_with(Self::new);
            target.send(method, path, headers, body)
        });
        assert!(
            answer.status.as_u16() < 500,
            "{path} {body}: {} {}",
            answer.status,
            answer.text
        );
    }

    fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut browser = Browser::new(&self.auth);
        self.runtime
            .block_on(browser.send(method, path, headers, body))
    }
}

/// A target that refuses what comes too often is not fed.
const NO_LIMIT: ThrottlePolicy = ThrottlePolicy {
    limit: u32::MAX,
    window: Duration::from_secs(1),
    lock: Duration::from_secs(1),
    max_lock: Duration::from_secs(1),
};

async fn provider() -> Auth {
    let settings = Provider::default()
        .accounts(Somebody)
        .registration(Registration::open().throttle(NO_LIMIT))
        .pkce(Pkce::PublicClients)
        .dangerous_front_channel_tokens(true);
    let auth = Auth::builder("https://op.example.com")
        .secret([7; 32])
        .store(MemoryStore::default())
        .prune_every(None)
        .provider(settings)
        .build()
        .await
        .expect("a provider");
    let metadata = json!({
        "client_id": "rp",
        "client_secret": "secret-of-the-rp-0123456789abcdef",
        "redirect_uris": ["https://rp.example/cb"],
        "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "response_types": ["code", "id_token", "id_token token", "code id_token token"],
    });
    let metadata = metadata.as_object().expect("an object").clone();
    let provider = auth.provider().expect("the provider");
    provider
        .register_client(NewClient::from_metadata(metadata))
        .await
        .expect("registered");
    auth
}
