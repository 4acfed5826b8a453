//! A Redis server for the tests: the one at `TEST_REDIS_URL` (whose data may be lost), or one of our own, which ends
//! with the process.
#![expect(
    clippy::expect_used,
    reason = "test code: without a server there is nothing to test"
)]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use auth_store_redis::{RedisStore, RedisStoreBuilder};

struct Server {
    url: String,
    // Its end of the pipe closes when this process ends, however it does; then the shell stops the server.
    _shell: Option<Child>,
}

const RUN: &str = r#"
    folder=$(mktemp -d) || exit 1
    redis-server --port "$1" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" &
    server=$!
    read -r _
    kill "$server"
    wait "$server"
    rmdir "$folder"
"#;

fn start() -> Server {
    if let Ok(url) = std::env::var("TEST_REDIS_URL") {
        return Server { url, _shell: None };
    }
    assert!(
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| Path::new(&folder).join("redis-server").is_file()),
        "redis-server is not on PATH: install it (Debian: apt-get install redis-server) or set TEST_REDIS_URL"
    );
    // Another process may take the port between the look and the start; then the next one is tried.
    (0..5)
        .find_map(|_| try_start())
        .expect("redis-server did not start on five free ports")
}

#[expect(
    clippy::zombie_processes,
    reason = "the shell is to outlive every test; the system reaps it when this process ends"
)]
fn try_start() -> Option<Server> {
    let port = free_port();
    let mut shell = Command::new("sh")
        .args(["-c", RUN, "sh", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh runs");
    let mut log = BufReader::new(shell.stdout.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("Ready to accept connections") {
        line.clear();
        if log.read_line(&mut line).expect("text") == 0 {
            return None;
        }
        if line.contains("Failed listening") {
            drop(shell.stdin.take());
            return None;
        }
    }
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    Some(Server {
        url: format!("redis://127.0.0.1:{port}"),
        _shell: Some(shell),
    })
}

/// A loopback port where nothing listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

pub(crate) fn url() -> &'static str {
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER.get_or_init(start).url
}

/// What the keys of this test begin with.
pub(crate) fn prefix() -> String {
    let thread = std::thread::current();
    let test = thread.name().expect("tests run in named threads");
    format!("test-{}-{test}", std::process::id())
}

pub(crate) fn builder() -> RedisStoreBuilder {
    RedisStore::builder().key_prefix(prefix())
}
