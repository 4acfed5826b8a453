//! Pruning: every table has its share of a call, whatever waits in the others.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use auth_core::ground::Digest32;
use auth_core::store::{
    AuditId, AuditRecord, AuditStore as _, Backend as _, ClientId, DeviceId, DeviceStore as _,
    Grant, GrantId, GrantStore as _, LeaseStore as _, MessageId, OneTimeKind, OneTimeStore as _,
    OutboxKind, OutboxMessage, OutboxStore as _, RefreshToken, Session, SessionId,
    SessionStore as _, SigningKeyRecord, SigningKeyStore as _, ThrottlePolicy, ThrottleStore as _,
    TrustedDevice, UpstreamSession, UpstreamSessionStore as _, UserId,
};
use auth_store_seaorm::SeaOrmStore;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};

use crate::support::{Place, at, on_each_database, query};

on_each_database! {
    threat_48_a_backlog_in_one_table_delays_no_other
    threat_48_a_backlog_in_every_table_is_shared
    threat_48_who_had_to_stop_goes_on_there
}

/// What is removed, each by itself: how it is counted.
const PARTS: [(&str, &str); 14] = [
    ("sessions that ended", "sessions WHERE expires_at < 1000"),
    ("idle sessions", "sessions WHERE expires_at > 1000"),
    ("one-time values", "one_time"),
    ("throttles", "throttles"),
    ("refresh tokens", "refresh_tokens"),
    ("grants", "grants WHERE expires_at < 1000"),
    ("signing keys", "signing_keys WHERE retired_at < 1000"),
    ("leases", "leases"),
    ("messages", "outbox"),
    ("trusted devices", "trusted_devices"),
    ("seen devices", "seen_devices"),
    ("upstream sessions", "upstream_sessions"),
    ("audit records", "audit"),
    ("ends of sessions", "session_ends"),
];

/// When everything is due.
const LATE: i64 = 5000;

struct Tables {
    place: Place,
    store: SeaOrmStore,
    beside: DatabaseConnection,
    /// Of the next signing key.
    generation: AtomicU32,
}

impl Tables {
    async fn at(place: Place) -> Self {
        let store = place.open().await;
        let beside = place.connect().await;
        let keeps_tokens = grant("keeps", 90_000);
        store.insert_grant(&keeps_tokens).await.unwrap();
        let counted = format!(
            "INSERT INTO {}counters (name, value) VALUES ('session_ends', 90000)",
            place.prefix
        );
        beside.execute_unprepared(&counted).await.unwrap();
        let tables = Self {
            place,
            store,
            beside,
            generation: AtomicU32::new(1),
        };
        tables.add_key().await;
        tables
    }

    /// How many rows each part has left.
    async fn left(&self) -> Vec<usize> {
        let mut left = Vec::new();
        for (_, rows) in PARTS {
            let sql = format!("SELECT 1 FROM {}{rows}", self.place.prefix);
            left.push(query(&self.beside, &sql).await.len());
        }
        left
    }

    /// Adds rows to a part, numbered from `first` on.
    async fn add(&self, part: usize, first: i64, rows: i64) {
        for row in first..first + rows {
            self.add_one(part, row).await;
        }
    }

    async fn add_one(&self, part: usize, row: i64) {
        let store = &self.store;
        let (id, digest) = (
            format!("{part}-{row}"),
            Digest32::of(format!("{part}-{row}")),
        );
        match part {
            0 => store
                .insert_session(&session(&id, 90_000, 500))
                .await
                .unwrap(),
            1 => {
                let idle = session(&id, 500, 90_000);
                store.insert_session(&idle).await.unwrap();
            }
            2 => {
                let kind = OneTimeKind::ClientAssertion;
                let claimed = store.claim_once(kind, &digest, at(1), at(100)).await;
                assert!(claimed.unwrap());
            }
            3 => {
                store
                    .count_and_check(&digest, &POLICY, at(0))
                    .await
                    .unwrap();
            }
            4 => {
                let token = RefreshToken {
                    digest,
                    grant_id: GrantId::new("keeps"),
                    created_at: at(0),
                    expires_at: at(100),
                    successor: None,
                };
                let started = store.start_refresh_family(&token, at(90_000), at(0)).await;
                assert!(started.unwrap());
            }
            5 => store.insert_grant(&grant(&id, 100)).await.unwrap(),
            6 => self.add_key().await,
            7 => assert!(store.hold_lease(&id, "a", at(0), at(100)).await.unwrap()),
            8 => store.put_messages(&[message(&id)]).await.unwrap(),
            9 => store.trust_device(&device(&id)).await.unwrap(),
            10 => {
                let user = UserId::new(id);
                let noted = store.note_device(&user, &digest, at(0), at(100)).await;
                noted.unwrap();
            }
            11 => store.put_upstream_session(&upstream(&id)).await.unwrap(),
            12 => store.append_audit(&[audited(&id)]).await.unwrap(),
            _ => {
                let table = format!("{}session_ends", self.place.prefix);
                let values = format!("({}, 's', 'u')", row + 1);
                let sql = format!("INSERT INTO {table} (seq, session_id, user_id) VALUES {values}");
                self.beside.execute_unprepared(&sql).await.unwrap();
            }
        }
    }

    /// A signing key, which retires the one before it.
    async fn add_key(&self) {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let key = SigningKeyRecord {
            kid: generation.to_string(),
            algorithm: "ES256".to_owned(),
            generation,
            sealed_private_key: vec![1],
            created_at: at(0),
            active_from: at(0),
            retired_at: None,
        };
        assert!(self.store.add_signing_key(&key, at(100)).await.unwrap());
    }

    async fn prune(&self, limit: u32) -> u64 {
        self.store.prune(at(LATE), limit).await.unwrap()
    }
}

const POLICY: ThrottlePolicy = ThrottlePolicy {
    limit: 2,
    window: Duration::from_millis(100),
    lock: Duration::from_millis(100),
    max_lock: Duration::from_millis(100),
};

fn session(id: &str, idle: i64, end: i64) -> Session {
    Session {
        id: SessionId::new(id),
        token_digest: Digest32::of(id),
        user_id: UserId::new("ada"),
        created_at: at(0),
        auth_time: at(0),
        amr: Vec::new(),
        acr: None,
        last_seen_at: at(0),
        idle_expires_at: at(idle),
        expires_at: at(end),
        remember: false,
        user_agent: None,
        address: None,
    }
}

fn grant(id: &str, end: i64) -> Grant {
    Grant {
        id: GrantId::new(id),
        client_id: ClientId::new("app"),
        subject: "ada".to_owned(),
        session_id: None,
        scopes: BTreeSet::new(),
        details: serde_json::Map::new(),
        offline: true,
        created_at: at(0),
        expires_at: at(end),
        revoked_at: None,
    }
}

fn message(id: &str) -> OutboxMessage {
    OutboxMessage {
        id: MessageId::new(id),
        kind: OutboxKind::BackChannelLogout,
        payload: vec![1],
        created_at: at(0),
        attempts: 0,
        due_at: at(0),
        expires_at: at(100),
    }
}

fn device(id: &str) -> TrustedDevice {
    TrustedDevice {
        id: DeviceId::new(id),
        user_id: UserId::new("ada"),
        token_digest: Digest32::of(id),
        user_agent: None,
        created_at: at(0),
        expires_at: at(100),
    }
}

fn upstream(id: &str) -> UpstreamSession {
    UpstreamSession {
        session_id: SessionId::new(id),
        user_id: UserId::new("ada"),
        upstream: "example".to_owned(),
        issuer: "https://id.example.com".to_owned(),
        subject: "ada".to_owned(),
        sid: None,
        secrets: vec![1],
        version: 0,
        expires_at: at(100),
    }
}

fn audited(id: &str) -> AuditRecord {
    AuditRecord {
        id: AuditId::new(id),
        at: at(0),
        event: "signed_in".to_owned(),
        actor: None,
        subject: None,
        organization: None,
        client: None,
        address: None,
        data: "{}".to_owned(),
        expires_at: at(100),
    }
}

async fn threat_48_a_backlog_in_one_table_delays_no_other(place: Place) {
    let tables = Tables::at(place).await;
    for part in 0..PARTS.len() {
        let first = i64::try_from(part).unwrap() * 1000;
        for other in 0..PARTS.len() {
            let rows = if other == part { 30 } else { 1 };
            tables.add(other, first, rows).await;
        }
        let mut expected = [1; PARTS.len()];
        expected[part] = 30;
        assert_eq!(tables.left().await, expected);
        // Enough for its share and what the others leave of theirs, not for all of it.
        assert_eq!(tables.prune(26).await, 26);
        expected = [0; PARTS.len()];
        expected[part] = 17;
        assert_eq!(tables.left().await, expected, "{}", PARTS[part].0);
        assert_eq!(tables.prune(26).await, 17);
        assert_eq!(tables.prune(26).await, 0);
    }
}

async fn threat_48_a_backlog_in_every_table_is_shared(place: Place) {
    let tables = Tables::at(place).await;
    for part in 0..PARTS.len() {
        tables.add(part, 0, 8).await;
    }
    assert_eq!(tables.prune(70).await, 70);
    assert_eq!(tables.left().await, [3; PARTS.len()]);
    assert_eq!(tables.prune(70).await, 42);
    assert_eq!(tables.prune(70).await, 0);
    assert_eq!(tables.left().await, [0; PARTS.len()]);
}

async fn threat_48_who_had_to_stop_goes_on_there(place: Place) {
    let tables = Tables::at(place).await;
    for part in 0..PARTS.len() {
        tables.add(part, 0, 3).await;
    }
    for _ in 0..PARTS.len() {
        assert_eq!(tables.prune(1).await, 1);
    }
    assert_eq!(tables.left().await, [2; PARTS.len()]);
}
