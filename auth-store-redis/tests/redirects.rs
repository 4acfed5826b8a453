//! Nodes of a cluster that send a request from one to the other: not for ever.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{claim, unavailable_in_time};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

mod support;

const TIMEOUT: Duration = Duration::from_secs(2);

/// A node that says it serves everything, and sends on whoever asks it for something.
#[derive(Clone)]
struct Node {
    own: u16,
    /// `MOVED` or `ASK`, and where to.
    sends_on: (&'static str, u16),
    asked: Arc<AtomicUsize>,
}

impl Node {
    async fn run(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve(client));
        }
    }

    async fn serve(self, client: TcpStream) -> Option<()> {
        let mut client = BufReader::new(client);
        loop {
            let command = command(&mut client).await?;
            client
                .write_all(self.answer(&command).as_bytes())
                .await
                .ok()?;
        }
    }

    fn answer(&self, command: &str) -> String {
        let (how, to) = self.sends_on;
        match command {
            "HELLO" => "%1\r\n+proto\r\n:3\r\n".to_owned(),
            "CLIENT" | "ASKING" => "+OK\r\n".to_owned(),
            "CLUSTER" => {
                let own = self.own;
                format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n+127.0.0.1\r\n:{own}\r\n")
            }
            _ => {
                self.asked.fetch_add(1, Ordering::AcqRel);
                format!("-{how} 1 127.0.0.1:{to}\r\n")
            }
        }
    }
}

/// The name of the next command.
async fn command(client: &mut BufReader<TcpStream>) -> Option<String> {
    let mut name = None;
    for _ in 0..number(client).await? {
        let mut word = vec![0; number(client).await? + 2];
        client.read_exact(&mut word).await.ok()?;
        name = name.or(String::from_utf8(word).ok());
    }
    name.map(|name| name.trim_end().to_uppercase())
}

/// What follows `*` or `$`.
async fn number(client: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    client.read_line(&mut line).await.ok()?;
    line.trim_end().get(1..)?.parse().ok()
}

/// Two nodes that send on to each other.
async fn ask_in_a_circle(how: &'static str) {
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let ports = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().port());
    let asked = Arc::new(AtomicUsize::new(0));
    for (number, listener) in listeners.into_iter().enumerate() {
        let node = Node {
            own: ports[number],
            sends_on: (how, ports[1 - number]),
            asked: Arc::clone(&asked),
        };
        tokio::spawn(node.run(listener));
    }
    let url = format!("redis+cluster://127.0.0.1:{}", ports[0]);
    let store = support::builder()
        .timeout(TIMEOUT)
        .open(&url)
        .await
        .unwrap();
    unavailable_in_time(Duration::ZERO, claim(&store, "one")).await;
    let asked = asked.load(Ordering::Acquire);
    assert!((2..=5).contains(&asked), "asked {asked} times");
}

#[tokio::test]
async fn nodes_that_send_on_to_each_other_end_in_an_error() {
    ask_in_a_circle("MOVED").await;
    ask_in_a_circle("ASK").await;
}
