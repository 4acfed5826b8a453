//! A node is killed right after it has spent a code and before it answers: the code is gone with it, nobody got a
//! token, and the person goes on at another node.
#![expect(clippy::expect_used, reason = "test code")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use faults::{Folder, LIMIT, Ledger, Node, Person, Place, RelyingParty, blocking};

const SIGKILL: i32 = 9;

/// Another process with a node that redeems the code.
struct Redeeming {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Redeeming {
    fn start(place: &Place, code: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_node"))
            .arg(code)
            .envs(place.environment())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a node");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut first = String::new();
            let _ = output.read_line(&mut first);
            let _ = sender.send(first);
            let mut rest = String::new();
            let _ = output.read_to_string(&mut rest);
            let _ = sender.send(rest);
        });
        Self { process, lines }
    }

    /// Kills it once it has spent the code.
    fn kill_at_the_moment(mut self) {
        let said = self.lines.recv_timeout(LIMIT).expect("a word of the node");
        assert_eq!(said, "consumed\n");
        self.process.kill().expect("a process that stands still");
        let status = self.process.wait().expect("its end");
        assert_eq!(status.signal(), Some(SIGKILL));
        let rest = self
            .lines
            .recv_timeout(LIMIT)
            .expect("the end of its output");
        assert_eq!(rest, "", "no token came out");
    }
}

impl Drop for Redeeming {
    // Also when the test fails before the moment has come.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn threat_12(place: Place) {
    let nodes = Node::pair(&place).await;
    let ledger = Ledger::new();
    let client = RelyingParty::new(&ledger);
    let mut person = Person::new("ada", &nodes[0], &ledger).await;
    person.sign_in(&nodes[0]).await.done();
    let code = person
        .authorize(&nodes[0], "openid offline_access")
        .await
        .done();
    blocking(|| Redeeming::start(&place, &code).kill_at_the_moment());
    for node in &nodes {
        let refusal = client.redeem(node, &code).await.refused();
        assert_eq!(refusal.json()["error"], "invalid_grant");
        assert!(person.is_signed_in(node).await.done());
    }
    let code = person
        .authorize(&nodes[1], "openid offline_access")
        .await
        .done();
    let tokens = client.redeem(&nodes[0], &code).await.done();
    ledger.keep(&tokens.refresh);
    ledger.settle(&nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_killed_node_leaves_no_code_behind_on_sqlite() {
    let folder = Folder::new();
    threat_12(Place::sql(folder.sqlite())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_killed_node_leaves_no_code_behind_on_postgresql() {
    threat_12(Place::sql(test_servers::postgres_url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_killed_node_leaves_no_code_behind_on_mariadb() {
    threat_12(Place::sql(test_servers::mysql_url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_killed_node_leaves_no_code_behind_on_redis() {
    let folder = Folder::new();
    threat_12(Place::sql(folder.sqlite()).with_redis(test_servers::redis_url())).await;
}
