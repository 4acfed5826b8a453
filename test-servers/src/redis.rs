//! Redis.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::certificate;
use crate::command;
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
    tls: bool,
}

impl Redis {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with extra arguments; they win over those here.
    pub fn start_with(arguments: &[&str]) -> Self {
        let keeper = Keeper::start(None, KIND.end);
        Self::start_in(&keeper, |_| arguments.iter().map(OsString::from).collect())
    }

    /// Starts one with the arguments for its port, in a folder shared with others.
    pub(crate) fn start_in(keeper: &Arc<Keeper>, arguments: impl Fn(u16) -> Vec<OsString>) -> Self {
        let server = launch(keeper, |port| {
            let mut all: Vec<OsString> = vec!["--port".into(), port.to_string().into()];
            all.extend(arguments(port));
            all
        });
        Self { server, tls: false }
    }

    /// Starts one that speaks TLS alone, with a certificate that [`Redis::ca_certificate`] vouches for.
    pub fn start_tls() -> Self {
        let keeper = Keeper::start(None, KIND.end);
        certificate::make(&keeper);
        let server = launch(&keeper, |port| {
            let file = |name| keeper.folder().join(name).into();
            vec![
                "--port".into(),
                "0".into(),
                "--tls-port".into(),
                port.to_string().into(),
                "--tls-cert-file".into(),
                file("server.pem"),
                "--tls-key-file".into(),
                file("server.key"),
                "--tls-ca-cert-file".into(),
                file("ca.pem"),
                "--tls-auth-clients".into(),
                "no".into(),
            ]
        });
        Self { server, tls: true }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its URL: `redis://…`, or `rediss://…` if it speaks TLS.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// The file with the certificate of the authority that signed the server's, in PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        assert!(self.tls, "this server does not speak TLS");
        self.server.folder().join("ca.pem")
    }

    /// What `redis-cli` prints for a command.
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_cli(&self, arguments: &[&str]) -> Result<String, String> {
        let mut cli = Command::new(program("redis-cli", "redis-tools").path());
        cli.args(["-e", "-h", "127.0.0.1", "-p", &self.port().to_string()])
            .env_remove("REDISCLI_AUTH");
        if self.tls {
            cli.arg("--tls").arg("--cacert").arg(self.ca_certificate());
        }
        command::output(cli.args(arguments), "")
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
