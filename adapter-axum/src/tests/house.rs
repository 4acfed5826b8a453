//! A house with somebody signed in, for the tests of every adapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use auth_core::auth::Auth;
use auth_core::ground::{Clock, Timestamp};
use auth_core::login::{
    Login, NewUser, ScopeError, ScopeFacts, ScopeLoader, SignInRequest, SignedIn,
};
use auth_core::provider::{NewClient, Provider};
use auth_core::resource::{ApiKey, ApiKeyError, ApiKeys, Resource, ScopeSet};
use auth_core::store::{MemoryStore, Stores};
use auth_core::testkit::ManualClock;
use auth_core::testkit::script::UnsteadySessions;
use bytes::Bytes;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

/// A key with the scope `reports:read`.
pub(super) const KEY: &str = "acme_live_0123456789";
/// The cookie an access token may come in.
pub(super) const TOKEN_COOKIE: &str = "token";

pub(super) struct House {
    pub(super) auth: Auth,
    pub(super) clock: Arc<ManualClock>,
    /// How often the loader was asked. It calls alice the owner of an organization.
    pub(super) loaded: Arc<AtomicUsize>,
    pub(super) sessions: Arc<UnsteadySessions>,
    /// A `Cookie` header.
    pub(super) cookie: String,
    /// An `Authorization` header, with the scope `reports:read`.
    pub(super) bearer: String,
}

impl House {
    pub(super) async fn new() -> Self {
        Self::at("http://localhost:3000").await
    }

    pub(super) async fn at(base: &str) -> Self {
        let store = MemoryStore::new();
        let sessions = Arc::new(UnsteadySessions::of(&store));
        let mut stores = Stores::from(store);
        stores.sessions = sessions.clone();
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_763_700_000)));
        let loaded = Arc::new(AtomicUsize::new(0));
        let resource = Resource::default()
            .api_keys(OneKey)
            .token_cookie(TOKEN_COOKIE);
        let auth = Auth::builder(base)
            .secret([7; 32])
            .store(stores)
            .clock(HandClock(clock.clone()))
            .login(Login::default().scope_loader(Owner(loaded.clone())))
            .provider(Provider::default().scope("reports:read", "Read reports"))
            .resource(resource)
            .prune_every(None)
            .build()
            .await
            .expect("auth");
        let cookie = sign_in(&auth).await;
        let bearer = format!("Bearer {}", machine_token(&auth).await);
        Self {
            auth,
            clock,
            loaded,
            sessions,
            cookie,
            bearer,
        }
    }
}

async fn sign_in(auth: &Auth) -> String {
    let login = auth.login().expect("login");
    let alice = NewUser {
        username: Some("alice".to_owned()),
        ..NewUser::default()
    };
    let alice = login.create_user(alice).await.expect("user");
    let request = SignInRequest {
        headers: &HeaderMap::new(),
        address: None,
        remember: false,
    };
    let session = login.sign_in(&alice.id, &["pwd"], request).await;
    let cookies = session.expect("session").cookies();
    let cookie = cookies[0].to_str().expect("text");
    cookie.split(';').next().expect("pair").to_owned()
}

async fn machine_token(auth: &Auth) -> String {
    let Value::Object(machine) = json!({
        "client_id": "machine", "client_secret": "a secret of the machine client",
        "grant_types": ["client_credentials"], "scope": "reports:read",
    }) else {
        panic!()
    };
    let provider = auth.provider().expect("provider");
    let machine = NewClient::from_metadata(machine);
    provider.register_client(machine).await.expect("client");
    let path = auth.routes().find(|route| route.path.ends_with("/token"));
    let request = Request::post(&path.expect("token endpoint").path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(
            b"grant_type=client_credentials&client_id=machine&client_secret=a+secret+of+the+machine+client",
        ));
    let answer = auth.handle(request.expect("request")).await;
    let answer: Value = serde_json::from_slice(answer.body()).expect("JSON");
    answer["access_token"].as_str().expect("token").to_owned()
}

struct HandClock(Arc<ManualClock>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct Owner(Arc<AtomicUsize>);

#[async_trait]
impl ScopeLoader for Owner {
    async fn load(&self, _: &SignedIn) -> Result<ScopeFacts, ScopeError> {
        self.0.fetch_add(1, Ordering::SeqCst);
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
