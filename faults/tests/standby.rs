//! The primary of a PostgreSQL with a synchronous standby is killed under load, the standby promoted, and the nodes'
//! way to the database leads there from then on.

use faults::{Database as _, Ledger, Load, Node, Place, blocking};
use test_servers::{Postgres, Proxy};

#[tokio::test(flavor = "multi_thread")]
async fn the_standby_takes_over_with_nothing_lost_and_nothing_spent_twice() {
    let (mut primary, standby) = blocking(|| {
        let primary = Postgres::start();
        let standby = primary.standby();
        primary.replicate_synchronously();
        (primary, standby)
    });
    let proxy = Proxy::start(("127.0.0.1", primary.port()));
    let nodes = Node::pair(&Place::sql(primary.url_by(proxy.port()))).await;
    let ledger = Ledger::new();
    let mut load = Load::start(&nodes, &ledger, 8).await;
    load.complete(3).await;
    blocking(|| primary.kill());
    load.be_refused().await;
    blocking(|| standby.promote());
    proxy.set_upstream(("127.0.0.1", standby.port()));
    load.complete(4).await;
    load.settle().await;
    assert!(ledger.sign_outs() > 0 && ledger.rotations() > 0);
}
