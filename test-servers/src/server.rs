//! A server of any kind: started on a free port, stopped, killed, paused, started again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::keeper::{Keeper, Launched, tail};
use crate::port::free_port;
use crate::process::{is_active, is_frozen, is_gone, signal, signal_family};
use crate::wait::{LIMIT, within};

/// What kinds of server differ in.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What the log says once it accepts connections.
    pub(crate) ready: &'static str,
    /// The signal that stops it in order.
    pub(crate) stop: &'static str,
    /// The signal that ends it at once, leaving nothing behind in the system.
    pub(crate) end: &'static str,
}

/// One server process and its children.
#[derive(Debug)]
pub(crate) struct Server {
    kind: &'static Kind,
    keeper: Arc<Keeper>,
    log: PathBuf,
    port: u16,
    command: Vec<OsString>,
    launched: Option<Launched>,
}

impl Server {
    /// Starts `command` of a port on a free one; another process may take it in between, then the next one is tried.
    pub(crate) fn start(
        kind: &'static Kind,
        keeper: &Arc<Keeper>,
        command: impl Fn(u16) -> Vec<OsString>,
    ) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let mut server = Self {
                kind,
                keeper: Arc::clone(keeper),
                log: keeper.folder().join(format!("{port}.log")),
                port,
                command: command(port),
                launched: None,
            };
            if server.launch() {
                return server;
            }
        }
        panic!("{} found five ports taken that had been free", kind.name)
    }

    /// Whether it accepts connections; not if its port is taken.
    fn launch(&mut self) -> bool {
        let mut launched = self.keeper.launch(&self.command, &self.log);
        let mut status = None;
        let mut ready = false;
        within(LIMIT, || {
            status = launched.ended();
            ready = log_says(&self.log, self.kind.ready);
            ready || status.is_some()
        });
        if ready && status.is_none() {
            self.launched = Some(launched);
            return true;
        }
        if status.is_some() && log_says(&self.log, "Address already in use") {
            return false;
        }
        if status.is_none() {
            signal_family("KILL", launched.pid());
            launched.wait(LIMIT);
        }
        let (name, log) = (self.kind.name, tail(&self.log));
        panic!("{name} did not start ({status:?}); the end of its log:\n{log}")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.launched
            .as_ref()
            .is_some_and(|launched| !is_gone(launched.pid()))
    }

    /// Whether it runs and is not paused.
    pub(crate) fn is_active(&self) -> bool {
        let launched = self.launched.as_ref();
        launched.is_some_and(|launched| is_active(launched.pid()))
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) {
        self.end_by(self.kind.stop, LIMIT);
    }

    fn end_by(&mut self, name: &str, grace: Duration) {
        let Some(mut launched) = self.launched.take() else {
            return;
        };
        signal(name, &[launched.pid()]);
        let pids = signal_family("CONT", launched.pid());
        if launched.wait(grace).is_none() {
            signal("KILL", &pids);
        }
        self.wait_until_gone(&pids);
    }

    /// Kills it and its children.
    pub(crate) fn kill(&mut self) {
        let Some(mut launched) = self.launched.take() else {
            return;
        };
        // None of them acts on the end of another.
        let pids = signal_family("STOP", launched.pid());
        signal("KILL", &pids);
        launched.wait(LIMIT);
        self.wait_until_gone(&pids);
    }

    fn wait_until_gone(&self, pids: &[u32]) {
        let gone = within(LIMIT, || pids.iter().all(|pid| is_gone(*pid)));
        assert!(
            gone,
            "{} is still there; the end of its log:\n{}",
            self.kind.name,
            tail(&self.log)
        );
    }

    /// Starts it once more, on the same port.
    pub(crate) fn start_again(&mut self) {
        // Somebody else's signal may still be on its way.
        let gone = within(Duration::from_secs(1), || !self.is_running());
        assert!(gone, "{} is running: stop or kill it first", self.kind.name);
        if let Some(mut ended) = self.launched.take() {
            ended.wait(LIMIT);
        }
        let (name, port) = (self.kind.name, self.port);
        assert!(
            within(LIMIT, || self.launch()),
            "{name}: port {port} is taken"
        );
    }

    /// Freezes it and its children, and waits until none of their threads runs: one may answer a last time.
    pub(crate) fn pause(&self) {
        if let Some(launched) = &self.launched {
            let pids = signal_family("STOP", launched.pid());
            let frozen = within(LIMIT, || pids.iter().all(|pid| is_frozen(*pid)));
            assert!(frozen, "the server does not freeze");
        }
    }

    /// Lets it go on after [`Server::pause`].
    pub(crate) fn resume(&self) {
        if let Some(launched) = &self.launched {
            signal_family("CONT", launched.pid());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(mut launched) = self.launched.take() else {
            return;
        };
        signal(self.kind.end, &[launched.pid()]);
        let pids = signal_family("CONT", launched.pid());
        if launched.wait(Duration::from_secs(10)).is_none() {
            signal("KILL", &pids);
        }
    }
}

fn log_says(log: &Path, words: &str) -> bool {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text).contains(words)
}
