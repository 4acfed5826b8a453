//! Hosts built alike: the same accounts, clients, keys, moments and random values.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{SeededRandom, UnsteadySessions};
use crate::auth::{Auth, AuthBuilder};
use crate::ground::jose::{Algorithm, SigningKey};
use crate::ground::{Clock, ManualClock, Timestamp};
use crate::login::{Argon2Cost, Login, NewUser, ScopeError, ScopeFacts, ScopeLoader, SignedIn};
use crate::provider::{NewClient, Provider};
use crate::resource::{ApiKey, ApiKeyError, ApiKeys, Resource, ScopeSet};
use crate::store::{MemoryStore, Stores};

/// When a run begins.
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Hashes that take no time.
const CHEAP: Argon2Cost = Argon2Cost {
    memory_kib: 8,
    iterations: 1,
    parallelism: 1,
};

pub(super) const ALICE: &str = "alice@example.com";
pub(super) const PASSWORD: &str = "correct horse battery staple";
pub(super) const SECRET: &str = "the-client-secret-0123456789abcdef";
pub(super) const REDIRECT_URI: &str = "https://rp.example/callback";
/// An API key of the subject `billing`, with the scope `reports:read`.
pub(super) const KEY: &str = "acme_live_0123456789";
/// The cookie an access token may come in.
pub(super) const TOKEN_COOKIE: &str = "__Host-token";
pub(super) const BYE: &str = "https://rp.example/bye";

/// Where a host is reached from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `https://app.example.com`: at the root. The peer is nobody in particular.
    Root,
    /// `https://app.example.com/id`: under a path. The peer is a trusted proxy.
    Prefix,
    /// `https://app.example.com/id`: the app is mounted there by its framework, its own routes and guards included; only
    /// what [`Route::path_under`](crate::web::Route::path_under) does not find under it stands at the root.
    Nested,
    /// `http://localhost:3000`: a developer's machine, without https.
    Loopback,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Prefix, Self::Nested, Self::Loopback];

    /// The base URL.
    pub const fn base(self) -> &'static str {
        match self {
            Self::Root => "https://app.example.com",
            Self::Prefix | Self::Nested => "https://app.example.com/id",
            Self::Loopback => "http://localhost:3000",
        }
    }

    /// The path of the base URL, without a trailing slash.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Root | Self::Loopback => "",
            Self::Prefix | Self::Nested => "/id",
        }
    }

    /// Where the framework mounts the app: before the [host's own routes](super::host_routes).
    pub const fn mount(self) -> &'static str {
        match self {
            Self::Root | Self::Prefix | Self::Loopback => "",
            Self::Nested => "/id",
        }
    }

    /// A path as it is asked for: `~` is the path of the base URL, and the host's own routes lie under the mount.
    pub(super) fn place(self, target: &str) -> String {
        match target.strip_prefix('~') {
            Some(rest) => format!("{}{rest}", self.prefix()),
            None if target.starts_with("/host/") => format!("{}{target}", self.mount()),
            None => target.to_owned(),
        }
    }

    /// Scheme, host and port.
    pub(super) const fn origin(self) -> &'static str {
        match self {
            Self::Root | Self::Prefix | Self::Nested => "https://app.example.com",
            Self::Loopback => "http://localhost:3000",
        }
    }

    /// Whether forwarded headers are believed.
    pub(super) const fn trusts_its_peer(self) -> bool {
        matches!(self, Self::Prefix)
    }

    /// Whether browsers reach it over https.
    pub(super) const fn is_https(self) -> bool {
        !matches!(self, Self::Loopback)
    }
}

#[derive(Clone)]
struct SharedClock(Arc<ManualClock>);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// A host for one run: what it holds is what the script left in it.
pub struct Host {
    /// To be served.
    pub auth: Auth,
    pub(super) setting: Setting,
    pub(super) client_key: Arc<SigningKey>,
    pub(super) sessions: Arc<UnsteadySessions>,
    clock: SharedClock,
}

impl Host {
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn advance(&self, by: Duration) {
        self.clock.0.advance(by);
    }
}

/// What all hosts of a script share.
pub(super) struct Keys {
    // Signing keys cannot be drawn from a seed, so they are made once. With the same ones, an RS256 signature of the
    // same claims is the same text, and so is everything that depends on it.
    provider: MemoryStore,
    client: Arc<SigningKey>,
}

impl Keys {
    pub(super) async fn new() -> Self {
        let keys = Self {
            provider: MemoryStore::new(),
            client: Arc::new(SigningKey::generate(Algorithm::Es256).unwrap().key),
        };
        // Makes them.
        let store = MemoryStore::new();
        let first = keys.builder(Setting::Root, &clock(), Stores::from(store));
        let first = first.build().await;
        drop(first.unwrap());
        keys
    }

    fn builder(&self, setting: Setting, clock: &SharedClock, mut stores: Stores) -> AuthBuilder {
        stores.signing_keys = Arc::new(self.provider.clone());
        let proxies = setting.trusts_its_peer().then_some("127.0.0.1");
        Auth::builder(setting.base())
            .secret([7; 32])
            .store(stores)
            .clock(clock.clone())
            .random(SeededRandom::new(1))
            .prune_every(None)
            .trusted_proxies(proxies)
            .login(
                Login::default()
                    .dangerous_weak_argon2(CHEAP)
                    .scope_loader(Owner),
            )
            .resource(
                Resource::default()
                    .api_keys(OneKey)
                    .token_cookie(TOKEN_COOKIE),
            )
            .provider(
                Provider::default()
                    .scope("reports:read", "Read reports")
                    // A function of the claims, unlike ES256.
                    .access_token_algorithm(Algorithm::Rs256),
            )
    }

    pub(super) async fn host(&self, setting: Setting) -> Host {
        let clock = clock();
        let store = MemoryStore::new();
        let sessions = Arc::new(UnsteadySessions::of(&store));
        let mut stores = Stores::from(store);
        stores.sessions = sessions.clone();
        let auth = self.builder(setting, &clock, stores).build().await.unwrap();
        register_clients(&auth, &self.client).await;
        let alice = NewUser {
            email: Some(ALICE.to_owned()),
            password: Some(PASSWORD.into()),
            claims: object(json!({ "name": "Alice" })),
            email_verified: true,
            ..NewUser::default()
        };
        auth.login().unwrap().create_user(alice).await.unwrap();
        Host {
            auth,
            setting,
            client_key: self.client.clone(),
            sessions,
            clock,
        }
    }
}

/// Everybody owns an organization, and nobody administers the product.
struct Owner;

#[async_trait]
impl ScopeLoader for Owner {
    async fn load(&self, _: &SignedIn) -> Result<ScopeFacts, ScopeError> {
        Ok(ScopeFacts {
            organization: Some("acme".to_owned()),
            role: Some("owner".to_owned()),
            ..ScopeFacts::default()
        })
    }
}

struct OneKey;

#[async_trait]
impl ApiKeys for OneKey {
    fn recognizes(&self, presented: &str) -> bool {
        presented.starts_with("acme_live_")
    }
    async fn find(&self, presented: &str) -> Result<Option<ApiKey>, ApiKeyError> {
        Ok((presented == KEY).then(|| ApiKey {
            id: "key-1".to_owned(),
            subject: "billing".to_owned(),
            scopes: ScopeSet::parse("reports:read"),
        }))
    }
}

fn clock() -> SharedClock {
    SharedClock(Arc::new(ManualClock::at(START)))
}

async fn register_clients(auth: &Auth, key: &SigningKey) {
    let code = json!(["authorization_code", "refresh_token"]);
    let own = json!(["client_credentials"]);
    let scope = "openid profile email offline_access reports:read";
    let web = |id: &str, more: Value| {
        let mut client = json!({
            "client_id": id, "client_secret": SECRET, "client_name": format!("The app {id}"),
            "redirect_uris": [REDIRECT_URI], "post_logout_redirect_uris": [BYE],
            "grant_types": code, "scope": scope,
            "token_endpoint_auth_method": "client_secret_basic",
        });
        for (name, value) in object(more) {
            client[name] = value;
        }
        client
    };
    let clients = [
        web("rp", json!({})),
        web("es", json!({ "id_token_signed_response_alg": "ES256" })),
        web(
            "spa",
            json!({ "client_secret": null, "token_endpoint_auth_method": "none" }),
        ),
        json!({
            "client_id": "machine", "client_secret": SECRET, "grant_types": own,
            "scope": "reports:read", "token_endpoint_auth_method": "client_secret_post",
        }),
        json!({
            "client_id": "keyed", "grant_types": own, "scope": "reports:read",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [key.public_jwk()] },
        }),
        json!({
            "client_id": "bare", "client_secret": SECRET, "grant_types": own,
            "token_endpoint_auth_method": "client_secret_basic",
        }),
    ];
    let provider = auth.provider().unwrap();
    for client in clients {
        let client = NewClient::from_metadata(object(client));
        provider.register_client(client).await.unwrap();
    }
    let own_app = NewClient::from_metadata(object(web("own", json!({}))));
    let own_app = own_app.first_party(true);
    provider.register_client(own_app).await.unwrap();
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
