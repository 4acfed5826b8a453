//! PostgreSQL hangs, or answers slowly, and a person who knows their password tries again and again: that is not held
//! against them. The throttles are those the product has by itself.
#![expect(clippy::expect_used, reason = "test code")]

use std::sync::Arc;
use std::time::Duration;

use auth_core::store::{ClientId, Stores};
use auth_core::testkit::Browser;
use faults::{Database as _, Ledger, Node, Person, Place, Step, VERB_TIMEOUT, blocking, until};
use http::StatusCode;
use test_servers::{Postgres, Proxy};

/// One more than the attempts an account has.
const TRIES: u32 = 6;

struct House {
    stores: Stores,
    node: Node,
    person: Person,
}

impl House {
    /// A node at the database by way of the proxy, and somebody with an account.
    async fn of(server: &Postgres, proxy: &Proxy) -> Self {
        let stores = Place::sql(server.url_by(proxy.port())).open().await;
        let node = Node::throttled(stores.clone()).await;
        let person = Person::new("ada", &node, &Ledger::new()).await;
        Self {
            stores,
            node,
            person,
        }
    }

    /// Opens as many connections as the pool may have: a request that is given up in the middle of a statement takes
    /// one with it, and the next is to find another.
    async fn connect(&self) {
        let reads: Vec<_> = (0..32)
            .map(|_| {
                let clients = Arc::clone(&self.stores.clients);
                tokio::spawn(async move { clients.client(&ClientId::new("nobody")).await })
            })
            .collect();
        for read in reads {
            let _ = read.await.expect("a read");
        }
    }

    /// They try, and are gone after a while. None when they did not wait for the answer.
    async fn leave_after(&self, patience: Duration) -> Option<Step<()>> {
        let mut person = self.person.again();
        let trying = person.sign_in(&self.node);
        tokio::time::timeout(patience, trying).await.ok()
    }

    /// The database answers again, and so does the node: with a session, and as often as they like.
    async fn signs_in(&self) {
        until("an answer of the database", async || {
            let mut person = self.person.again();
            !person.is_signed_in(&self.node).await.is_unavailable()
        })
        .await;
        for _ in 0..TRIES {
            self.person.again().sign_in(&self.node).await.done();
        }
    }
}

fn server() -> (Postgres, Proxy) {
    let server = blocking(Postgres::start);
    let proxy = Proxy::start(("127.0.0.1", server.port()));
    (server, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_while_the_database_hangs_is_not_locked_out() {
    let (server, proxy) = server();
    let house = House::of(&server, &proxy).await;
    blocking(|| proxy.stall());
    for attempt in 0..TRIES {
        if attempt % 2 == 0 {
            let left = house.leave_after(VERB_TIMEOUT / 8).await;
            assert!(left.is_none(), "answered: {left:?}");
        } else {
            let answer = house.person.again().sign_in(&house.node).await;
            assert!(answer.is_unavailable(), "{answer:?}");
        }
    }
    proxy.resume();
    house.signs_in().await;
}

/// Each of them always leaves at the same moment, one in the middle of every statement.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_the_database_is_slow_is_not_locked_out() {
    let (server, proxy) = server();
    let mut houses = Vec::new();
    for _ in 0..8 {
        houses.push(House::of(&server, &proxy).await);
    }
    // A statement takes four of them on a connection that does not know it yet.
    let delay = VERB_TIMEOUT / 40;
    proxy.delay(delay);
    let trying = houses.into_iter().zip(1..).map(|(house, moment)| {
        tokio::spawn(async move {
            house.connect().await;
            for _ in 0..TRIES {
                let patience = delay * (4 * moment - 1);
                let came = house.leave_after(patience).await;
                let refused = matches!(came, Some(Step::Refused(_)));
                assert!(!refused, "after {patience:?}: {came:?}");
            }
            house
        })
    });
    let trying: Vec<_> = trying.collect();
    let mut houses = Vec::new();
    for house in trying {
        houses.push(house.await.expect("nobody who is refused"));
    }
    proxy.delay(Duration::ZERO);
    for house in houses {
        house.signs_in().await;
    }
}

/// As it has to be for the tests above to say anything.
#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_is_locked_out() {
    let (server, proxy) = server();
    let house = House::of(&server, &proxy).await;
    let mut statuses = Vec::new();
    for _ in 0..TRIES {
        let mut browser = Browser::new(&house.node.auth);
        let page = browser.get("/auth/login").await;
        let fields = [
            ("email", house.person.email()),
            ("password", "a guess of theirs"),
        ];
        statuses.push(browser.submit(&page, &fields).await.status);
    }
    let (last, first) = statuses.split_last().expect("answers");
    assert!(
        first
            .iter()
            .all(|status| *status == StatusCode::UNAUTHORIZED)
    );
    assert_eq!(*last, StatusCode::TOO_MANY_REQUESTS);
}
