//! Two nodes that spend the same value at the same moment, thousands of times.

use std::sync::Arc;
use std::time::Duration;

use auth_core::ground::{Clock as _, Digest32, Random, SystemClock, SystemRandom, Timestamp};
use auth_core::store::{
    ClientId, Consumed, Grant, GrantId, OneTimeKind, OneTimeStore, OneTimeValue, RefreshToken,
    RotationOutcome, Session, SessionId, Stores, Successor, UserId,
};

/// Trials that run at the same time, each with a value of its own.
const LANES: usize = 16;

/// Who won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often each node was the one.
    pub won: [usize; 2],
    /// How often both were.
    pub doubled: usize,
    /// How often neither was.
    pub unspent: usize,
}

impl Tally {
    /// How many trials there were.
    pub fn trials(&self) -> usize {
        self.won[0] + self.won[1] + self.doubled + self.unspent
    }

    fn note(&mut self, won: [bool; 2]) {
        match won {
            [true, true] => self.doubled += 1,
            [true, false] => self.won[0] += 1,
            [false, true] => self.won[1] += 1,
            [false, false] => self.unspent += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.won[0] += other.won[0];
        self.won[1] += other.won[1];
        self.doubled += other.doubled;
        self.unspent += other.unspent;
    }
}

/// The stores of two nodes, each with connections of its own.
pub type Nodes = Arc<[Stores; 2]>;

/// Runs `trials` of `lane` in all, many lanes at once.
async fn in_lanes<F>(nodes: &Nodes, trials: usize, lane: impl Fn(Nodes, usize) -> F) -> Tally
where
    F: Future<Output = Tally> + Send + 'static,
{
    let each = trials.div_ceil(LANES);
    let lanes: Vec<_> = (0..LANES)
        .map(|_| tokio::spawn(lane(Arc::clone(nodes), each)))
        .collect();
    let mut tally = Tally::default();
    for lane in lanes {
        tally.add(lane.await.expect("a lane that ran to its end"));
    }
    tally
}

/// Has both nodes do something at once; which of them begins changes from trial to trial.
async fn both<T, F>(nodes: &Nodes, trial: usize, act: impl Fn(Stores) -> F) -> [T; 2]
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let [here, there] = &**nodes;
    if trial.is_multiple_of(2) {
        let other = tokio::spawn(act(there.clone()));
        let own = act(here.clone()).await;
        [own, other.await.expect("a racer")]
    } else {
        let other = tokio::spawn(act(here.clone()));
        let own = act(there.clone()).await;
        [other.await.expect("a racer"), own]
    }
}

/// One-time values of a kind: one node spends it, the other is told that it was spent.
pub async fn one_time_values(nodes: &Nodes, kind: OneTimeKind, trials: usize) -> Tally {
    in_lanes(nodes, trials, move |nodes, trials| async move {
        let mut tally = Tally::default();
        for trial in 0..trials {
            let now = SystemClock.now();
            let value = OneTimeValue {
                kind,
                key: secret(),
                payload: b"sealed".to_vec(),
                expires_at: now + Duration::from_mins(1),
                keep_until: now + Duration::from_mins(2),
            };
            nodes[0].one_time.put(&value).await.expect("a new value");
            let key = value.key;
            let spent = both(&nodes, trial, |stores| async move {
                let spent = stores.one_time.consume(kind, &key, now).await;
                spent.expect("an answer")
            })
            .await;
            let absent = spent.contains(&Consumed::Absent);
            assert!(!absent, "a value that is there was not found");
            tally.note(spent.map(|spent| matches!(spent, Consumed::First(_))));
        }
        tally
    })
    .await
}

/// Where keys from outside are claimed: among one-time values, or where the product does it.
pub type ClaimedIn = fn(&Stores) -> &Arc<dyn OneTimeStore>;

/// Claims of a key from outside: one node gets it.
pub async fn claims(nodes: &Nodes, claimed_in: ClaimedIn, trials: usize) -> Tally {
    in_lanes(nodes, trials, move |nodes, trials| async move {
        let mut tally = Tally::default();
        for trial in 0..trials {
            let (key, now) = (secret(), SystemClock.now());
            let claimed = both(&nodes, trial, |stores| async move {
                let kind = OneTimeKind::ClientAssertion;
                let until = now + Duration::from_mins(1);
                let claimed = claimed_in(&stores).claim_once(kind, &key, now, until);
                claimed.await.expect("an answer")
            })
            .await;
            tally.note(claimed);
        }
        tally
    })
    .await
}

/// Uses of a refresh token: one node rotates it, the other gets the same successor.
pub async fn refresh_tokens(nodes: &Nodes, trials: usize) -> Tally {
    in_lanes(nodes, trials, |nodes, trials| async move {
        let mut tally = Tally::default();
        let now = SystemClock.now();
        let mut token = start_family(&nodes[0], now).await;
        for trial in 0..trials {
            let outcomes = both(&nodes, trial, |stores| rotate(stores, token, now)).await;
            let mut stands = Vec::new();
            let won = outcomes.map(|(offered, outcome)| match outcome {
                RotationOutcome::Rotated(_) => {
                    stands.push(offered);
                    true
                }
                RotationOutcome::Retried(_, successor) => {
                    stands.push(successor.digest);
                    false
                }
                other => panic!("a token that was used once came back as {other:?}"),
            });
            assert_eq!(stands[0], stands[1], "two successors of one refresh token");
            tally.note(won);
            token = stands[0];
        }
        tally
    })
    .await
}

async fn start_family(stores: &Stores, now: Timestamp) -> Digest32 {
    let grant = Grant {
        id: GrantId::new(random().id()),
        client_id: ClientId::new("rp"),
        subject: "somebody".to_owned(),
        session_id: None,
        scopes: ["openid".to_owned()].into(),
        details: serde_json::Map::new(),
        offline: true,
        created_at: now,
        expires_at: now + Duration::from_hours(1),
        revoked_at: None,
    };
    let token = RefreshToken {
        digest: secret(),
        grant_id: grant.id.clone(),
        created_at: now,
        expires_at: now + Duration::from_hours(1),
        successor: None,
    };
    let grants = &stores.grants;
    grants.insert_grant(&grant).await.expect("a new grant");
    let started = grants.start_refresh_family(&token, grant.expires_at, now);
    assert!(started.await.expect("an answer"), "the grant lives");
    token.digest
}

async fn rotate(stores: Stores, token: Digest32, now: Timestamp) -> (Digest32, RotationOutcome) {
    let offered = Successor {
        digest: secret(),
        sealed: b"sealed".to_vec(),
        rotated_at: now,
    };
    let (client, until) = (ClientId::new("rp"), now + Duration::from_hours(1));
    let outcome = stores
        .grants
        .rotate_refresh_token(&token, &client, &offered, until, now)
        .await;
    (offered.digest, outcome.expect("an answer"))
}

/// Rotations of a session's secret: one node's stands, and is what the session has from then on.
pub async fn sessions(nodes: &Nodes, trials: usize) -> Tally {
    in_lanes(nodes, trials, |nodes, trials| async move {
        let mut tally = Tally::default();
        let mut session = session(SystemClock.now());
        nodes[0]
            .sessions
            .insert_session(&session)
            .await
            .expect("a new session");
        for trial in 0..trials {
            let old = session.token_digest;
            let rotated = both(&nodes, trial, |stores| {
                let renewed = Session {
                    token_digest: secret(),
                    ..session.clone()
                };
                async move {
                    let rotated = stores.sessions.rotate_session(&old, &renewed).await;
                    (rotated.expect("an answer"), renewed.token_digest)
                }
            })
            .await;
            let stands = nodes[trial % 2].sessions.session(&session.id).await;
            session = stands.expect("an answer").expect("the session");
            let winner = rotated.iter().find(|(won, _)| *won);
            assert_eq!(
                winner.map(|(_, digest)| *digest),
                Some(session.token_digest)
            );
            tally.note(rotated.map(|(won, _)| won));
        }
        tally
    })
    .await
}

fn session(now: Timestamp) -> Session {
    Session {
        id: SessionId::new(random().id()),
        token_digest: secret(),
        user_id: UserId::new(random().id()),
        created_at: now,
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        acr: None,
        last_seen_at: now,
        idle_expires_at: now + Duration::from_hours(1),
        expires_at: now + Duration::from_hours(1),
        remember: false,
        user_agent: None,
        address: None,
    }
}

fn secret() -> Digest32 {
    Digest32::of(random().secret())
}

fn random() -> &'static dyn Random {
    &SystemRandom
}
