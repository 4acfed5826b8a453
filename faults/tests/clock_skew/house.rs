//! Three nodes that disagree about the time.

use std::sync::Arc;
use std::time::Duration;

use auth_core::ground::{Clock as _, Timestamp};
use faults::{Folder, Ledger, Node, Person, Place, RelyingParty, TestClock};

/// How wrong a clock is.
pub(crate) const APART: Duration = Duration::from_mins(5);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const OFFLINE: &str = "openid offline_access";

pub(crate) struct House {
    /// Behind, right, ahead.
    pub(crate) nodes: [Node; 3],
    pub(crate) clocks: [TestClock; 3],
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) client: RelyingParty,
    _folder: Folder,
}

pub(crate) async fn house() -> House {
    let folder = Folder::new();
    let place = Place::sql(folder.sqlite());
    house_at(folder, place).await
}

pub(crate) async fn house_on_redis() -> House {
    let folder = Folder::new();
    let place = Place::sql(folder.sqlite()).with_redis(test_servers::redis_url());
    house_at(folder, place).await
}

pub(crate) async fn house_at(folder: Folder, place: Place) -> House {
    let clock = TestClock::by_hand();
    let clocks = [
        clock.clone().behind(APART),
        clock.clone(),
        clock.clone().ahead(APART),
    ];
    let nodes = [
        Node::with_clock(&place, &clocks[0]).await,
        Node::with_clock(&place, &clocks[1]).await,
        Node::with_clock(&place, &clocks[2]).await,
    ];
    nodes[0].register_client().await;
    let ledger = Ledger::new();
    House {
        nodes,
        clocks,
        client: RelyingParty::new(&ledger),
        ledger,
        _folder: folder,
    }
}

impl House {
    pub(crate) fn now(&self, node: usize) -> Timestamp {
        self.clocks[node].now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clocks[1].advance(by);
    }

    /// Lets time pass until it is `moment` at a node.
    pub(crate) fn advance_to(&self, node: usize, moment: Timestamp) {
        self.advance(moment.since(self.now(node)));
    }

    pub(crate) async fn person(&self, name: &str, node: usize) -> Person {
        let mut person = Person::new(name, &self.nodes[node], &self.ledger).await;
        person.sign_in(&self.nodes[node]).await.done();
        person
    }

    /// The fast node removes what it takes for expired.
    pub(crate) async fn prune(&self) {
        self.nodes[2].auth.prune(10_000).await.expect("a store");
    }
}

/// Every node with every other, and itself.
pub(crate) fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..3).flat_map(|made| (0..3).map(move |asked| (made, asked)))
}
