//! A cluster: the nodes, and who serves which slot.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::{ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::map::Map;
use super::node::{Failure, Node, Place, Request};
use super::slots::{Range, ranges};
use crate::address::{HostPort, invalid, moved};

/// How often a request is sent on to another node.
const MOST_HOPS: usize = 5;
/// The nodes are not asked again for who serves what within this time.
const ASK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Cluster {
    seeds: Vec<HostPort>,
    /// How to talk to a node, wherever it is.
    template: ConnectionInfo,
    timeout: Duration,
    map: RwLock<Arc<Map>>,
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl Cluster {
    pub(super) async fn open(
        seeds: Vec<ConnectionInfo>,
        timeout: Duration,
    ) -> RedisResult<Arc<Self>> {
        let template = seeds
            .first()
            .cloned()
            .ok_or_else(|| invalid("no node is named"))?;
        let seeds = seeds.iter().map(HostPort::of);
        let cluster = Arc::new(Self {
            seeds: seeds.collect::<RedisResult<_>>()?,
            template,
            timeout,
            map: RwLock::default(),
            asked: tokio::sync::Mutex::default(),
        });
        cluster.refresh(None).await?;
        Ok(cluster)
    }

    pub(super) async fn send(
        self: &Arc<Self>,
        key: &str,
        request: &Request,
    ) -> RedisResult<Vec<Value>> {
        let mut map = self.map();
        if map.primary(key).is_none() {
            // As of a moment when nobody served the slot.
            Box::pin(self.refresh(None)).await?;
            map = self.map();
        }
        let mut at = map.primary(key).cloned();
        let mut asking = false;
        for _ in 0..MOST_HOPS {
            let Some(host) = at else {
                break;
            };
            let failure = match self.node(&map, &host).send(request, asking).await {
                Ok(answers) => return Ok(answers),
                Err(failure) => failure,
            };
            asking = false;
            let error = match failure {
                Failure::Sent(error) if !is_refusal(&error) => return Err(error),
                Failure::Sent(error) | Failure::Unsent(error) => error,
            };
            let sent_on = error
                .redirect_node()
                .and_then(|(to, _)| HostPort::said_by(&host, to));
            let asked = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
            if asked && sent_on.is_some() {
                // This key alone, while its slot moves.
                (at, asking) = (sent_on, true);
                continue;
            }
            // That it may fail is no harm: the old map stands.
            let _: RedisResult<()> = Box::pin(self.refresh(Some(&host))).await;
            map = self.map();
            at = sent_on.or_else(|| map.primary(key).cloned());
            if at.as_ref() == Some(&host) {
                return Err(error);
            }
        }
        Err((
            ErrorKind::ClusterConnectionNotFound,
            "no node serves the key",
        )
            .into())
    }

    pub(super) fn doubt(self: &Arc<Self>, key: &str, began: Instant) {
        let map = self.map();
        let Some(host) = map.primary(key).cloned() else {
            return;
        };
        if let Some(node) = map.node(&host) {
            node.doubt(began);
        }
        // A replica may have taken the place of a node that hangs; nobody waits for word of it.
        let cluster = Arc::clone(self);
        tokio::spawn(async move { cluster.refresh(Some(&host)).await.is_ok() });
    }

    /// Deals out items by the primary of their key, as far as it is known.
    pub(super) fn by_primary<T>(
        &self,
        items: Vec<T>,
        key_of: impl Fn(&T) -> String,
    ) -> Vec<Vec<T>> {
        let map = self.map();
        let mut dealt: HashMap<Option<&HostPort>, Vec<T>> = HashMap::new();
        for item in items {
            let primary = map.primary(&key_of(&item));
            dealt.entry(primary).or_default().push(item);
        }
        dealt.into_values().collect()
    }

    /// Who serves what, asked just now.
    pub(super) async fn fresh_map(&self) -> RedisResult<Arc<Map>> {
        let mut asked = self.asked.lock().await;
        self.ask_nodes(None).await?;
        *asked = Some(Instant::now());
        Ok(self.map())
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn node(&self, map: &Map, host: &HostPort) -> Arc<Node> {
        // A node that the map does not have yet: for this request alone.
        map.node(host)
            .map_or_else(|| self.new_node(host), Arc::clone)
    }

    fn new_node(&self, host: &HostPort) -> Arc<Node> {
        let place = Place::Server(moved(&self.template, host));
        Arc::new(Node::new(place, self.timeout))
    }

    /// Asks who serves what; not `except`, which is in doubt.
    async fn refresh(&self, except: Option<&HostPort>) -> RedisResult<()> {
        let before = self.map();
        let mut asked = self.asked.lock().await;
        if !Arc::ptr_eq(&before, &self.map()) {
            // Another asked meanwhile.
            return Ok(());
        }
        if asked.is_some_and(|asked| asked.elapsed() < ASK_EVERY) {
            return Ok(());
        }
        let answer = tokio::time::timeout(self.timeout, self.ask_nodes(except)).await;
        *asked = Some(Instant::now());
        answer.unwrap_or_else(|_| Err((ErrorKind::Io, "no node answered").into()))
    }

    async fn ask_nodes(&self, except: Option<&HostPort>) -> RedisResult<()> {
        let map = self.map();
        let hosts: HashSet<&HostPort> = map.hosts().chain(&self.seeds).collect();
        let mut asked = JoinSet::new();
        for host in hosts {
            if Some(host) != except || map.hosts().count() <= 1 {
                let (host, node) = (host.clone(), self.node(&map, host));
                asked.spawn(async move { (ask(&node).await, host) });
            }
        }
        let mut why = RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node answered"));
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((Ok(answer), host)) => {
                    if let Some(ranges) = ranges(answer, &host) {
                        self.install(&map, ranges);
                        return Ok(());
                    }
                }
                Ok((Err(error), _)) => why = error,
                // The task is gone with the runtime.
                Err(_) => {}
            }
        }
        Err(why)
    }

    fn install(&self, before: &Map, ranges: Vec<Range>) {
        let hosts: HashSet<&HostPort> = ranges.iter().flat_map(|range| &range.nodes).collect();
        let nodes = hosts
            .into_iter()
            // What is known stays, with its connections.
            .map(|host| (host.clone(), self.node(before, host)))
            .collect();
        let map = Map::new(ranges, nodes);
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
    }
}

/// The node did nothing, since it is not, or not now, the one for the key.
fn is_refusal(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
    match error.kind() {
        ErrorKind::Server(kind) => [
            Ask,
            BusyLoading,
            ClusterDown,
            MasterDown,
            Moved,
            ReadOnly,
            TryAgain,
        ]
        .contains(&kind),
        _ => false,
    }
}

async fn ask(node: &Node) -> RedisResult<Value> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    let answers = node.send(&Request::new(question), false).await?;
    Ok(answers.into_iter().next().unwrap_or(Value::Nil))
}
