//! Redis.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::access::RedisAccess;
use crate::certificate;
use crate::keeper::Keeper;
use crate::program::Program;
use crate::server::{Kind, Server};

pub(crate) const KIND: Kind = Kind {
    name: "Redis",
    ready: "Ready to accept connections",
    stop: "TERM",
    end: "KILL",
};

/// A Redis server of one's own. It keeps nothing on disk, so that it comes back empty.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    access: RedisAccess,
}

impl Redis {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with extra arguments; they win over those here.
    pub fn start_with(arguments: &[&str]) -> Self {
        let access = RedisAccess::default();
        let keeper = keeper(&access);
        Self::start_in(&keeper, &access, |_| {
            arguments.iter().map(OsString::from).collect()
        })
    }

    /// Starts one that is reached in this way.
    pub fn start_for(access: &RedisAccess) -> Self {
        Self::start_in(&keeper(access), access, |_| Vec::new())
    }

    /// Starts one that speaks TLS alone, with a certificate that [`Redis::ca_certificate`] vouches for.
    pub fn start_tls() -> Self {
        Self::start_for(&RedisAccess::tls())
    }

    /// Starts one with the arguments for its port, in a folder shared with others.
    pub(crate) fn start_in(
        keeper: &Arc<Keeper>,
        access: &RedisAccess,
        arguments: impl Fn(u16) -> Vec<OsString>,
    ) -> Self {
        let server = launch(keeper, |port| {
            let mut all = access.server(keeper.folder(), port);
            all.extend(arguments(port));
            all
        });
        Self {
            server,
            access: access.clone(),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its URL: `redis://…`, or `rediss://…` if it speaks TLS. Without a login.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.access.scheme(), self.port())
    }

    /// The file with the certificate of the authority that signed the server's, in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        self.access.ca_certificate(self.server.folder())
    }

    /// The files with a client's certificate and its key, of the same authority, in PEM.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        self.access.client_certificate(self.server.folder())
    }

    /// What `redis-cli` prints for a command.
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_cli(&self, arguments: &[&str]) -> Result<String, String> {
        let login = self.access.login.as_ref();
        self.access
            .ask(self.server.folder(), login, self.port(), arguments)
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Kills it, as when the machine goes away.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it once more on the same port, empty.
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Freezes it: connections stay, and nothing answers.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets it go on after [`Redis::pause`].
    pub fn resume(&self) {
        self.server.resume();
    }

    /// Whether it runs and is not paused.
    pub(crate) fn is_active(&self) -> bool {
        self.server.is_active()
    }
}

/// A folder with what the access needs.
pub(crate) fn keeper(access: &RedisAccess) -> Arc<Keeper> {
    let keeper = Keeper::start(None, KIND.end);
    if access.tls {
        certificate::make(&keeper);
    }
    keeper
}

pub(crate) fn program(name: &'static str, package: &'static str) -> Program {
    Program {
        name,
        package,
        variable: crate::REDIS_VARIABLE,
    }
}

fn launch(keeper: &Arc<Keeper>, arguments: impl Fn(u16) -> Vec<OsString>) -> Server {
    let program = program("redis-server", "redis-server").path();
    // What a primary sends its replica goes through a file of the replica's, at once and for no longer than that.
    let common =
        "--bind 127.0.0.1 --appendonly no --repl-diskless-sync-delay 0 --rdb-del-sync-files yes";
    Server::start(&KIND, keeper, |port| {
        let mut command = vec![program.clone().into()];
        command.extend(common.split(' ').map(OsString::from));
        command.extend(["--save", "", "--dbfilename"].map(OsString::from));
        command.extend([
            format!("{port}.rdb").into(),
            "--dir".into(),
            keeper.folder().into(),
        ]);
        command.extend(arguments(port));
        command
    })
}
