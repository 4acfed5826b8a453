//! A Redis Cluster.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::access::RedisAccess;
use crate::command;
use crate::port::free_port;
use crate::redis::{Redis, keeper};
use crate::wait::until;

const NODES: usize = 6;

/// A Redis Cluster of one's own: three primaries with a replica each. Nodes are told apart by their place in
/// [`RedisCluster::urls`]. A primary is missed after a second, and its replica takes over some two seconds later.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_for(&RedisAccess::default())
    }

    /// Starts one that is reached in this way.
    pub fn start_for(access: &RedisAccess) -> Self {
        let keeper = keeper(access);
        let node = |_| Redis::start_in(&keeper, access, |port| arguments(access, port));
        let cluster = Self {
            nodes: (0..NODES).map(node).collect(),
        };
        let mut create = access.cli(keeper.folder(), access.login.as_ref());
        create.args(["--cluster", "create"]);
        for node in &cluster.nodes {
            let setting = node.cli(&["CONFIG", "GET", "cluster-port"]);
            let bus = setting.lines().last().unwrap_or_default();
            create.arg(format!("127.0.0.1:{}@{bus}", node.port()));
        }
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        command::output(&mut create, "").unwrap_or_else(|error| panic!("{error}"));
        cluster.wait_until_ok();
        cluster
    }

    /// The file with the certificate of the authority that signed the nodes', in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        self.node(0).ca_certificate()
    }

    /// The files with a client's certificate and its key, of the same authority, in PEM.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        self.node(0).client_certificate()
    }

    /// Its nodes, without a login.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// The node that serves a key.
    pub fn primary_of(&self, key: &str) -> usize {
        let node = self.active().next().expect("a running node");
        let slot = node
            .cli(&["CLUSTER", "KEYSLOT", key])
            .parse()
            .expect("a slot");
        let members = members(&node.cli(&["CLUSTER", "NODES"]));
        let primary = members
            .iter()
            .find(|member| member.serves(slot))
            .expect("a node with that slot");
        let mut ports = self.nodes.iter().map(Redis::port);
        ports
            .position(|port| port == primary.port)
            .expect("a node of this cluster")
    }

    /// What `redis-cli` prints for a command to a node.
    pub fn cli(&self, node: usize, arguments: &[&str]) -> String {
        self.node(node).cli(arguments)
    }

    /// Kills a node.
    pub fn kill_node(&mut self, node: usize) {
        self.node_mut(node).kill();
    }

    /// Starts a node once more: empty, until it has what its primary has.
    pub fn start_node_again(&mut self, node: usize) {
        self.node_mut(node).start_again();
    }

    /// Freezes a node.
    pub fn pause_node(&self, node: usize) {
        self.node(node).pause();
    }

    /// Lets a node go on after [`RedisCluster::pause_node`].
    pub fn resume_node(&self, node: usize) {
        self.node(node).resume();
    }

    /// Waits until the nodes that run, and are not paused, agree on who serves what, every slot is served by one of them, and every replica
    /// among them has what its primary has.
    pub fn wait_until_ok(&self) {
        until("a working cluster", || self.is_ok());
    }

    fn is_ok(&self) -> Result<(), String> {
        let ports: Vec<u16> = self.active().map(Redis::port).collect();
        let mut agreed: Option<Vec<Member>> = None;
        for node in self.active() {
            let info = node.try_cli(&["CLUSTER", "INFO"])?;
            let replication = node.try_cli(&["INFO", "replication"])?;
            let nodes = node.try_cli(&["CLUSTER", "NODES"])?;
            let mut members = members(&nodes);
            // One that is gone is no matter, unless it is still thought to serve.
            members.retain(|member| ports.contains(&member.port) || !member.slots.is_empty());
            members.sort();
            let ok = info.contains("cluster_state:ok")
                && info.contains("cluster_slots_ok:16384")
                && (replication.contains("role:master")
                    || replication.contains("master_link_status:up"))
                && members.len() == ports.len()
                && members
                    .iter()
                    .all(|member| member.well && ports.contains(&member.port))
                && agreed.is_none_or(|agreed| agreed == members);
            if !ok {
                return Err(format!(
                    "{} says:\n{info}\n{replication}\n{nodes}",
                    node.url()
                ));
            }
            agreed = Some(members);
        }
        Ok(())
    }

    fn active(&self) -> impl Iterator<Item = &Redis> {
        self.nodes.iter().filter(|node| node.is_active())
    }

    fn node(&self, node: usize) -> &Redis {
        self.nodes.get(node).expect("one of six nodes")
    }

    fn node_mut(&mut self, node: usize) -> &mut Redis {
        self.nodes.get_mut(node).expect("one of six nodes")
    }
}

fn arguments(access: &RedisAccess, port: u16) -> Vec<OsString> {
    let bus = free_port();
    let tls = if access.tls { "yes" } else { "no" };
    let line = format!(
        "--cluster-enabled yes --cluster-config-file nodes-{port}.conf --cluster-port {bus} --tls-cluster {tls} --cluster-node-timeout 1000"
    );
    line.split(' ').map(OsString::from).collect()
}

/// A node as another sees it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    port: u16,
    primary: bool,
    well: bool,
    /// First and last of each range.
    slots: Vec<(u16, u16)>,
}

impl Member {
    fn serves(&self, slot: u16) -> bool {
        self.slots
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&slot))
    }
}

/// What `CLUSTER NODES` says.
fn members(nodes: &str) -> Vec<Member> {
    nodes.lines().filter_map(member).collect()
}

fn member(line: &str) -> Option<Member> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, address, flags, _, _, _, _, _, slots @ ..] = fields.as_slice() else {
        return None;
    };
    let (_, port) = address.split('@').next()?.rsplit_once(':')?;
    let range = |slots: &&str| {
        let (first, last) = slots.split_once('-').unwrap_or((*slots, *slots));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    Some(Member {
        port: port.parse().ok()?,
        primary: flags.contains("master"),
        well: !flags.contains("fail") && !flags.contains("handshake"),
        slots: slots.iter().filter_map(range).collect(),
    })
}
