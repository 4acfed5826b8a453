//! A provider in a house of its own: memory store, a clock moved by hand, scripted accounts.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use crate::ground::{KeyRing, ManualClock, SystemRandom, Timestamp};
use crate::provider::account::{
    AccountError, AccountResolver, ClaimsQuery, SignInRequest, SignedInAccount,
};
use crate::provider::client::ClientMetadata as _;
use crate::provider::code::{CodeRequest, ConsentedScopes};
use crate::provider::pkce::CodeChallenge;
use crate::provider::{NewClient, Provider, ProviderWing};
use crate::services::pages::Pages;
use crate::services::{Core, Event, EventRecord, EventSink, Throttles};
use crate::store::{
    ClientChange, ClientId, ClientStore, MemoryStore, SessionId, SigningKeyRecord,
    SigningKeyStore as _, Stores,
};
use crate::web::{BaseUrl, Exchange, FormTokens, TrustedProxies};

pub(super) const ISSUER: &str = "https://op.example";
pub(super) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub(super) const REDIRECT_URI: &str = "https://rp.example/cb";
/// RFC 7636 appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const SECRET: &str = "a secret of the client";
pub(super) const OLD_KEY: [u8; 32] = [7; 32];

/// What the account resolver says.
#[derive(Default)]
pub(super) struct Script {
    pub inactive: HashSet<String>,
    pub ended_sessions: HashSet<String>,
    pub claims: Map<String, Value>,
    pub queries: Vec<ClaimsQuery>,
    pub unavailable: bool,
}

#[derive(Clone, Default)]
pub(super) struct Accounts(pub Arc<Mutex<Script>>);

#[async_trait]
impl AccountResolver for Accounts {
    async fn signed_in(&self, _: &Parts) -> Result<Option<SignedInAccount>, AccountError> {
        Ok(None)
    }

    async fn is_active(&self, subject: &str) -> Result<bool, AccountError> {
        let script = self.0.lock().unwrap();
        if script.unavailable {
            return Err(AccountError::Unavailable("scripted".into()));
        }
        Ok(!script.inactive.contains(subject))
    }

    async fn is_session_live(&self, _: &str, session: &SessionId) -> Result<bool, AccountError> {
        Ok(!self
            .0
            .lock()
            .unwrap()
            .ended_sessions
            .contains(session.as_str()))
    }

    async fn claims(
        &self,
        _: &str,
        query: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        let mut script = self.0.lock().unwrap();
        script.queries.push(query.clone());
        Ok(Some(script.claims.clone()))
    }

    fn sign_in_url(&self, _: &SignInRequest) -> String {
        "/sign-in".to_owned()
    }

    async fn sign_out(&self, _: &Parts) -> Result<Vec<HeaderValue>, AccountError> {
        Ok(vec![])
    }
}

#[derive(Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<Event>>>);

#[async_trait]
impl EventSink for Captured {
    async fn receive(&self, record: &EventRecord) {
        self.0.lock().unwrap().push(record.event.clone());
    }
}

#[derive(Clone)]
pub(super) struct House {
    pub wing: Arc<ProviderWing>,
    pub clock: Arc<ManualClock>,
    pub store: MemoryStore,
    pub accounts: Accounts,
    events: Captured,
}

/// How a request proves its client.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    No,
    Basic(&'a str, &'a str),
    Bearer(&'a str),
}

/// An answer with its JSON.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub json: Value,
}

impl Answer {
    #[track_caller]
    pub(super) fn text(&self, member: &str) -> &str {
        self.json[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member} in {self:?}"))
    }

    #[track_caller]
    pub(super) fn refused_as(&self, error: &str) -> &Self {
        assert_eq!(self.json["error"], error, "{self:?}");
        assert!(self.status.is_client_error(), "{self:?}");
        self
    }

    #[track_caller]
    pub(super) fn ok(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self
    }
}

/// The clock behind an `Arc`, for the core to own.
struct Hand(Arc<ManualClock>);

impl crate::ground::Clock for Hand {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("an object"),
    }
}

/// The first keys of a provider with the default settings, made once for all tests: RSA keys are slow to make.
async fn first_keys() -> &'static [SigningKeyRecord] {
    static KEYS: OnceCell<Vec<SigningKeyRecord>> = OnceCell::const_new();
    KEYS.get_or_init(|| async {
        let store = MemoryStore::new();
        let clock = Arc::new(ManualClock::at(START));
        let _ = build(Provider::default(), store.clone(), clock, &[OLD_KEY]).await;
        store.signing_keys().await.unwrap()
    })
    .await
}

/// A provider with these settings over this store.
pub(super) async fn build(
    settings: Provider,
    store: MemoryStore,
    clock: Arc<ManualClock>,
    ring: &[[u8; 32]],
) -> House {
    build_over(settings, store.clone(), store.into(), clock, ring).await
}

/// As [`build`], with some of the stores replaced.
pub(super) async fn build_over(
    settings: Provider,
    store: MemoryStore,
    stores: Stores,
    clock: Arc<ManualClock>,
    ring: &[[u8; 32]],
) -> House {
    build_at(ISSUER, settings, store, stores, clock, ring).await
}

/// As [`build_over`], at another address.
pub(super) async fn build_at(
    base: &str,
    settings: Provider,
    store: MemoryStore,
    stores: Stores,
    clock: Arc<ManualClock>,
    ring: &[[u8; 32]],
) -> House {
    let base = BaseUrl::parse(base).unwrap();
    let keys = KeyRing::new(ring).unwrap();
    let events = Captured::default();
    let core = Arc::new(Core {
        forms: FormTokens::new(keys.clone(), &base),
        throttles: Throttles::new(stores.throttles.clone(), keys.clone()),
        #[cfg(feature = "login")]
        mails: crate::services::mail::Mails::new(stores.outbox.clone(), keys.clone()),
        pages: Pages::builder().build().unwrap(),
        base,
        clock: Arc::new(Hand(clock.clone())),
        random: Arc::new(SystemRandom),
        keys,
        stores,
        sinks: vec![Arc::new(events.clone())],
        proxies: TrustedProxies::default(),
    });
    let accounts = Accounts::default();
    accounts.0.lock().unwrap().claims = object(json!({
        "name": "Alice", "email": "alice@example.com", "email_verified": true, "locale": "de", "nickname": null,
        "sub": "mallory", "iss": "https://evil.example", "aud": "evil", "exp": 9, "nonce": "evil", "acr": "evil",
        "auth_time": 1, "sid": "evil", "amr": ["evil"], "at_hash": "evil", "secret_flag": "not for clients",
    }));
    let wing = ProviderWing::new(core, settings, Arc::new(accounts.clone()))
        .await
        .unwrap();
    House {
        wing: Arc::new(wing),
        clock,
        store,
        accounts,
        events,
    }
}

/// The usual house.
pub(super) async fn house() -> House {
    house_with(Provider::default()).await
}

/// The usual house with other settings (of the same key algorithms).
pub(super) async fn house_with(settings: Provider) -> House {
    let store = MemoryStore::new();
    for key in first_keys().await {
        assert!(store.add_signing_key(key, START).await.unwrap());
    }
    let settings = settings
        .scope("reports:read", "Read reports")
        .scope("reports:write", "Write");
    build(
        settings,
        store,
        Arc::new(ManualClock::at(START)),
        &[OLD_KEY],
    )
    .await
}

impl House {
    /// The same provider after its short-lived store came back empty.
    pub(super) async fn without_short_lived(&self) -> Self {
        let stores = Stores::all(self.store.clone()).with_short_lived(MemoryStore::new());
        let (store, clock) = (self.store.clone(), self.clock.clone());
        build_over(Provider::default(), store, stores, clock, &[OLD_KEY]).await
    }

    pub(super) fn now(&self) -> Timestamp {
        crate::ground::Clock::now(&*self.clock)
    }

    /// A confidential client `rp` with every grant type and scope.
    pub(super) async fn rp(&self) -> ClientId {
        self.client("rp", json!({})).await
    }

    /// A client with [`SECRET`] and changes to the usual metadata.
    pub(super) async fn client(&self, id: &str, changes: Value) -> ClientId {
        let mut metadata = object(json!({
            "client_id": id,
            "client_secret": SECRET,
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "openid profile email offline_access reports:read",
        }));
        metadata.extend(object(changes));
        let new = NewClient::from_metadata(metadata);
        self.wing
            .register_client(new)
            .await
            .unwrap()
            .client
            .client_id
    }

    pub(super) async fn code(&self, client: &ClientId, scopes: &str) -> String {
        self.code_with(client, scopes, |_| {}).await
    }

    pub(super) async fn code_with(
        &self,
        client: &ClientId,
        scopes: &str,
        change: impl FnOnce(&mut CodeRequest),
    ) -> String {
        let client = self.wing.registry.client(client).await.unwrap().unwrap();
        let mut request = CodeRequest {
            redirect_uri: client.verify_redirect_uri(REDIRECT_URI).unwrap(),
            client,
            redirect_uri_given: true,
            code_challenge: Some(CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap()),
            account: SignedInAccount {
                subject: "alice".to_owned(),
                session_id: Some("session-1".into()),
                auth_time: START,
                signed_in_at: START,
                amr: vec!["pwd".to_owned()],
                acr: Some("1".to_owned()),
                display_name: "Alice".to_owned(),
            },
            scopes: ConsentedScopes(
                scopes
                    .split(' ')
                    .map(str::to_owned)
                    .collect::<BTreeSet<_>>(),
            ),
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            claims: None,
        };
        change(&mut request);
        let now = self.now();
        let grant = self.wing.write_grant(&request, now).await.unwrap();
        self.wing.issue_code(request, &grant, now).await.unwrap()
    }

    pub(super) async fn redeem(&self, client: &ClientId, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth/token", Proof::Basic(client.as_str(), SECRET), &form)
            .await
    }

    /// A code issued and redeemed.
    pub(super) async fn tokens(&self, client: &ClientId, scopes: &str) -> Answer {
        let code = self.code(client, scopes).await;
        self.redeem(client, &code).await.ok()
    }

    pub(super) async fn refresh(&self, client: &ClientId, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/oauth/token", Proof::Basic(client.as_str(), SECRET), &form)
            .await
    }

    pub(super) async fn introspect(&self, client: &ClientId, token: &str) -> Answer {
        let proof = Proof::Basic(client.as_str(), SECRET);
        self.post("/oauth/introspect", proof, &[("token", token)])
            .await
    }

    #[track_caller]
    pub(super) fn is_active(answer: &Answer) -> bool {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let active = answer.json["active"].as_bool().unwrap();
        if !active {
            assert_eq!(answer.json, json!({ "active": false }));
        }
        active
    }

    pub(super) async fn userinfo(&self, token: &str) -> Answer {
        self.get("/oauth/userinfo", Proof::Bearer(token)).await
    }

    pub(super) async fn get(&self, path: &str, proof: Proof<'_>) -> Answer {
        let request = request(Method::GET, path, proof);
        self.send(request.body(Bytes::new()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, proof: Proof<'_>, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.post_raw(path, proof, "application/x-www-form-urlencoded", body)
            .await
    }

    pub(super) async fn post_raw(
        &self,
        path: &str,
        proof: Proof<'_>,
        media_type: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = request(Method::POST, path, proof).header(CONTENT_TYPE, media_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> Answer {
        let (parts, body) = request.into_parts();
        let routes = self.wing.routes();
        let (route, endpoint) = routes
            .iter()
            .find(|(route, _)| route.path == parts.uri.path())
            .unwrap_or_else(|| panic!("no route {}", parts.uri));
        assert!(route.methods.contains(&parts.method));
        let proxies = TrustedProxies::default();
        let mut exchange = Exchange::new(&parts, &body, self.now(), &proxies, false);
        let response = self.wing.handle(*endpoint, &mut exchange).await;
        let (head, body) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap_or(Value::Null),
            body,
        }
    }

    pub(super) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(super) fn has_event(&self, is: impl Fn(&Event) -> bool) -> bool {
        self.events.0.lock().unwrap().iter().any(is)
    }

    /// Why client authentication failed, each time.
    pub(super) fn failures(&self) -> Vec<&'static str> {
        let events = self.events.0.lock().unwrap();
        let reason = |event: &Event| match event {
            Event::ClientAuthenticationFailed { reason, .. } => Some(*reason),
            _ => None,
        };
        events.iter().filter_map(reason).collect()
    }
}

fn request(method: Method, path: &str, proof: Proof<'_>) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    match proof {
        Proof::No => request,
        Proof::Basic(id, secret) => request.header(AUTHORIZATION, basic(id, secret)),
        Proof::Bearer(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
    }
}

/// RFC 6749 §2.3.1: form-encoded, then base64.
pub(super) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret));
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

/// Runs `N` tasks that start at the same moment.
pub(super) async fn race<T, F>(count: usize, task: impl Fn() -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (start, task) = (start.clone(), task());
            tokio::spawn(async move {
                start.wait().await;
                task.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

impl House {
    /// A client as [`House::client`] makes it, with metadata past all checks: what a host's registry may say.
    pub(super) async fn client_of_host(&self, id: &str, changes: Value) -> ClientId {
        let id = self.client(id, json!({})).await;
        let mut client = ClientStore::client(&self.store, &id)
            .await
            .unwrap()
            .unwrap();
        client.metadata.extend(object(changes));
        client.version += 1;
        let changed = self.store.update_client(&client).await.unwrap();
        assert_eq!(changed, ClientChange::Updated);
        id
    }
}
