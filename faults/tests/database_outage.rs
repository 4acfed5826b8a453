//! The database is stopped, killed or cut off while eight people and their app are at work on two nodes: whoever was
//! told yes is still told yes afterwards, nothing is let in, and it goes on by itself.

use faults::{Database, Ledger, Load, Node, Place, blocking};
use test_servers::{MariaDb, Postgres, Proxy};

const WORKERS: usize = 8;

/// Load on two nodes that reach the database directly.
async fn at_work<D: Database>(database: &D) -> Load {
    working_by(database, database.port()).await
}

async fn working_by<D: Database>(database: &D, port: u16) -> Load {
    let nodes = Node::pair(&Place::sql(database.url_by(port))).await;
    let mut load = Load::start(&nodes, &Ledger::new(), WORKERS).await;
    load.complete(3).await;
    load
}

async fn goes_on(mut load: Load) {
    load.complete(4).await;
    load.settle().await;
}

async fn stopped_and_started_again<D: Database>() {
    let mut database = blocking(D::start_fast);
    let mut load = at_work(&database).await;
    blocking(|| database.stop());
    load.be_refused().await;
    blocking(|| database.start_again());
    goes_on(load).await;
}

async fn killed_and_recovered<D: Database>() {
    let mut database = blocking(D::start_durable);
    let mut load = at_work(&database).await;
    blocking(|| database.kill());
    load.be_refused().await;
    blocking(|| database.start_again());
    goes_on(load).await;
}

async fn stalled_and_resumed<D: Database>() {
    let database = blocking(D::start_fast);
    let proxy = Proxy::start(("127.0.0.1", database.port()));
    let mut load = working_by(&database, proxy.port()).await;
    blocking(|| proxy.stall());
    load.be_refused().await;
    proxy.resume();
    goes_on(load).await;
}

async fn cut_off_and_restored<D: Database>() {
    let database = blocking(D::start_fast);
    let proxy = Proxy::start(("127.0.0.1", database.port()));
    let mut load = working_by(&database, proxy.port()).await;
    proxy.cut();
    load.be_refused().await;
    proxy.restore();
    goes_on(load).await;
}

macro_rules! script {
    ($name:ident: $database:ty) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn stopped_and_started_again() {
                super::stopped_and_started_again::<$database>().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn killed_and_recovered() {
                super::killed_and_recovered::<$database>().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn stalled_and_resumed() {
                super::stalled_and_resumed::<$database>().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn cut_off_and_restored() {
                super::cut_off_and_restored::<$database>().await;
            }
        }
    };
}

script!(postgresql: Postgres);
script!(mariadb: MariaDb);
