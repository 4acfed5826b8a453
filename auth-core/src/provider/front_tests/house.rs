//! A provider with a scripted account side, a clock moved by hand and stores that can go down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::request::Parts;
use serde_json::{Map, Value, json};
use tokio::sync::{Barrier, OnceCell};

use super::super::super::account::{
    AccountError, AccountResolver, ClaimsQuery, SignInRequest, SignedInAccount,
};
use super::super::super::{JwksFetcher, Provider, ProviderWing};
use crate::ground::{Clock as _, Digest32, KeyRing, ManualClock, SystemRandom, Timestamp};
use crate::services::pages::Pages;
use crate::services::{Core, Event, EventRecord, EventSink, Throttles};
use crate::store::{
    Backend, Client, ClientChange, ClientId, ClientStore, Consumed, MemoryStore, OneTimeKind,
    OneTimeStore, OneTimeValue, Reach, SessionId, StoreError, StoreResult, Stores,
};
use crate::web::{BaseUrl, FormTokens, TrustedProxies};

pub(super) const BASE: &str = "https://op.example.com";
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(super) struct House {
    pub(super) wing: ProviderWing,
    pub(super) documents: Arc<Documents>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) stores: Stores,
    pub(super) outage: Arc<AtomicBool>,
    pub(super) gate: Gate,
    pub(super) events: Arc<Events>,
    pub(super) proxies: TrustedProxies,
}

/// What lies at the addresses of clients.
#[derive(Default)]
pub(super) struct Documents(pub(super) Mutex<HashMap<String, String>>);

#[async_trait]
impl JwksFetcher for Documents {
    async fn fetch_request_object(
        &self,
        url: &str,
    ) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        self.fetch(url).await
    }

    async fn fetch(&self, url: &str) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        let found = self.0.lock().expect("lock").get(url).cloned();
        found.map(Bytes::from).ok_or_else(|| "nothing there".into())
    }
}

impl House {
    /// With the clients `rp` (third party), `own` (first party) and `app` (native, public).
    pub(super) async fn open() -> Arc<Self> {
        Self::open_with(Provider::default()).await
    }

    /// The same with other settings (of the same key algorithms).
    pub(super) async fn open_with(settings: Provider) -> Arc<Self> {
        let memory = MemoryStore::new();
        let outage = Arc::new(AtomicBool::new(false));
        let mut stores = Stores::all(memory.clone());
        let gate = Gate::default();
        let flaky = Arc::new(Flaky {
            memory,
            down: outage.clone(),
            gate: gate.clone(),
        });
        stores.one_time = flaky.clone();
        stores.claims = flaky.clone();
        stores.clients = flaky;
        stores.signing_keys = Arc::new(signing_keys().await);
        let clock = Arc::new(ManualClock::at(START));
        let events = Arc::new(Events::default());
        let core = core(stores.clone(), clock.clone(), events.clone());
        let accounts = Arc::new(Accounts::default());
        let settings = settings.scope("reports:read", "Read your reports");
        let wing = ProviderWing::new(core, settings, accounts.clone())
            .await
            .expect("provider");
        let documents = Arc::new(Documents::default());
        let wing = wing.with_jwks_fetcher(documents.clone());
        let house = Self {
            documents,
            wing,
            accounts,
            clock,
            stores,
            outage,
            gate,
            events,
            proxies: TrustedProxies::default(),
        };
        house.add_usual_clients().await;
        Arc::new(house)
    }

    async fn add_usual_clients(&self) {
        self.add_client("rp", rp_metadata(), false).await;
        self.add_client("own", rp_metadata(), true).await;
        let native = json!({
            "client_name": "Desk App",
            "application_type": "native",
            "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://127.0.0.1/cb", "com.example.desk:/cb", "https://desk.example/cb"],
        });
        self.add_client("app", native, false).await;
    }

    pub(super) async fn add_client(&self, id: &str, metadata: Value, first_party: bool) {
        let Value::Object(metadata) = metadata else {
            panic!("metadata is an object")
        };
        let client = Client {
            client_id: id.into(),
            metadata,
            secrets: vec![],
            first_party,
            disabled_at: None,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        };
        self.stores
            .clients
            .insert_client(&client)
            .await
            .expect("inserted");
    }

    /// Changes a stored client.
    pub(super) async fn change_client(&self, id: &str, change: impl FnOnce(&mut Client)) {
        let id = ClientId::new(id);
        let client = self.stores.clients.client(&id).await.expect("store");
        let mut client = client.expect("client");
        change(&mut client);
        client.version += 1;
        self.stores
            .clients
            .update_client(&client)
            .await
            .expect("updated");
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Makes `readers` of one-time values wait for each other.
    pub(super) fn set_gate(&self, readers: usize) {
        *self.gate.lock().expect("lock") = Some(Arc::new(Barrier::new(readers)));
    }

    pub(super) fn set_outage(&self, down: bool) {
        self.outage.store(down, Ordering::SeqCst);
    }
}

fn core(stores: Stores, clock: Arc<ManualClock>, events: Arc<Events>) -> Arc<Core> {
    let base = BaseUrl::parse(BASE).expect("base");
    let keys = KeyRing::new([[9; 32]]).expect("ring");
    Arc::new(Core {
        forms: FormTokens::new(keys.clone(), &base),
        throttles: Throttles::new(stores.throttles.clone(), keys.clone()),
        #[cfg(feature = "login")]
        mails: crate::services::mail::Mails::new(stores.outbox.clone(), keys.clone()),
        base,
        clock,
        random: Arc::new(SystemRandom),
        keys,
        stores,
        pages: Pages::builder().build().expect("pages"),
        sinks: vec![events],
        proxies: TrustedProxies::default(),
    })
}

/// Signing keys made once for all houses: drawing an RSA key takes longer than any of these tests.
async fn signing_keys() -> MemoryStore {
    static KEYS: OnceCell<MemoryStore> = OnceCell::const_new();
    let made = KEYS.get_or_init(|| async {
        let memory = MemoryStore::new();
        let clock = Arc::new(ManualClock::at(START));
        let core = core(Stores::all(memory.clone()), clock, Arc::default());
        let accounts = Arc::new(Accounts::default());
        ProviderWing::new(core, Provider::default(), accounts)
            .await
            .expect("provider");
        memory
    });
    made.await.clone()
}

pub(super) fn rp_metadata() -> Value {
    json!({
        "client_name": "Reports",
        "client_uri": "https://rp.example",
        "redirect_uris": ["https://rp.example/cb?tenant=1"],
        "post_logout_redirect_uris": ["https://rp.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        "scope": "openid profile email offline_access reports:read",
    })
}

/// Who is signed in, by the value of the cookie `test_session`.
#[derive(Default)]
pub(super) struct Accounts {
    sessions: Mutex<HashMap<String, SignedInAccount>>,
    pub(super) failure: Mutex<Option<&'static str>>,
    pub(super) claims: Mutex<Map<String, Value>>,
}

impl Accounts {
    pub(super) fn put(&self, session: &str, account: SignedInAccount) {
        self.sessions
            .lock()
            .expect("lock")
            .insert(session.to_owned(), account);
    }

    pub(super) fn end(&self, session: &str) {
        self.sessions.lock().expect("lock").remove(session);
    }

    pub(super) fn is_live(&self, session: &str) -> bool {
        self.sessions.lock().expect("lock").contains_key(session)
    }

    fn fail(&self) -> Result<(), AccountError> {
        match *self.failure.lock().expect("lock") {
            None => Ok(()),
            Some("unavailable") => Err(AccountError::Unavailable("down".into())),
            Some(_) => Err(AccountError::Failed("secret cause".into())),
        }
    }
}

pub(super) fn session_cookie(parts: &Parts) -> Option<String> {
    let cookies = parts.headers.get("cookie")?.to_str().ok()?;
    let found = cookies
        .split("; ")
        .find_map(|pair| pair.strip_prefix("test_session="));
    found.map(str::to_owned)
}

#[async_trait]
impl AccountResolver for Accounts {
    async fn signed_in(&self, parts: &Parts) -> Result<Option<SignedInAccount>, AccountError> {
        self.fail()?;
        let sessions = self.sessions.lock().expect("lock");
        Ok(session_cookie(parts).and_then(|session| sessions.get(&session).cloned()))
    }

    async fn is_active(&self, _: &str) -> Result<bool, AccountError> {
        Ok(true)
    }

    async fn is_session_live(&self, _: &str, _: &SessionId) -> Result<bool, AccountError> {
        Ok(true)
    }

    async fn claims(
        &self,
        _: &str,
        _: &ClaimsQuery,
    ) -> Result<Option<Map<String, Value>>, AccountError> {
        Ok(Some(self.claims.lock().expect("lock").clone()))
    }

    fn sign_in_url(&self, request: &SignInRequest) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("return_to", &request.return_to);
        query.append_pair("reauthenticate", &request.reauthenticate.to_string());
        query.append_pair("select_account", &request.select_account.to_string());
        query.append_pair("create", &request.create.to_string());
        query.append_pair("login_hint", request.login_hint.as_deref().unwrap_or(""));
        format!("/login?{}", query.finish())
    }

    async fn sign_out(&self, parts: &Parts) -> Result<Vec<HeaderValue>, AccountError> {
        self.fail()?;
        if let Some(session) = session_cookie(parts) {
            self.end(&session);
        }
        Ok(vec![
            HeaderValue::from_static("test_session=; Max-Age=0; Path=/"),
            HeaderValue::from_static("test_other=; Max-Age=0; Path=/"),
        ])
    }
}

#[derive(Default)]
pub(super) struct Events(Mutex<Vec<Event>>);

impl Events {
    pub(super) fn any(&self, fits: impl Fn(&Event) -> bool) -> bool {
        self.0.lock().expect("lock").iter().any(fits)
    }

    pub(super) fn find<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.0.lock().expect("lock").iter().find_map(pick)
    }

    pub(super) fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.0
            .lock()
            .expect("lock")
            .iter()
            .filter(|event| fits(event))
            .count()
    }
}

#[async_trait]
impl EventSink for Events {
    async fn receive(&self, record: &EventRecord) {
        self.0.lock().expect("lock").push(record.event.clone());
    }
}

/// Where readers of one-time values wait for each other, when it is set: all have read before one spends.
pub(super) type Gate = Arc<Mutex<Option<Arc<Barrier>>>>;

/// One-time values and clients that can go down.
struct Flaky {
    memory: MemoryStore,
    down: Arc<AtomicBool>,
    gate: Gate,
}

impl Flaky {
    fn up(&self) -> StoreResult<&MemoryStore> {
        if self.down.load(Ordering::SeqCst) {
            Err(StoreError::unavailable("the cable is out"))
        } else {
            Ok(&self.memory)
        }
    }
}

#[async_trait]
impl Backend for Flaky {
    fn reach(&self) -> Reach {
        Reach::Shared
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.up()?.prune(now, limit).await
    }
}

#[async_trait]
impl OneTimeStore for Flaky {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        self.up()?.put(value).await
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        let found = self.up()?.peek(kind, key, now).await;
        let gate = self.gate.lock().expect("lock").clone();
        if let Some(gate) = gate {
            gate.wait().await;
        }
        found
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        self.up()?.consume(kind, key, now).await
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool> {
        self.up()?.claim_once(kind, key, now, keep_until).await
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.up()?.is_claimed(kind, key, now).await
    }
}

// Clients stay readable: what is tested is a request that is underway.
#[async_trait]
impl ClientStore for Flaky {
    async fn insert_client(&self, client: &Client) -> StoreResult<()> {
        self.memory.insert_client(client).await
    }

    async fn client(&self, id: &ClientId) -> StoreResult<Option<Client>> {
        if id.as_str() == "unreadable" {
            return Err(StoreError::unavailable("the cable is out"));
        }
        self.memory.client(id).await
    }

    async fn update_client(&self, client: &Client) -> StoreResult<ClientChange> {
        self.memory.update_client(client).await
    }

    async fn delete_client(&self, id: &ClientId) -> StoreResult<bool> {
        self.memory.delete_client(id).await
    }

    async fn clients(&self, after: Option<&ClientId>, limit: u32) -> StoreResult<Vec<Client>> {
        self.memory.clients(after, limit).await
    }
}
