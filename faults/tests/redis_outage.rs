//! Redis is gone, comes back empty, or does not answer, while the database works: nobody is let in, everybody is told
//! within the bound to come later, and what the database keeps still stands afterwards.

use std::sync::Arc;
use std::time::Duration;

use faults::{BOUND, Folder, Ledger, Load, Node, Person, Place, RelyingParty, blocking, until};
use test_servers::{Proxy, Redis};

const OFFLINE: &str = "openid offline_access";

/// Two nodes over a SQLite file and a Redis of their own, a person and their app.
struct House {
    redis: Redis,
    nodes: [Node; 2],
    ledger: Arc<Ledger>,
    person: Person,
    client: RelyingParty,
    _folder: Folder,
}

async fn house() -> House {
    let redis = blocking(Redis::start);
    let url = redis.url();
    house_by(redis, url).await
}

async fn house_by(redis: Redis, url: String) -> House {
    let folder = Folder::new();
    let nodes = Node::pair(&Place::sql(folder.sqlite()).with_redis(url)).await;
    let ledger = Ledger::new();
    let mut person = Person::new("ada", &nodes[0], &ledger).await;
    person.sign_in(&nodes[1]).await.done();
    House {
        client: RelyingParty::new(&ledger),
        redis,
        nodes,
        ledger,
        person,
        _folder: folder,
    }
}

impl House {
    /// Redis comes back with nothing in it, and the nodes find it.
    async fn restart_empty(&mut self) {
        blocking(|| self.redis.start_again());
        self.ledger.sessions_are_lost();
        for node in &self.nodes {
            let mut stranger = self.person.again();
            until("Redis", async || {
                !stranger.is_signed_in(node).await.is_unavailable()
            })
            .await;
        }
    }

    /// The person signs in once more, and their app gets and refreshes tokens.
    async fn everything_works(&mut self) {
        let [here, there] = &self.nodes;
        self.person.sign_in(here).await.done();
        assert!(self.person.is_signed_in(there).await.done());
        let code = self.person.authorize(there, OFFLINE).await.done();
        let tokens = self.client.redeem(here, &code).await.done();
        let tokens = self.client.refresh(there, &tokens.refresh).await.done();
        self.client.userinfo(here, &tokens.access).await.done();
        self.ledger.keep(&tokens.refresh);
        self.person.sign_out(there).await.done();
        self.ledger.settle(&self.nodes).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_between_the_code_and_its_redemption() {
    let mut house = house().await;
    let [here, there] = house.nodes.clone();
    let code = house.person.authorize(&here, OFFLINE).await.done();
    let tokens = house.client.redeem(&there, &code).await.done();
    let code = house.person.authorize(&here, OFFLINE).await.done();
    blocking(|| house.redis.stop());
    for node in [&here, &there] {
        assert!(house.client.redeem(node, &code).await.is_unavailable());
        // Nobody is taken for signed out because nobody can be asked.
        assert!(house.person.is_signed_in(node).await.is_unavailable());
        assert!(house.person.authorize(node, OFFLINE).await.is_unavailable());
    }
    // The database is all that these need: an app goes on while nobody can sign in.
    let tokens = house.client.refresh(&here, &tokens.refresh).await.done();

    house.restart_empty().await;
    let refusal = house.client.redeem(&there, &code).await.refused();
    assert_eq!(refusal.json()["error"], "invalid_grant");
    assert!(!house.person.is_signed_in(&here).await.done());
    let tokens = house.client.refresh(&there, &tokens.refresh).await.done();
    house.client.userinfo(&here, &tokens.access).await.done();
    house.ledger.keep(&tokens.refresh);
    house.everything_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_between_the_consent_page_and_the_decision() {
    let mut house = house().await;
    let [here, there] = house.nodes.clone();
    let page = house.person.ask(&here, OFFLINE).await.done();
    blocking(|| house.redis.stop());
    assert!(
        house
            .person
            .allow(&there, &page, OFFLINE)
            .await
            .is_unavailable()
    );

    house.restart_empty().await;
    // Whoever decides now has to sign in first; the decision itself went with the request it was about.
    let refusal = house.person.allow(&there, &page, OFFLINE).await.refused();
    assert!(refusal.status.is_client_error(), "{}", refusal.text);
    house.everything_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_bound_refresh_token_ends_with_the_forgotten_session() {
    let mut house = house().await;
    let [here, there] = house.nodes.clone();
    let code = house.person.authorize(&here, "openid").await.done();
    let tokens = house.client.redeem(&there, &code).await.done();
    blocking(|| house.redis.stop());
    assert!(
        house
            .client
            .refresh(&here, &tokens.refresh)
            .await
            .is_unavailable()
    );
    house.restart_empty().await;
    let refusal = house.client.refresh(&here, &tokens.refresh).await.refused();
    assert_eq!(refusal.json()["error"], "invalid_grant");
    house.everything_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_revoked_access_token_stays_revoked_when_redis_comes_back_empty() {
    let mut house = house().await;
    let [here, there] = house.nodes.clone();
    let code = house.person.authorize(&here, OFFLINE).await.done();
    let first = house.client.redeem(&there, &code).await.done();
    let second = house.client.refresh(&here, &first.refresh).await.done();
    house.client.revoke(&there, &first.access).await.done();
    blocking(|| house.redis.stop());
    // Neither is the word of a revocation lost, nor a good token refused, while Redis is gone.
    assert!(!house.client.introspect(&here, &first.access).await.done());
    house.client.userinfo(&here, &second.access).await.done();
    house.restart_empty().await;
    for node in [&here, &there] {
        let refusal = house.client.userinfo(node, &first.access).await.refused();
        assert_eq!(refusal.status, 401);
        assert!(!house.client.introspect(node, &first.access).await.done());
        house.client.userinfo(node, &second.access).await.done();
    }
    house.ledger.keep(&second.refresh);
    house.everything_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_and_resumed() {
    let redis = blocking(Redis::start);
    let proxy = Proxy::start(("127.0.0.1", redis.port()));
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let mut house = house_by(redis, url).await;
    let [here, there] = house.nodes.clone();
    let code = house.person.authorize(&here, OFFLINE).await.done();
    blocking(|| proxy.stall());
    let (redeemed, signed_in) = {
        let mut person = house.person.again();
        tokio::join!(house.client.redeem(&here, &code), async {
            person.is_signed_in(&there).await
        })
    };
    assert!(redeemed.is_unavailable() && signed_in.is_unavailable());
    // It never comes sooner than the store gives up, and always within the bound that every answer is held to.
    assert!(house.ledger.slowest() >= faults::VERB_TIMEOUT && house.ledger.slowest() < BOUND);
    proxy.resume();
    for node in [&here, &there] {
        let person = &mut house.person;
        until("the line", async || {
            !person.is_signed_in(node).await.is_unavailable()
        })
        .await;
        assert!(
            person.is_signed_in(node).await.done(),
            "what Redis keeps was not lost"
        );
    }
    // What was held back may have spent the code when it came through; twice it is never spent.
    let _ = house.client.redeem(&there, &code).await;
    house.everything_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load() {
    let mut house = house().await;
    let mut load = Load::start(&house.nodes, &house.ledger, 8).await;
    load.complete(3).await;
    blocking(|| house.redis.kill());
    load.be_refused().await;
    house.ledger.sessions_are_lost();
    blocking(|| house.redis.start_again());
    load.complete(3).await;
    load.settle().await;
    assert!(house.ledger.unavailable() >= 8 && house.ledger.sign_outs() > 0);
    house.everything_works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_but_there() {
    let redis = blocking(Redis::start);
    let proxy = Proxy::start(("127.0.0.1", redis.port()));
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let mut house = house_by(redis, url).await;
    proxy.delay(Duration::from_millis(20));
    house.everything_works().await;
    assert_eq!(house.ledger.unavailable(), 0);
}
