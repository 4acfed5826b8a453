//! The storage contract: records, and traits whose verbs are atomic intents.
//!
//! A verb says what must have happened when it returns, never how: `consume`, `rotate_refresh_token`,
//! `count_and_check`. No caller reads, decides and writes back, so no two nodes can both win.
//!
//! Two groups share no transaction and no verb needs both: the durable ones ([`UserStore`], [`ClientStore`],
//! [`GrantStore`], [`SigningKeyStore`], [`LeaseStore`], [`OutboxStore`], [`FactorStore`], [`DeviceStore`],
//! [`PasskeyStore`], [`IdentityStore`], [`UpstreamSessionStore`], [`AuditStore`]) and the short-lived ones
//! ([`SessionStore`], [`OneTimeStore`], [`ThrottleStore`]), which a host may keep in Redis.
//!
//! Time is passed in: a store never reads a clock. Secrets reach a store as digests or sealed; it never sees one.
//!
//! To write a store of your own, implement the traits and run the `contract` module (feature `testkit`) against it.

mod audit;
mod backend;
mod client;
#[cfg(feature = "testkit")]
pub mod contract;
mod device;
mod factor;
mod grant;
mod identity;
mod lease;
mod memory;
mod one_time;
mod outbox;
mod passkey;
mod session;
mod signing_key;
mod throttle;
mod upstream_session;
mod user;

use std::sync::Arc;

pub use audit::{AuditId, AuditQuery, AuditRecord, AuditStore};
pub use backend::{Backend, Reach};
pub use client::{Client, ClientChange, ClientId, ClientSecret, ClientStore};
pub use device::{DeviceId, DeviceSeen, DeviceStore, TrustedDevice};
pub use factor::{FactorId, FactorStore, TotpFactor};
pub use grant::{
    Consent, Grant, GrantId, GrantStore, RefreshToken, RotationOutcome, SessionClient, Successor,
};
pub use identity::{IdentityId, IdentityStore, IdentityUse, LinkIdentity, LinkedIdentity};
pub use lease::LeaseStore;
pub use memory::MemoryStore;
pub use one_time::{Consumed, OneTimeKind, OneTimeStore, OneTimeValue};
pub use outbox::{MessageId, OutboxKind, OutboxMessage, OutboxStore};
pub use passkey::{AddPasskey, Passkey, PasskeyId, PasskeyStore};
pub use session::{EndedSession, EndedSessions, Session, SessionId, SessionStore};
pub use signing_key::{SigningKeyRecord, SigningKeyStore};
pub use throttle::{ThrottlePolicy, ThrottleState, ThrottleStore, Verdict};
pub use upstream_session::{UpstreamSession, UpstreamSessionStore};
pub use user::{
    AccountEnd, ChangeEmail, CreateUser, Identifier, PasswordHash, User, UserChange, UserId,
    UserStore,
};

use crate::ground::Timestamp;

/// Why a store did not do what was asked. "Not found" and "already used" are answers, not errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached or did not answer in time. The client is told 503 and may try again.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What the store holds cannot be read as the record it should be.
    #[error("a stored {record} cannot be read: {detail}")]
    Corrupt {
        /// Which record.
        record: &'static str,
        /// What is wrong with it, without its contents.
        detail: String,
    },
    /// A value that must be new is already there: random identifiers collided, or a caller reused one.
    #[error("a {record} with this key exists")]
    Exists {
        /// Which record.
        record: &'static str,
    },
}

impl StoreError {
    /// Wraps a driver's error as [`StoreError::Unavailable`].
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// A [`StoreError::Corrupt`] naming the record and what is wrong.
    pub fn corrupt(record: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Corrupt {
            record,
            detail: detail.to_string(),
        }
    }
}

/// The answer of every verb.
pub type StoreResult<T> = Result<T, StoreError>;

/// The stores an `Auth` works on: each trait object may come from another backend.
#[derive(Clone)]
pub struct Stores {
    /// Users and their passwords.
    pub users: Arc<dyn UserStore>,
    /// Sign-ins.
    pub sessions: Arc<dyn SessionStore>,
    /// Single-use values that are put before they are spent: what is lost cannot be spent.
    pub one_time: Arc<dyn OneTimeStore>,
    /// Keys that arrive from outside and are claimed ([`OneTimeStore::claim_once`]): what is lost can be used again.
    pub claims: Arc<dyn OneTimeStore>,
    /// Attempt counters.
    pub throttles: Arc<dyn ThrottleStore>,
    /// OAuth clients.
    pub clients: Arc<dyn ClientStore>,
    /// Grants, refresh tokens and consents.
    pub grants: Arc<dyn GrantStore>,
    /// The provider's signing keys.
    pub signing_keys: Arc<dyn SigningKeyStore>,
    /// Work that one node at a time does.
    pub leases: Arc<dyn LeaseStore>,
    /// Messages that must reach somebody else.
    pub outbox: Arc<dyn OutboxStore>,
    /// TOTP secrets and backup codes.
    pub factors: Arc<dyn FactorStore>,
    /// Browsers seen and trusted.
    pub devices: Arc<dyn DeviceStore>,
    /// Passkeys.
    pub passkeys: Arc<dyn PasskeyStore>,
    /// Identities at other providers.
    pub identities: Arc<dyn IdentityStore>,
    /// Sign-ins at other providers behind sessions here.
    pub upstream_sessions: Arc<dyn UpstreamSessionStore>,
    /// What happened.
    pub audit: Arc<dyn AuditStore>,
}

impl Stores {
    /// One backend for everything.
    pub fn all<S>(store: S) -> Self
    where
        S: UserStore
            + SessionStore
            + OneTimeStore
            + ThrottleStore
            + ClientStore
            + GrantStore
            + SigningKeyStore
            + LeaseStore
            + OutboxStore
            + FactorStore
            + DeviceStore
            + PasskeyStore
            + IdentityStore
            + UpstreamSessionStore
            + AuditStore
            + 'static,
    {
        let store = Arc::new(store);
        Self {
            users: store.clone(),
            sessions: store.clone(),
            one_time: store.clone(),
            claims: store.clone(),
            throttles: store.clone(),
            clients: store.clone(),
            grants: store.clone(),
            signing_keys: store.clone(),
            leases: store.clone(),
            outbox: store.clone(),
            factors: store.clone(),
            devices: store.clone(),
            passkeys: store.clone(),
            identities: store.clone(),
            upstream_sessions: store.clone(),
            audit: store,
        }
    }

    /// Moves the short-lived records (sessions, one-time values, throttles) to another backend. Claims stay: were that
    /// backend to come back empty, revoked access tokens and used assertions would pass again.
    #[must_use]
    pub fn with_short_lived<S>(mut self, store: S) -> Self
    where
        S: SessionStore + OneTimeStore + ThrottleStore + 'static,
    {
        let store = Arc::new(store);
        self.sessions = store.clone();
        self.one_time = store.clone();
        self.throttles = store;
        self
    }

    /// Prunes every backend once, at most `limit` rows each; returns how many rows went.
    pub async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        let backends = self.backends();
        let mut removed = 0;
        for (index, (_, store)) in backends.iter().enumerate() {
            // One backend serves several groups, and prunes all of them at once.
            let pruned = |(_, before): &(_, &dyn Backend)| place(*before) == place(*store);
            if !backends[..index].iter().any(pruned) {
                removed += store.prune(now, limit).await?;
            }
        }
        Ok(removed)
    }

    /// The first group whose store only one node can see: the group's name, and what the store is.
    pub fn node_local(&self) -> Option<(&'static str, &'static str)> {
        self.backends()
            .into_iter()
            .find_map(|(group, store)| match store.reach() {
                Reach::Node(what) => Some((group, what)),
                Reach::Shared => None,
            })
    }

    fn backends(&self) -> [(&'static str, &dyn Backend); 16] {
        [
            ("users", &*self.users),
            ("sessions", &*self.sessions),
            ("one_time", &*self.one_time),
            ("claims", &*self.claims),
            ("throttles", &*self.throttles),
            ("clients", &*self.clients),
            ("grants", &*self.grants),
            ("signing_keys", &*self.signing_keys),
            ("leases", &*self.leases),
            ("outbox", &*self.outbox),
            ("factors", &*self.factors),
            ("devices", &*self.devices),
            ("passkeys", &*self.passkeys),
            ("identities", &*self.identities),
            ("upstream_sessions", &*self.upstream_sessions),
            ("audit", &*self.audit),
        ]
    }
}

fn place(store: &dyn Backend) -> usize {
    std::ptr::from_ref(store).cast::<()>().addr()
}

impl From<MemoryStore> for Stores {
    fn from(store: MemoryStore) -> Self {
        Self::all(store)
    }
}

/// An identifier as its own type, so that a user's id never stands where a client's is wanted.
macro_rules! identifier {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps an identifier.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }
    };
}
use identifier;
