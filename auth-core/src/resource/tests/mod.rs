//! The wing over real signatures: a scripted local issuer, and remote ones on loopback sockets.

mod answers;
mod introspection;
mod introspection_cache;
mod local;
mod remote;
mod settings;
mod threats;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};

use super::{
    AccessToken, ClientCredentials, LocalIssuer, Refusal, Resource, ResourceSettingsError,
    ResourceWing, TokenRefused,
};
use crate::ground::jose::{Algorithm, Claims, GeneratedKey, SigningKey, VerificationKeys};
use crate::ground::{Clock as _, KeyRing, ManualClock, SystemRandom, Timestamp};
use crate::services::outbound::{Outbound, OutboundPolicy};
use crate::services::pages::Pages;
use crate::services::{Core, Event, EventRecord, EventSink, Throttles};
use crate::store::{MemoryStore, StoreError, Stores};
use crate::web::{BaseUrl, FormTokens, TrustedProxies};

const BASE: &str = "https://app.example.com";
const START: i64 = 1_763_700_000;

/// The local provider's key.
static KEY: LazyLock<GeneratedKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

/// A provider that does as told.
struct Scripted {
    keys: Arc<VerificationKeys>,
    revoked: AtomicBool,
    down: AtomicBool,
}

#[async_trait]
impl LocalIssuer for Scripted {
    fn issuer(&self) -> &str {
        BASE
    }

    async fn verification_keys(&self, _now: Timestamp) -> Arc<VerificationKeys> {
        self.keys.clone()
    }

    async fn is_revoked(&self, _claims: &Claims) -> Result<bool, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("the store is down"));
        }
        Ok(self.revoked.load(Ordering::SeqCst))
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<EventRecord>>>);

#[async_trait]
impl EventSink for Captured {
    async fn receive(&self, record: &EventRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

/// A wing with everything a test wants to touch.
struct Bench {
    wing: ResourceWing,
    clock: Arc<ManualClock>,
    local: Arc<Scripted>,
    events: Captured,
}

impl Bench {
    /// With the local provider.
    fn local(settings: Resource) -> Self {
        Self::build(settings, true, OutboundPolicy::default()).unwrap()
    }

    /// With issuers on loopback only.
    fn remote(settings: Resource) -> Self {
        let policy = OutboundPolicy::default()
            .dangerous_allow_loopback()
            .timeout(Duration::from_millis(250));
        Self::build(settings, false, policy).unwrap()
    }

    fn build(
        settings: Resource,
        with_local: bool,
        policy: OutboundPolicy,
    ) -> Result<Self, ResourceSettingsError> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let events = Captured::default();
        let keys = KeyRing::new([[7_u8; 32]]).unwrap();
        let stores = Stores::from(MemoryStore::new());
        let base = BaseUrl::parse(BASE).unwrap();
        let core = Core {
            forms: FormTokens::new(keys.clone(), &base),
            throttles: Throttles::new(stores.throttles.clone(), keys.clone()),
            #[cfg(feature = "login")]
            mails: crate::services::mail::Mails::new(stores.outbox.clone(), keys.clone()),
            base,
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
            keys,
            stores,
            pages: Pages::builder().build().unwrap(),
            sinks: vec![Arc::new(events.clone())],
            proxies: TrustedProxies::default(),
        };
        let local = Arc::new(Scripted {
            keys: Arc::new(VerificationKeys::from_jwk(KEY.key.public_jwk()).unwrap()),
            revoked: AtomicBool::new(false),
            down: AtomicBool::new(false),
        });
        let issuer = with_local.then(|| local.clone() as Arc<dyn LocalIssuer>);
        let outbound = Outbound::new(policy).unwrap();
        Ok(Self {
            wing: ResourceWing::new(Arc::new(core), settings, issuer, outbound)?,
            clock,
            local,
            events,
        })
    }

    async fn send(&self, token: &str) -> Result<AccessToken, TokenRefused> {
        self.wing.access_token(&bearer(token)).await
    }

    /// The code of the refusal, or `accepted`.
    async fn outcome(&self, token: &str) -> &'static str {
        match self.send(token).await {
            Ok(_) => "accepted",
            Err(refused) => refused.refusal().code(),
        }
    }

    fn reasons(&self) -> Vec<&'static str> {
        let records = self.events.0.lock().unwrap();
        let reason = |record: &EventRecord| match record.event {
            Event::AccessTokenRefused { reason } => reason,
            _ => "another event",
        };
        records.iter().map(reason).collect()
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn now(&self) -> i64 {
        self.clock.now().seconds()
    }
}

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    headers.insert(AUTHORIZATION, value);
    headers
}

/// The claims of a good token from this issuer for this audience.
fn claims(issuer: &str, audience: &str) -> Value {
    json!({
        "iss": issuer,
        "aud": audience,
        "sub": "user-1",
        "client_id": "client-1",
        "jti": "token-1",
        "iat": START,
        "exp": START + 900,
        "scope": "profile reports:read",
    })
}

fn local_claims() -> Value {
    claims(BASE, BASE)
}

/// As `claims`, with one changed; `Null` takes it out.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let object = claims.as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    claims
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    key.sign_compact(Some("at+jwt"), claims).unwrap()
}

fn local_token(claims: &Value) -> String {
    sign(&KEY.key, claims)
}

/// A token with this header, signed ES256 with this key: what a faulty or hostile signer may make.
fn forged(pkcs8: &[u8], header: &Value, payload: &str) -> String {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let encode = crate::ground::base64url;
    let input = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(payload.as_bytes())
    );
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = pair.sign(&random, input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature.as_ref()))
}
