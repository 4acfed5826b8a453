//! The connection, with a bound on every wait.

mod cluster;
mod lane;
mod map;
mod node;
mod sentinel;
mod slots;
mod verb;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use auth_core::store::{SessionId, StoreError, StoreResult};
use cluster::Cluster;
use node::{Node, Place, Request};
use redis::{RedisResult, Value};
use tokio::time::Instant;

use crate::address::Address;
use crate::builder::RedisStoreBuilder;
use crate::watch::Watch;

pub(crate) use lane::connect;
pub(crate) use map::Map;
pub(crate) use sentinel::is_primary;
pub(crate) use slots::primaries;
pub(crate) use verb::Verb;

#[derive(Clone)]
pub(crate) struct Connection {
    link: Link,
    timeout: Duration,
    replicas: u32,
}

#[derive(Clone)]
enum Link {
    Node(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl Connection {
    pub(crate) async fn open(address: Address, settings: &RedisStoreBuilder) -> StoreResult<Self> {
        let timeout = settings.timeout;
        let open = async {
            Ok(match address {
                Address::Server(info) => Link::node(Place::Server(info), timeout).await?,
                Address::Sentinel(address) => {
                    Link::node(Place::Sentinels(address), timeout).await?
                }
                Address::Cluster(seeds) => Link::Cluster(Cluster::open(seeds, timeout).await?),
            })
        };
        Ok(Self {
            link: bounded(timeout, Box::pin(open)).await?,
            timeout,
            replicas: settings.replicas,
        })
    }

    /// Starts the clock of a verb.
    pub(crate) fn verb(&self) -> Verb<'_> {
        Verb::new(self)
    }

    /// Whether what decides waits for replicas.
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.replicas > 0
    }

    /// Deals out items by the server of their key: so that one that is slow or gone holds up none of another's.
    pub(crate) fn by_server<T>(&self, items: Vec<T>, key_of: impl Fn(&T) -> String) -> Vec<Vec<T>> {
        match &self.link {
            Link::Node(_) => vec![items],
            Link::Cluster(cluster) => cluster.by_primary(items, key_of),
        }
    }

    /// Watches a channel; `key_of` names the key whose change a message tells of.
    pub(crate) async fn watch(
        &self,
        channel: String,
        key_of: impl Fn(&SessionId) -> String + Send + 'static,
    ) -> StoreResult<Watch> {
        let open = async {
            match &self.link {
                Link::Node(node) => {
                    let (info, check) = node.to_watch().await?;
                    Watch::on_node(&info, check, &channel, self.timeout).await
                }
                Link::Cluster(cluster) => {
                    let map = cluster.fresh_map().await?;
                    Watch::on_cluster(map, &channel, self.timeout, Box::new(key_of)).await
                }
            }
        };
        bounded(self.timeout, Box::pin(open)).await
    }
}

impl Link {
    async fn node(place: Place, timeout: Duration) -> RedisResult<Self> {
        let node = Node::new(place, timeout);
        node.greet().await?;
        Ok(Self::Node(Arc::new(node)))
    }

    async fn send(&self, key: &str, request: &Request) -> RedisResult<Vec<Value>> {
        match self {
            Self::Node(node) => Ok(node.send(request, false).await?),
            Self::Cluster(cluster) => cluster.send(key, request).await,
        }
    }

    /// No answer came in time to what began at `began`: the connection may be dead without a sign of it, or the server
    /// may have lost its place to another.
    fn doubt(&self, key: &str, began: Instant) {
        match self {
            Self::Node(node) => node.doubt(began),
            Self::Cluster(cluster) => cluster.doubt(key, began),
        }
    }
}

pub(crate) async fn bounded<T>(
    timeout: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> StoreResult<T> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => answer.map_err(StoreError::unavailable),
        Err(elapsed) => Err(StoreError::unavailable(elapsed)),
    }
}
