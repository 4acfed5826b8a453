//! An app with all that may call: a person, a machine with a token, a script with a key.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use crate::auth::{Auth, BuildError, Guard};
use crate::login::{Login, NewUser, ScopeError, ScopeFacts, ScopeLoader, SignInRequest, SignedIn};
use crate::provider::{NewClient, Provider};
use crate::resource::{ApiKey, ApiKeyError, ApiKeys, Resource, ScopeSet};
use crate::store::MemoryStore;
use crate::web::Response;

pub(super) const KEY: &str = "acme_live_0123456789";
pub(super) const COOKIE: &str = "__Host-token";

pub(super) struct House {
    pub(super) auth: Auth,
    pub(super) keys: Arc<Keys>,
    pub(super) loader: Arc<Loader>,
    /// A `Cookie` header of alice's.
    pub(super) session: String,
    /// An access token with the scope `reports:read`.
    pub(super) token: String,
    pub(super) user: String,
}

impl House {
    pub(super) async fn new() -> Self {
        let keys = Arc::new(Keys::default());
        let loader = Arc::new(Loader::default());
        let resource = Resource::default()
            .api_keys(Shared(keys.clone()))
            .token_cookie(COOKIE);
        let auth = Auth::builder("http://localhost:3000")
            .secret([7; 32])
            .store(MemoryStore::new())
            .login(Login::default().scope_loader(Shared(loader.clone())))
            .provider(Provider::default().scope("reports:read", "Read reports"))
            .resource(resource)
            .prune_every(None)
            .build()
            .await
            .unwrap();
        let (user, session) = sign_in(&auth).await;
        Self {
            token: machine_token(&auth).await,
            auth,
            keys,
            loader,
            session,
            user,
        }
    }

    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(super) fn token_cookie(&self) -> String {
        format!("{COOKIE}={}", self.token)
    }

    /// The subject of the caller, `nobody`, or the status and code of the refusal.
    pub(super) async fn caller(&self, parts: &mut Parts) -> String {
        match self.auth.caller(parts).await {
            Ok(Some(caller)) => caller.subject().to_owned(),
            Ok(None) => "nobody".to_owned(),
            Err(response) => refusal(&response),
        }
    }

    /// `passes`, or the status and code of the refusal.
    pub(super) async fn admits(&self, guard: Guard, parts: &mut Parts) -> String {
        match self.auth.admit(parts, &guard).await {
            Ok(()) => "passes".to_owned(),
            Err(response) => refusal(&response),
        }
    }
}

pub(super) fn refusal(response: &Response) -> String {
    let body = serde_json::from_slice::<Value>(response.body()).unwrap_or_default();
    let code = body["error"].as_str().or(body["code"].as_str());
    let status = response.status().as_u16();
    format!("{status} {}", code.unwrap_or_default())
        .trim_end()
        .to_owned()
}

pub(super) fn ask(method: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/host");
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    request.body(()).unwrap().into_parts().0
}

pub(super) async fn build_with(resource: Resource) -> Result<Auth, BuildError> {
    Auth::builder("http://localhost:3000")
        .secret([7; 32])
        .store(MemoryStore::new())
        .login(Login::default())
        .resource(resource)
        .prune_every(None)
        .build()
        .await
}

async fn sign_in(auth: &Auth) -> (String, String) {
    let login = auth.login().unwrap();
    let alice = NewUser {
        username: Some("alice".to_owned()),
        ..NewUser::default()
    };
    let alice = login.create_user(alice).await.unwrap();
    let request = SignInRequest {
        headers: &HeaderMap::new(),
        address: None,
        remember: false,
    };
    let session = login.sign_in(&alice.id, &["pwd"], request).await.unwrap();
    let cookie = session.cookies()[0].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (alice.id.as_str().to_owned(), cookie)
}

async fn machine_token(auth: &Auth) -> String {
    let Value::Object(machine) = json!({
        "client_id": "machine", "client_secret": "a secret of the machine client",
        "grant_types": ["client_credentials"], "scope": "reports:read",
    }) else {
        panic!()
    };
    let provider = auth.provider().unwrap();
    let machine = NewClient::from_metadata(machine);
    provider.register_client(machine).await.unwrap();
    let request = Request::post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(
            b"grant_type=client_credentials&client_id=machine&client_secret=a+secret+of+the+machine+client",
        ));
    let answer = auth.handle(request.unwrap()).await;
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// The test keeps one half.
pub(super) struct Shared<T>(pub(super) Arc<T>);

/// Keys that say what they were asked.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) asked: Mutex<Vec<String>>,
    pub(super) down: AtomicBool,
}

impl Keys {
    pub(super) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl ApiKeys for Shared<Keys> {
    fn recognizes(&self, presented: &str) -> bool {
        presented.starts_with("acme_live_")
    }

    async fn find(&self, presented: &str) -> Result<Option<ApiKey>, ApiKeyError> {
        self.0.asked.lock().unwrap().push(presented.to_owned());
        if self.0.down.load(SeqCst) {
            return Err("the table of keys is out of reach".into());
        }
        Ok((presented == KEY).then(|| ApiKey {
            id: "key-1".to_owned(),
            subject: "billing".to_owned(),
            scopes: ScopeSet::parse("reports:*"),
        }))
    }
}

/// Facts about everybody, and how often they were asked for.
#[derive(Default)]
pub(super) struct Loader {
    pub(super) organization: Mutex<Option<String>>,
    pub(super) role: Mutex<Option<String>>,
    pub(super) admin: AtomicBool,
    pub(super) asked: AtomicUsize,
    pub(super) broken: AtomicBool,
}

#[async_trait]
impl ScopeLoader for Shared<Loader> {
    async fn load(&self, _: &SignedIn) -> Result<ScopeFacts, ScopeError> {
        let loader = &self.0;
        loader.asked.fetch_add(1, SeqCst);
        if loader.broken.load(SeqCst) {
            return Err("broken".into());
        }
        Ok(ScopeFacts {
            organization: loader.organization.lock().unwrap().clone(),
            role: loader.role.lock().unwrap().clone(),
            admin: loader.admin.load(SeqCst),
            ..ScopeFacts::default()
        })
    }
}
