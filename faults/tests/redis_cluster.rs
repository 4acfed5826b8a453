//! A primary of a Redis Cluster is killed under load: its replica takes over, and what was answered still stands.

use faults::{Folder, Ledger, Load, Node, Place, blocking};
use test_servers::RedisCluster;

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_killed_and_its_replica_takes_over() {
    let mut cluster = blocking(RedisCluster::start);
    let folder = Folder::new();
    let place = Place::sql(folder.sqlite()).with_cluster(&cluster.urls());
    let nodes = Node::pair(&place).await;
    let ledger = Ledger::new();
    let mut load = Load::start(&nodes, &ledger, 8).await;
    load.complete(3).await;
    let killed = blocking(|| {
        let primary = cluster.primary_of("any key");
        cluster.kill_node(primary);
        primary
    });
    load.be_refused().await;
    blocking(|| {
        // It keeps nothing on disk: were it back before its replica took over, it would be an empty primary.
        cluster.wait_until_ok();
        // A primary that has no replica acknowledges nothing. Now there is one again.
        cluster.start_node_again(killed);
        cluster.wait_until_ok();
    });
    load.complete(4).await;
    load.settle().await;
    assert!(ledger.sign_outs() > 0 && ledger.rotations() > 0);
}
