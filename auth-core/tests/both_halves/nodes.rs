//! Several nodes over one store: what they refuse, what they share, and secrets replaced while they run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auth_core::auth::Auth;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::login::{Login, NewUser};
use auth_core::provider::Provider;
use auth_core::store::{
    Backend, MemoryStore, Reach, StoreResult, Stores, ThrottlePolicy, ThrottleStore,
    UserStore as _, Verdict,
};
use auth_core::testkit::Browser;
use http::StatusCode;
use serde_json::Value;

use crate::host::{
    BASE, EMAIL, Host, PASSWORD, SharedClock, authorize, authorize_url, builder, clock, host_of,
};

const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [8; 32];
const SCOPE: &str = "openid offline_access reports:read";

async fn node(store: &MemoryStore, clock: &SharedClock) -> Auth {
    Auth::builder(BASE)
        .secret(OLD)
        .store(store.clone())
        .clock(clock.clone())
        .prune_every(None)
        .login(Login::default())
        .provider(Provider::default().scope("reports:read", "Read reports"))
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_store_that_one_node_alone_sees_is_refused_when_clustered() {
    let error = builder(&clock()).clustered(true).build().await;
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("clustered"), "{error}");
    assert!(
        error.contains("users") && error.contains("memory"),
        "{error}"
    );
    // One of many is enough.
    let mut stores = Stores::from(MemoryStore::new());
    stores.throttles = Arc::new(Counting::default());
    assert_eq!(stores.node_local(), Some(("users", "memory")));
    assert!(builder(&clock()).clustered(false).build().await.is_ok());
}

/// One person and one client, who meet another node at every step.
struct Traveller {
    nodes: [Host; 2],
    steps: usize,
}

impl Traveller {
    fn next(&mut self) -> &Host {
        self.steps += 1;
        &self.nodes[self.steps % 2]
    }

    /// A form drawn by one node and accepted by the other, a code made by one and redeemed by the other, tokens of one
    /// used at the other. Everything must work.
    async fn journey(&mut self) {
        let mut browser = Browser::new(&self.next().auth);
        let page = browser.get("/auth/login").await;
        let mut browser = browser.through(&self.next().auth);
        let fields = [("email", EMAIL), ("password", PASSWORD)];
        let answer = browser.submit(&page, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let mut browser = browser.through(&self.next().auth);
        assert_eq!(browser.get("/auth/session").await.status, StatusCode::OK);
        let page = browser.visit(&authorize_url(SCOPE)).await;
        let mut browser = browser.through(&self.next().auth);
        let answer = if page.status == StatusCode::OK {
            browser.submit(&page, &[("decision", "allow")]).await
        } else {
            page
        };
        let code = answer.location_param("code").expect("a code");
        let answer = self.next().redeem(&code).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        self.use_tokens(answer.json()).await;
    }

    async fn use_tokens(&mut self, tokens: Value) {
        let mut tokens = tokens;
        for _ in 0..3 {
            let access = tokens["access_token"].as_str().unwrap().to_owned();
            let answer = self.next().userinfo(&access).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            let answer = self
                .next()
                .client_post("/oauth/introspect", &[("token", &access)])
                .await;
            assert_eq!(answer.json()["active"], true, "{}", answer.text);
            let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.as_str()),
            ];
            let lost = self.next().client_post("/oauth/token", &fields).await;
            assert_eq!(lost.status, StatusCode::OK, "{}", lost.text);
            // The answer was lost; the other node gives the same successor again.
            let again = self.next().client_post("/oauth/token", &fields).await;
            assert_eq!(again.status, StatusCode::OK, "{}", again.text);
            assert_eq!(again.json()["refresh_token"], lost.json()["refresh_token"]);
            tokens = again.json();
        }
    }
}

async fn traveller() -> (Traveller, MemoryStore, SharedClock) {
    let (store, clock) = (MemoryStore::new(), clock());
    let first = host_of(node(&store, &clock).await, &clock).await;
    let second = Host {
        auth: node(&store, &clock).await,
        clock: clock.clone(),
        events: first.events.clone(),
        alice: first.alice.clone(),
    };
    let traveller = Traveller {
        nodes: [first, second],
        steps: 0,
    };
    (traveller, store, clock)
}

#[tokio::test]
async fn secrets_are_replaced_on_running_nodes_with_no_failed_request() {
    let (mut traveller, store, clock) = traveller().await;
    traveller.journey().await;
    for secrets in [vec![OLD, NEW], vec![NEW, OLD]] {
        for node in 0..2 {
            let auth = &traveller.nodes[node].auth;
            auth.replace_secrets(&secrets).await.unwrap();
            // One node is a step ahead; then both are there.
            for _ in 0..2 {
                traveller.journey().await;
                traveller.steps += 1;
            }
        }
    }
    // Nothing that matters is sealed under the old secret any more: it can go, and a node that never had it can come.
    for host in &traveller.nodes {
        host.auth.replace_secrets([NEW]).await.unwrap();
    }
    traveller.journey().await;
    let fresh = Auth::builder(BASE)
        .secret(NEW)
        .store(store)
        .clock(clock)
        .prune_every(None)
        .login(Login::default())
        .provider(Provider::default().scope("reports:read", "Read reports"))
        .build()
        .await
        .unwrap();
    traveller.nodes[0].auth = fresh;
    traveller.journey().await;
}

#[tokio::test]
async fn what_a_dropped_secret_had_sealed_is_refused_and_not_a_fault() {
    let (mut traveller, ..) = traveller().await;
    let host = &traveller.nodes[0];
    let mut browser = host.signed_in().await;
    let tokens = host.tokens(&mut browser, SCOPE).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let lost = host.client_post("/oauth/token", &fields).await.json();
    let code = authorize(&mut browser, SCOPE).await;
    for secrets in [vec![NEW, OLD], vec![NEW]] {
        host.auth.replace_secrets(secrets).await.unwrap();
        let userinfo = host.userinfo(lost["access_token"].as_str().unwrap()).await;
        assert_eq!(userinfo.status, StatusCode::OK);
        // The client's secret is keyed anew by its use.
        let inactive = [("token", "none")];
        let answer = host.client_post("/oauth/introspect", &inactive).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    for answer in [
        host.redeem(&code).await,
        host.client_post("/oauth/token", &fields).await,
    ] {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
    traveller.nodes[1].auth = traveller.nodes[0].auth.clone();
    traveller.use_tokens(lost).await;
}

#[tokio::test]
async fn secrets_that_do_not_open_what_is_stored_are_refused_and_change_nothing() {
    let (mut traveller, ..) = traveller().await;
    let auth = traveller.nodes[0].auth.clone();
    let error = auth.replace_secrets([NEW]).await.unwrap_err().to_string();
    assert!(error.contains("secret"), "{error}");
    assert!(auth.replace_secrets(["short"]).await.is_err());
    assert!(auth.replace_secrets(Vec::<Vec<u8>>::new()).await.is_err());
    traveller.journey().await;
}

#[tokio::test]
async fn signing_keys_are_rotated_on_running_nodes_with_no_failed_request() {
    let (mut traveller, _, clock) = traveller().await;
    let mut browser = traveller.nodes[0].signed_in().await;
    let before = traveller.nodes[0].tokens(&mut browser, SCOPE).await;
    let provider = traveller.nodes[1].auth.provider().unwrap();
    provider.rotate_signing_keys().await.unwrap();
    for _ in 0..13 {
        traveller.journey().await;
        clock.advance(Duration::from_mins(1));
    }
    // What the old key signed still counts everywhere.
    traveller.use_tokens(before).await;
    let mut browser = Browser::new(&traveller.nodes[0].auth);
    let set = browser.get("/oauth/jwks").await.json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 4);
}

/// The throttles of a memory store, which counts how often it is pruned.
#[derive(Clone, Default)]
struct Counting {
    inner: MemoryStore,
    prunings: Arc<AtomicU32>,
}

#[async_trait]
impl Backend for Counting {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }
    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.prunings.fetch_add(1, Ordering::SeqCst);
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl ThrottleStore for Counting {
    async fn count_and_check(
        &self,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict> {
        self.inner.count_and_check(key, policy, now).await
    }
    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()> {
        self.inner.take_back_attempt(key).await
    }
    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()> {
        self.inner.clear_throttle(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn threat_48_one_node_at_a_time_prunes_and_another_takes_over() {
    let (store, clock) = (MemoryStore::new(), clock());
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let counting = Counting {
            inner: store.clone(),
            prunings: Arc::default(),
        };
        let prunings = Arc::clone(&counting.prunings);
        let mut stores = Stores::from(store.clone());
        stores.throttles = Arc::new(counting);
        let auth = Auth::builder(BASE)
            .secret(OLD)
            .store(stores)
            .clock(clock.clone())
            .login(Login::default())
            .build()
            .await
            .unwrap();
        nodes.push((auth, prunings));
    }
    let pass = async |minutes: u32| {
        for _ in 0..minutes * 6 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            clock.advance(Duration::from_secs(10));
        }
    };
    let count = |nodes: &[(Auth, Arc<AtomicU32>)]| -> Vec<u32> {
        let counts = nodes.iter();
        counts
            .map(|(_, count)| count.load(Ordering::SeqCst))
            .collect()
    };
    pass(20).await;
    let counts = count(&nodes);
    let holder = counts.iter().position(|count| *count > 0).unwrap();
    assert!((15..=27).contains(&counts[holder]), "{counts:?}");
    assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1);
    // It goes away.
    nodes.remove(holder);
    pass(20).await;
    let counts = count(&nodes);
    assert_eq!(
        counts.iter().filter(|count| **count > 0).count(),
        1,
        "{counts:?}"
    );
    assert!(counts.iter().sum::<u32>() >= 12, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn threat_48_a_round_leaves_nothing_that_is_due() {
    let (store, clock) = (MemoryStore::new(), clock());
    let auth = Auth::builder(BASE)
        .secret(OLD)
        .store(store.clone())
        .clock(clock.clone())
        .login(Login::default())
        .build()
        .await
        .unwrap();
    let policy = ThrottlePolicy {
        limit: 3,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let now = auth_core::ground::Clock::now(&clock);
    for number in 0..60_000_u32 {
        let key = Digest32::of(number.to_be_bytes());
        store.count_and_check(&key, &policy, now).await.unwrap();
    }
    clock.advance(Duration::from_hours(2));
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(auth.prune(1).await.unwrap(), 0);
}

#[tokio::test]
async fn threat_48_rows_stay_an_hour_for_clocks_that_are_behind() {
    let clock = clock();
    let store = MemoryStore::new();
    let auth = node(&store, &clock).await;
    let policy = ThrottlePolicy {
        limit: 3,
        window: Duration::from_mins(1),
        lock: Duration::from_mins(1),
        max_lock: Duration::from_mins(1),
    };
    let now = auth_core::ground::Clock::now(&clock);
    let key = Digest32::of("key");
    store.count_and_check(&key, &policy, now).await.unwrap();
    clock.advance(Duration::from_hours(1));
    assert_eq!(auth.prune(100).await.unwrap(), 0);
    clock.advance(Duration::from_mins(1));
    assert_eq!(auth.prune(100).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn accounts_whose_time_has_come_end_by_themselves() {
    let (store, clock) = (MemoryStore::new(), clock());
    let auth = Auth::builder(BASE)
        .secret(OLD)
        .store(store.clone())
        .clock(clock.clone())
        .login(Login::default())
        .build()
        .await
        .unwrap();
    let login = auth.login().unwrap();
    let new = NewUser {
        email: Some("ada@example.com".to_owned()),
        ..NewUser::default()
    };
    let user = login.create_user(new).await.unwrap().id;
    login.schedule_deletion(&user).await.unwrap();
    tokio::time::sleep(Duration::from_mins(20)).await;
    assert!(store.user(&user).await.unwrap().is_some());
    clock.advance(Duration::from_hours(24 * 15));
    tokio::time::sleep(Duration::from_mins(20)).await;
    assert!(store.user(&user).await.unwrap().is_none());
}
