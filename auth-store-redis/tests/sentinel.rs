//! Under Sentinel: the store finds the primary, and after a failover the new one.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::time::{Duration, Instant};

use auth_core::store::SessionStore as _;
use support::{MARGIN, claim, once_available};
use test_servers::{Proxy, RedisSentinel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

mod support;

const TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn threat_12_a_failover_is_survived_without_opening_anew() {
    let mut servers = RedisSentinel::start();
    let path = format!("/{}", RedisSentinel::NAME);
    let url = support::url("sentinel", &servers.urls(), &path);
    let store = support::builder().open(&url).await.unwrap();
    let strict = support::builder().acknowledged_by(1);
    let strict = strict.open(&url).await.unwrap();
    let session = support::session("session", "ada");
    store.insert_session(&session).await.unwrap();
    assert!(claim(&strict, "before").await.unwrap());
    let mut watch = store.watch_ended().await.unwrap();

    let before = servers.primary_url();
    servers.kill_primary();
    assert!(watch.next().await.is_err());
    let claimed = once_available(async || {
        let start = Instant::now();
        let answer = claim(&store, "after").await;
        assert!(start.elapsed() < TIMEOUT + MARGIN, "{:?}", start.elapsed());
        answer
    })
    .await;
    assert!(claimed);
    servers.wait_until_ok();
    assert_ne!(servers.primary_url(), before);
    // What a replica had acknowledged is not forgotten.
    assert!(!claim(&store, "before").await.unwrap());
    // Nothing acknowledges now.
    assert!(claim(&strict, "alone").await.is_err());

    let mut watch = once_available(async || store.watch_ended().await).await;
    servers.start_again();
    servers.wait_until_ok();
    let claimed = once_available(async || claim(&strict, "together").await).await;
    assert!(claimed);
    let again = support::session("again", "ada");
    store.insert_session(&again).await.unwrap();
    assert!(
        store
            .revoke_session(&again.user_id, &again.id)
            .await
            .unwrap()
    );
    assert_eq!(watch.next().await.unwrap()[0].id, again.id);
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_an_error() {
    let servers = RedisSentinel::start();
    let url = support::url("sentinel", &servers.urls(), "/another");
    assert!(support::is_unavailable(
        &support::builder().open(&url).await
    ));
    // A sentinel that is gone is no matter.
    let mut nodes = servers.urls();
    nodes[0] = format!("redis://127.0.0.1:{}", test_servers::free_port());
    let path = format!("/{}", RedisSentinel::NAME);
    let url = support::url("sentinel", &nodes, &path);
    let store = support::builder().open(&url).await.unwrap();
    assert!(claim(&store, "one").await.unwrap());
}

/// A sentinel that knows no better than that the primary is at this port.
async fn sentinel_behind_the_times(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(say_where(client, port));
        }
    });
    own
}

async fn say_where(mut client: TcpStream, port: u16) {
    let mut heard = String::new();
    let mut greeted = 0;
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = client.read(&mut buffer).await {
        heard.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let greetings = heard.matches("SETINFO").count();
        let mut answer = "+OK\r\n".repeat(greetings - greeted);
        greeted = greetings;
        if heard.contains("GET-MASTER-ADDR-BY-NAME") {
            let port = port.to_string();
            let length = port.len();
            let there = ["*2", "$9", "127.0.0.1", &format!("${length}"), &port, ""];
            answer.push_str(&there.join("\r\n"));
        }
        client.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_that_names_a_server_that_hangs_holds_up_nobody() {
    let servers = RedisSentinel::start();
    // Accepts (the kernel does), and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let first = sentinel_behind_the_times(silent.local_addr().unwrap().port()).await;
    // The others answer after it.
    let proxies: Vec<Proxy> = servers
        .urls()
        .iter()
        .map(|url| {
            let proxy = Proxy::start(url.trim_start_matches("redis://"));
            proxy.delay(Duration::from_millis(20));
            proxy
        })
        .collect();
    let mut nodes = vec![format!("redis://127.0.0.1:{first}")];
    nodes.extend(
        proxies
            .iter()
            .map(|proxy| format!("redis://127.0.0.1:{}", proxy.port())),
    );
    let path = format!("/{}", RedisSentinel::NAME);
    let start = Instant::now();
    let url = support::url("sentinel", &nodes, &path);
    let store = support::builder().open(&url).await.unwrap();
    assert!(start.elapsed() < TIMEOUT, "{:?}", start.elapsed());
    assert!(claim(&store, "one").await.unwrap());
}
