//! A provider's tokens, handed to the host.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::email_kit::unlimited;
use super::federation_kit::*;
use super::harness::*;
use crate::ground::{Clock as _, ManualClock, Timestamp};
use crate::login::{Upstream, UpstreamTokensError};
use crate::store::{
    Backend, LeaseStore, MemoryStore, Reach, StoreError, StoreResult, Stores, UserId,
};
use crate::testkit::upstream::{FakeProvider, FakeReply};

/// After this a provider that did not answer is asked again.
const PAUSE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn tokens_are_kept_sealed_where_the_operator_says_so() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    let tokens = tokens.expect("answer").expect("tokens");
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    let sealed = identity.tokens.expect("kept");
    let plain = tokens.access_token.as_bytes();
    assert!(!sealed.windows(plain.len()).any(|window| window == plain));
    let unknown = house.wing.upstream_tokens(&user, "nobody").await;
    assert!(matches!(unknown, Err(UpstreamTokensError::UnknownUpstream)));

    let (house, there) = house_with(Upstream::trust_email).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let none = house
        .wing
        .upstream_tokens(&user, "corp")
        .await
        .expect("answer");
    assert!(none.is_none(), "not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_callers_one_renews_the_token() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    there.bend(|faults| faults.rotates_refresh_tokens = true);
    let house: &'static House = Box::leak(Box::new(house));
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let before = house.wing.upstream_tokens(&user, "corp").await;
    let before = before.expect("answer").expect("tokens");
    let life = before
        .expires_at
        .expect("life")
        .since(crate::ground::Clock::now(&*house.clock));
    house
        .clock
        .advance(life.saturating_sub(Duration::from_secs(20)));
    let asked = there.hits("/token");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let user = user.clone();
        tasks.spawn(async move {
            let tokens = house.wing.upstream_tokens(&user, "corp").await;
            tokens
                .expect("answer")
                .expect("tokens")
                .access_token
                .to_string()
        });
    }
    let all = tasks.join_all().await;
    assert_eq!(there.hits("/token"), asked + 1);
    assert!(
        all.iter()
            .all(|token| *token == all[0] && *token != *before.access_token)
    );
}

#[tokio::test]
async fn a_provider_that_is_down_costs_nothing_while_the_token_lives_and_an_end_is_an_end() {
    let (house, there) = house_with(|corp| corp.trust_email().keep_tokens()).await;
    let mut browser = house.browser();
    browser.sign_in_with("corp", &there, &ada()).await;
    let user = browser.user_id().await.expect("user");
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    let end = tokens
        .expect("answer")
        .expect("tokens")
        .expires_at
        .expect("life");
    let left = end.since(crate::ground::Clock::now(&*house.clock));
    house
        .clock
        .advance(left.saturating_sub(Duration::from_secs(10)));
    there.bend(|faults| faults.down = true);
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    assert!(
        tokens.expect("answer").is_some(),
        "it is good for ten seconds"
    );
    house.clock.advance(Duration::from_secs(10));
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    assert!(matches!(tokens, Err(UpstreamTokensError::Unavailable(_))));
    // Refused for good: forgotten.
    there.straighten();
    house.clock.advance(PAUSE);
    let body = serde_json::json!({ "error": "invalid_grant" });
    let reply = FakeReply::json(400, &body);
    there.bend(|faults| {
        faults.reply("/token", reply);
    });
    let tokens = house.wing.upstream_tokens(&user, "corp").await;
    assert!(tokens.expect("answer").is_none());
    let identity = house.identity(&there, "ada-there").await.expect("linked");
    assert_eq!(identity.tokens, None);
}

/// Two nodes on one store, and a person of whom both keep tokens that end in a few seconds.
struct Nodes {
    houses: [&'static House; 2],
    there: &'static FakeProvider,
    user: UserId,
}

impl Nodes {
    async fn start() -> Self {
        let clock = House::midday();
        let there: &'static FakeProvider = Box::leak(Box::new(provider(&clock).await));
        there.bend(|faults| {
            faults.rotates_refresh_tokens = true;
            faults.revokes_on_reuse = true;
        });
        Self::on(MemoryStore::new().into(), clock, there).await
    }

    async fn on(stores: Stores, clock: Arc<ManualClock>, there: &'static FakeProvider) -> Self {
        let house = || {
            let corp = upstream("corp", there).trust_email().keep_tokens();
            let login = unlimited(settings()).sign_in_with([corp]);
            &*Box::leak(Box::new(House::build_at(
                clock.clone(),
                login,
                stores.clone(),
            )))
        };
        let houses = [house(), house()];
        let mut browser = houses[0].browser();
        browser.sign_in_with("corp", there, &ada()).await;
        let user = browser.user_id().await.expect("user");
        let nodes = Self {
            houses,
            there,
            user,
        };
        nodes.almost_end().await;
        nodes
    }

    /// Moves the clock to where the tokens are about to end.
    async fn almost_end(&self) {
        let house = self.houses[0];
        let tokens = house.wing.upstream_tokens(&self.user, "corp").await;
        let tokens = tokens.expect("answer").expect("tokens");
        let left = tokens.expires_at.expect("life").since(house.clock.now());
        house
            .clock
            .advance(left.saturating_sub(Duration::from_secs(20)));
    }

    async fn token(&self, node: usize) -> Option<String> {
        token_at(self.houses[node], &self.user).await
    }
}

async fn token_at(house: &House, user: &UserId) -> Option<String> {
    let tokens = house.wing.upstream_tokens(user, "corp").await;
    let tokens = tokens.expect("answer")?;
    Some(tokens.access_token.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_callers_on_two_nodes_one_renews_the_token() {
    let nodes = Nodes::start().await;
    for round in 1..=4 {
        let asked = nodes.there.hits("/token");
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..32 {
            let (house, user) = (nodes.houses[at % 2], nodes.user.clone());
            tasks.spawn(async move { token_at(house, &user).await });
        }
        let all = tasks.join_all().await;
        assert_eq!(nodes.there.hits("/token"), asked + 1, "{round}");
        assert!(all[0].is_some(), "{round}");
        assert!(all.iter().all(|token| *token == all[0]), "{round}: {all:?}");
        nodes.almost_end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_does_not_lose_the_renewed_token() {
    let nodes = Nodes::start().await;
    let asked = nodes.there.hits("/token");
    let held = nodes.there.hold("/token");
    let (house, user) = (nodes.houses[0], nodes.user.clone());
    let caller = tokio::spawn(async move { token_at(house, &user).await });
    nodes.there.reached("/token", asked + 1).await;
    caller.abort();
    assert!(caller.await.expect_err("aborted").is_cancelled());
    drop(held);
    // The refresh token was spent: whoever asks next finds what came for it, and spends nothing twice.
    assert!(nodes.token(0).await.is_some());
    assert!(nodes.token(1).await.is_some());
    assert_eq!(nodes.there.hits("/token"), asked + 1);
}

/// A node that stalled past its turn is told that its refresh token is spent: what another node got meanwhile stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_too_late_forgets_nothing_of_anothers() {
    let nodes = Nodes::start().await;
    let identity = nodes.houses[0].identity(nodes.there, "ada-there").await;
    let identity = identity.expect("linked");
    let asked = nodes.there.hits("/token");
    let refused = FakeReply::json(400, &serde_json::json!({ "error": "invalid_grant" }));
    nodes.there.bend(|faults| faults.reply("/token", refused));
    let held = nodes.there.hold("/token");
    let (house, user) = (nodes.houses[0], nodes.user.clone());
    let late = tokio::spawn(async move { token_at(house, &user).await });
    nodes.there.reached("/token", asked + 1).await;
    // Another node has replaced them, as after a new sign-in.
    nodes.there.straighten();
    let mut browser = nodes.houses[1].browser();
    nodes.there.release("/token");
    browser.sign_in_with("corp", nodes.there, &ada()).await;
    drop(held);
    let fresh = nodes.token(1).await;
    assert!(fresh.is_some());
    assert_eq!(late.await.expect("answer"), fresh);
    let after = nodes.houses[0].identity(nodes.there, "ada-there").await;
    assert_ne!(after.expect("linked").tokens, identity.tokens);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_waits_for_its_provider_holds_nobody_up() {
    let nodes = Nodes::start().await;
    let (house, there) = (nodes.houses[0], nodes.there);
    let bob = crate::testkit::upstream::FakePerson::new("bob-there").email(BOB, true);
    let asked = there.hits("/token");
    let held = there.hold("/token");
    let user = nodes.user.clone();
    let renewal = tokio::spawn(async move { token_at(house, &user).await });
    there.reached("/token", asked + 1).await;
    there.release("/token");
    // The answer to the renewal is still out; neither a stranger nor the same person waits for it at the door.
    let (mut ada, _) = enter(house, there, &ada()).await;
    let (mut bob, _) = enter(house, there, &bob).await;
    assert!(ada.is_signed_in().await && bob.is_signed_in().await);
    assert!(!renewal.is_finished());
    drop(held);
    assert!(renewal.await.expect("answer").is_some());
}

/// All of them ask while the provider hangs, and it never answers with tokens.
async fn of_32_that_wait(nodes: &Nodes) -> Vec<Result<Option<String>, UpstreamTokensError>> {
    let asked = nodes.there.hits("/token");
    let held = nodes.there.hold("/token");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (house, user) = (nodes.houses[0], nodes.user.clone());
        tasks.spawn(async move {
            let tokens = house.wing.upstream_tokens(&user, "corp").await?;
            Ok(tokens.map(|tokens| tokens.access_token.to_string()))
        });
    }
    nodes.there.reached("/token", asked + 1).await;
    drop(held);
    let all = tasks.join_all().await;
    assert_eq!(nodes.there.hits("/token"), asked + 1, "one waited for it");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_callers_one_waits_for_a_provider_that_does_not_answer() {
    let nodes = Nodes::start().await;
    let (house, there) = (nodes.houses[0], nodes.there);
    let kept = house.identity(there, "ada-there").await.expect("linked");
    let down = FakeReply::json(503, &serde_json::json!({}));
    there.bend(|faults| faults.reply("/token", down));
    // Good for some seconds: all are given it.
    let all = of_32_that_wait(&nodes).await;
    let first = all[0].as_ref().expect("answer").clone();
    assert!(first.is_some());
    for answer in &all {
        assert_eq!(answer.as_ref().expect("answer"), &first);
    }
    // It has ended: all are told so.
    house.clock.advance(Duration::from_mins(1));
    for answer in of_32_that_wait(&nodes).await {
        assert!(matches!(answer, Err(UpstreamTokensError::Unavailable(_))));
    }
    // And when the provider is back, it is soon asked again. The refresh token was not lost.
    there.straighten();
    let asked = there.hits("/token");
    let tokens = house.wing.upstream_tokens(&nodes.user, "corp").await;
    assert!(matches!(tokens, Err(UpstreamTokensError::Unavailable(_))));
    assert_eq!(there.hits("/token"), asked);
    let after = house.identity(there, "ada-there").await.expect("linked");
    assert_eq!(after.tokens, kept.tokens);
    house.clock.advance(PAUSE);
    let renewed = nodes.token(0).await;
    assert!(renewed.is_some() && renewed != first);
}

/// Leases of which those of renewals cannot be given back.
struct Stuck(MemoryStore);

#[async_trait]
impl Backend for Stuck {
    fn reach(&self) -> Reach {
        self.0.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.0.prune(now, limit).await
    }
}

#[async_trait]
impl LeaseStore for Stuck {
    async fn hold_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<bool> {
        self.0.hold_lease(name, holder, now, until).await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> StoreResult<()> {
        if name.starts_with("tokens:") {
            return Err(StoreError::corrupt("lease", "out of reach"));
        }
        self.0.release_lease(name, holder).await
    }
}

#[tokio::test]
async fn a_lease_that_is_not_given_back_costs_no_renewed_token() {
    let clock = House::midday();
    let there: &'static FakeProvider = Box::leak(Box::new(provider(&clock).await));
    there.bend(|faults| faults.rotates_refresh_tokens = true);
    let inner = MemoryStore::new();
    let mut stores = Stores::from(inner.clone());
    stores.leases = Arc::new(Stuck(inner));
    let nodes = Nodes::on(stores, clock, there).await;
    let asked = there.hits("/token");
    let renewed = nodes.token(0).await;
    assert!(renewed.is_some());
    assert_eq!(there.hits("/token"), asked + 1);
    assert_eq!(nodes.token(1).await, renewed);
}
