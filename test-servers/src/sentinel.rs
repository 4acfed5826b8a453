//! Redis under Sentinel.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::access::RedisAccess;
use crate::redis::{Redis, keeper, program};
use crate::server::{Kind, Server};
use crate::wait::until;

const SENTINEL: Kind = Kind {
    name: "Redis Sentinel",
    ready: "+monitor master",
    stop: "TERM",
    end: "KILL",
};

/// A Redis primary and its replica, watched by three sentinels that make the replica the primary when the primary is
/// gone for a second.
#[derive(Debug)]
pub struct RedisSentinel {
    sentinels: Vec<Server>,
    nodes: Vec<Redis>,
    access: RedisAccess,
}

impl RedisSentinel {
    /// What the sentinels call the primary.
    pub const NAME: &str = "main";

    /// Starts them.
    pub fn start() -> Self {
        Self::start_for(&RedisAccess::default())
    }

    /// Starts them so that they are reached in this way.
    pub fn start_for(access: &RedisAccess) -> Self {
        let keeper = keeper(access);
        let primary = Redis::start_in(&keeper, access, |_| Vec::new());
        let port = primary.port();
        let replica = Redis::start_in(&keeper, access, |_| {
            [
                "--replicaof".into(),
                "127.0.0.1".into(),
                port.to_string().into(),
            ]
            .into()
        });
        let program = program("redis-server", "redis-server").path();
        let sentinel = |_| {
            Server::start(&SENTINEL, &keeper, |own| {
                let file = keeper.folder().join(format!("sentinel-{own}.conf"));
                fs::write(&file, configuration(port, access)).expect("room");
                let mut command: Vec<OsString> =
                    vec![program.clone().into(), file.into(), "--sentinel".into()];
                command.extend(["--bind".into(), "127.0.0.1".into()]);
                command.extend(access.sentinel(keeper.folder(), own));
                command
            })
        };
        let all = Self {
            sentinels: (0..3).map(sentinel).collect(),
            nodes: vec![primary, replica],
            access: access.clone(),
        };
        all.wait_until_ok();
        all
    }

    /// The file with the certificate of the authority that signed the servers' and the sentinels', in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        self.node().ca_certificate()
    }

    /// The files with a client's certificate and its key, of the same authority, in PEM.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        self.node().client_certificate()
    }

    /// The sentinels, without a login.
    pub fn urls(&self) -> Vec<String> {
        let scheme = self.access.scheme();
        let url = |sentinel: &Server| format!("{scheme}://127.0.0.1:{}", sentinel.port());
        self.sentinels.iter().map(url).collect()
    }

    /// The primary, of those that run.
    pub fn primary_url(&self) -> String {
        self.primary().expect("a primary").url()
    }

    /// Kills the primary.
    pub fn kill_primary(&mut self) {
        let port = self.primary().expect("a primary").port();
        let mut nodes = self.nodes.iter_mut();
        nodes
            .find(|node| node.port() == port)
            .expect("a node")
            .kill();
    }

    /// Starts once more what was killed; it becomes a replica.
    pub fn start_again(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| !node.is_active()) {
            node.start_again();
        }
    }

    /// Waits until the sentinels know each other and agree on a primary that runs, and that a replica that runs
    /// follows.
    pub fn wait_until_ok(&self) {
        until("a primary the sentinels agree on", || {
            let primary = self.primary().ok_or("no node is the primary")?;
            for sentinel in &self.sentinels {
                self.agrees(sentinel, primary)?;
            }
            for replica in self.active().filter(|node| node.port() != primary.port()) {
                let replication = replica.try_cli(&["INFO", "replication"])?;
                let follows = format!("master_port:{}\r", primary.port());
                if !replication.contains(&follows) || !replication.contains("master_link_status:up")
                {
                    return Err(replication);
                }
            }
            Ok(())
        });
    }

    fn agrees(&self, sentinel: &Server, primary: &Redis) -> Result<(), String> {
        let said = self.ask(sentinel)?;
        let mut lines = said.lines();
        let pairs: Vec<_> = std::iter::from_fn(|| Some((lines.next()?, lines.next()?))).collect();
        let port = primary.port().to_string();
        let expected = [
            ("port", port.as_str()),
            ("flags", "master"),
            ("num-slaves", "1"),
            ("num-other-sentinels", "2"),
        ];
        if expected.iter().all(|pair| pairs.contains(pair)) {
            Ok(())
        } else {
            Err(format!("a sentinel says:\n{said}"))
        }
    }

    fn ask(&self, sentinel: &Server) -> Result<String, String> {
        let login = self.access.sentinel_login.as_ref();
        let question = ["SENTINEL", "MASTER", Self::NAME];
        self.access
            .ask(sentinel.folder(), login, sentinel.port(), &question)
    }

    fn primary(&self) -> Option<&Redis> {
        self.active().find(|node| {
            let replication = node.try_cli(&["INFO", "replication"]);
            replication.is_ok_and(|replication| replication.contains("role:master"))
        })
    }

    fn node(&self) -> &Redis {
        self.nodes.first().expect("a node")
    }

    fn active(&self) -> impl Iterator<Item = &Redis> {
        self.nodes.iter().filter(|node| node.is_active())
    }
}

fn configuration(port: u16, access: &RedisAccess) -> String {
    let name = RedisSentinel::NAME;
    let logins = access.sentinel_lines(name);
    format!(
        "sentinel monitor {name} 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds {name} 1000\n\
         sentinel failover-timeout {name} 3000\n\
         {logins}"
    )
}
