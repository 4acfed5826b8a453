//! Nothing is left behind: no process, no folder.
#![expect(clippy::expect_used, reason = "test code")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_servers::{LIMIT, MariaDb, Postgres, Redis};

fn refuses(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_err()
}

fn eventually(done: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "it never was so");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `test-servers run` with a folder for its folders and a command that says where the servers are and stays.
fn run(folder: &Path) -> (Child, Vec<u16>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_test-servers"))
        .args([
            "run",
            "sh",
            "-c",
            "env | grep '^TEST_.*_URLS*='; echo; read -r _; exit 7",
        ])
        .env("TMPDIR", folder)
        .env_remove("TEST_POSTGRES_URL")
        .env_remove("TEST_MYSQL_URL")
        .env_remove("TEST_REDIS_URL")
        .env("TEST_REDIS_CLUSTER_URLS", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let ports: Vec<u16> = lines
        .map(|line| line.expect("text"))
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.rsplit(':').next()?.split('/').next()?.parse().ok())
        .collect();
    assert_eq!(ports.len(), 3);
    assert!(!ports.iter().any(|port| refuses(*port)));
    (child, ports)
}

/// A folder every user may look into.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("leftovers-{}-{name}", std::process::id()));
    fs::create_dir(&folder).expect("room");
    folder
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).expect("a folder").next().is_none()
}

#[test]
fn after_a_drop() {
    let redis = Redis::start_tls();
    let folder = redis
        .ca_certificate()
        .parent()
        .expect("a folder")
        .to_owned();
    let postgres = Postgres::start();
    let data = postgres.sql("SHOW data_directory");
    let mariadb = MariaDb::start();
    let ports = [redis.port(), postgres.port(), mariadb.port()];
    assert!(folder.exists() && !ports.into_iter().any(refuses));
    // One that is paused, one that has been killed.
    postgres.pause();
    let mut mariadb = mariadb;
    mariadb.kill();
    drop((redis, postgres, mariadb));
    assert!(!folder.exists() && !Path::new(&data).exists() && ports.into_iter().all(refuses));
}

#[test]
fn after_a_command() {
    let folder = folder("command");
    let (mut child, ports) = run(&folder);
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("a child").code(), Some(7));
    assert!(ports.into_iter().all(refuses) && is_empty(&folder));
    fs::remove_dir(folder).expect("an empty folder");
}

#[test]
fn after_the_owner_is_killed() {
    let folder = folder("killed");
    let (mut child, ports) = run(&folder);
    child.kill().expect("a child");
    child.wait().expect("a child");
    eventually(|| ports.iter().all(|port| refuses(*port)));
    eventually(|| is_empty(&folder));
    fs::remove_dir(folder).expect("an empty folder");
}
