//! The folder servers live in, and the shell that stops them and removes it however this process ends.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::user::User;
use crate::wait::{LIMIT, within};

// $1: the signal that ends a server at once but in order. $2: the folder's owner, or nothing.
// What is launched names itself in `pids` before it looks for `alive`; here it is the other way round. So nothing
// starts unseen. Ten seconds, because PostgreSQL gives its own children five.
const KEEP: &str = r#"
    trap '' HUP INT TERM PIPE
    folder=$(mktemp -d "${TMPDIR:-/tmp}/test-servers.XXXXXX") || exit 1
    if mkdir "$folder/pids" && : >"$folder/alive" && { [ -z "$2" ] || chown "$2:" "$folder"; }; then
        echo "$folder"
        read -r _
    fi
    rm "$folder/alive"
    alive() { read -r _ _ state _ <"/proc/$1/stat" && [ "$state" != Z ]; }
    for file in "$folder"/pids/*; do
        pid=${file##*/}
        kill -s "$1" "$pid" && kill -s CONT "$pid" || continue
        for _ in $(seq 200); do
            alive "$pid" || continue 2
            sleep 0.05
        done
        kill -s KILL "$pid"
    done
    for _ in $(seq 20); do
        rm -rf "$folder" && break
        sleep 0.1
    done
"#;

const LAUNCH: &str = r#"echo $$ >"$0/pids/$$" && [ -e "$0/alive" ] && exec "$@""#;

/// A folder, gone with all it holds when the last server in it is dropped, or when the process ends.
#[derive(Debug)]
pub(crate) struct Keeper {
    // Its standard input is the pipe.
    shell: Mutex<Child>,
    folder: PathBuf,
}

impl Keeper {
    /// A new folder, of `owner` if any. `end` is the signal its servers end by.
    pub(crate) fn start(owner: Option<&User>, end: &str) -> Arc<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", KEEP, "sh", end, owner.map_or("", |user| &user.name)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Signals to the group of this process, as from a terminal, are not for the shell.
            .process_group(0)
            .spawn()
            .expect("sh runs");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("text");
        if line.is_empty() {
            drop(shell.stdin.take());
            let status = shell.wait();
            panic!("no folder could be made in TMPDIR or /tmp: {status:?}");
        }
        Arc::new(Self {
            shell: Mutex::new(shell),
            folder: line.trim_end().into(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a command that writes into `log`, a file that begins anew.
    pub(crate) fn launch(&self, command: &[OsString], log: &Path) -> Launched {
        let log = File::create(log).expect("a log file");
        let child = Command::new("sh")
            .args(["-c", LAUNCH])
            .arg(&self.folder)
            .args(command)
            .env("LC_ALL", "C")
            .env("TMPDIR", &self.folder)
            .env_remove("NOTIFY_SOCKET")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("sh runs");
        let note = self.folder.join("pids").join(child.id().to_string());
        Launched { child, note }
    }

    /// Runs a command that prepares the folder; panics with what it printed if it fails.
    pub(crate) fn run(&self, command: &[OsString]) {
        let log = self.folder.join("prepare.log");
        let mut launched = self.launch(command, &log);
        let status = launched.wait(LIMIT);
        assert!(
            status.is_some_and(|status| status.success()),
            "{command:?} failed ({status:?}):
{}",
            tail(&log)
        );
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Ok(shell) = self.shell.get_mut() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }
}

/// A process the shell knows of.
#[derive(Debug)]
pub(crate) struct Launched {
    child: Child,
    note: PathBuf,
}

impl Launched {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; none if it has not.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("a child");
        if status.is_some() {
            // Its number may soon be another's.
            let _ = fs::remove_file(&self.note);
        }
        status
    }

    /// Waits until it ends; kills it after `limit`, and says none.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut status = None;
        let ended = within(limit, || {
            status = self.ended();
            status.is_some()
        });
        if !ended {
            let _ = self.child.kill();
            within(LIMIT, || self.ended().is_some());
        }
        status
    }
}

/// The end of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(30)..)
        .unwrap_or_default();
    last.join("\n")
}
