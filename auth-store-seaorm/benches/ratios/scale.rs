//! Every hot verb among many rows and among few.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    ClientId, Consumed, Grant, GrantId, GrantStore as _, Identifier, OneTimeKind,
    OneTimeStore as _, OneTimeValue, RefreshToken, RotationOutcome, SessionId, SessionStore as _,
    Successor, ThrottlePolicy, ThrottleStore as _, UserId, UserStore as _,
};
use auth_core::testkit::Ratio;
use auth_store_seaorm::SeaOrmStore;
use tokio::runtime::Runtime;

use crate::database::{Database, key};
use crate::session::session;

const FEW: u32 = 1000;
const ROUNDS: u32 = 60;
/// All that is live lives until then.
pub(crate) const END: Timestamp = Timestamp::from_millis(4_000_000_000_000);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// One of the two sides: a store among so many rows, and numbers never used before.
struct Side<'r> {
    runtime: &'r Runtime,
    store: SeaOrmStore,
    rows: u32,
    next: Cell<u32>,
}

impl Side<'_> {
    fn fresh(&self) -> u32 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    /// The key of a row that is there.
    fn some_key(&self) -> String {
        key(self.fresh().wrapping_mul(40_503) % self.rows + 1)
    }

    fn digest(&self) -> Digest32 {
        Digest32::of(self.fresh().to_string())
    }

    fn run<T>(&self, verb: impl Future<Output = Result<T, auth_core::store::StoreError>>) -> T {
        self.runtime.block_on(verb).unwrap()
    }
}

type Verb = (&'static str, fn(&Side<'_>));

const VERBS: [Verb; 12] = [
    ("session", |side| {
        let id = SessionId::new(side.some_key());
        assert!(side.run(side.store.session(&id)).is_some());
    }),
    ("touch_session", |side| {
        let id = SessionId::new(side.some_key());
        let seen = NOW + Duration::from_millis(side.fresh().into());
        side.run(side.store.touch_session(&id, seen, END));
    }),
    ("insert_session and revoke_session", |side| {
        let session = session(&format!("new {}", side.fresh()));
        side.run(side.store.insert_session(&session));
        assert!(side.run(side.store.revoke_session(&session.user_id, &session.id)));
    }),
    ("sessions_of", |side| {
        let user = UserId::new(side.some_key());
        assert_eq!(side.run(side.store.sessions_of(&user)).len(), 1);
    }),
    ("credentials", |side| {
        let email = Identifier::Email(format!("{}@example.com", side.some_key()));
        assert!(side.run(side.store.credentials(&email)).is_some());
    }),
    ("user", |side| {
        let id = UserId::new(side.some_key());
        assert!(side.run(side.store.user(&id)).is_some());
    }),
    ("put and consume", |side| {
        let value = OneTimeValue {
            kind: OneTimeKind::AuthorizationCode,
            key: side.digest(),
            payload: vec![0; 200],
            expires_at: END,
            keep_until: END,
        };
        side.run(side.store.put(&value));
        let spent = side.run(side.store.consume(value.kind, &value.key, NOW));
        assert!(matches!(spent, Consumed::First(_)));
    }),
    ("claim_once", |side| {
        let kind = OneTimeKind::ClientAssertion;
        assert!(side.run(side.store.claim_once(kind, &side.digest(), NOW, END)));
    }),
    ("is_claimed", |side| {
        let kind = OneTimeKind::RevokedAccessToken;
        assert!(!side.run(side.store.is_claimed(kind, &side.digest(), NOW)));
    }),
    ("count_and_check", |side| {
        let policy = ThrottlePolicy {
            limit: 10,
            window: Duration::from_mins(1),
            lock: Duration::from_mins(1),
            max_lock: Duration::from_mins(1),
        };
        let verdict = side.run(side.store.count_and_check(&side.digest(), &policy, NOW));
        assert!(verdict.locked_until().is_none());
    }),
    ("grant", |side| {
        let id = GrantId::new(side.some_key());
        assert!(side.run(side.store.grant(&id)).is_some());
    }),
    ("start_refresh_family and rotate_refresh_token", rotate),
];

fn rotate(side: &Side<'_>) {
    let grant = Grant {
        id: GrantId::new(format!("new {}", side.fresh())),
        client_id: ClientId::new("app"),
        subject: "ada".into(),
        session_id: None,
        scopes: BTreeSet::from(["openid".to_owned()]),
        details: serde_json::Map::new(),
        offline: true,
        created_at: NOW,
        expires_at: END,
        revoked_at: None,
    };
    side.run(side.store.insert_grant(&grant));
    let token = RefreshToken {
        digest: side.digest(),
        grant_id: grant.id,
        created_at: NOW,
        expires_at: END,
        successor: None,
    };
    assert!(side.run(side.store.start_refresh_family(&token, END, NOW)));
    let successor = Successor {
        digest: side.digest(),
        sealed: vec![0; 80],
        rotated_at: NOW,
    };
    let (store, client) = (&side.store, &grant.client_id);
    let rotation = store.rotate_refresh_token(&token.digest, client, &successor, END, NOW);
    assert!(matches!(side.run(rotation), RotationOutcome::Rotated(_)));
}

pub(crate) fn compare(runtime: &Runtime, database: &Database, rows: u32) {
    let side = |prefix: &str, rows: u32| {
        let store = runtime.block_on(database.store(prefix));
        runtime.block_on(database.fill(prefix, rows, END.millis()));
        Side {
            runtime,
            store,
            rows,
            next: Cell::new(0),
        }
    };
    let (few, many) = (side("few_", FEW), side("many_", rows));
    for (name, verb) in VERBS {
        let ratio = Ratio::of(ROUNDS, || verb(&few), || verb(&many));
        println!("  {name}, {rows} rows / {FEW} rows: {ratio} (at most 1.3)");
    }
}
