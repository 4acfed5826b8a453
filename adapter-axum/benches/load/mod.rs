//! Load on a server over sockets, for the benchmarks of all adapters: requests per second of a guarded route and of the
//! token endpoint, as fractions of what the same framework does without us.
//!
//! The server has one thread and the load another, so what is measured is the server.

use std::time::{Duration, Instant};

use auth_core::auth::Auth;
use auth_core::login::{Login, NewUser, SignInRequest};
use auth_core::provider::{NewClient, Provider};
use auth_core::store::MemoryStore;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What both routes answer with.
pub(crate) const HELLO: &str = "Hello, world";

const CONNECTIONS: usize = 16;
const BATCHES: usize = 15;
const SECRET: &str = "a secret of the machine client";

/// An app with somebody signed in and a client of its own.
pub(crate) struct Host {
    pub(crate) auth: Auth,
    cookie: String,
}

impl Host {
    pub(crate) async fn new() -> Self {
        let auth = Auth::builder("http://localhost:3000")
            .secret([7; 32])
            .store(MemoryStore::default())
            .login(Login::default())
            .provider(Provider::default().scope("reports:read", "Read reports"))
            .prune_every(None)
            .build()
            .await
            .unwrap();
        let metadata = json!({
            "client_id": "machine",
            "client_secret": SECRET,
            "grant_types": ["client_credentials"],
            "scope": "reports:read",
        });
        let client = NewClient::from_metadata(metadata.as_object().unwrap().clone());
        let provider = auth.provider().unwrap();
        provider.register_client(client).await.unwrap();
        let login = auth.login().unwrap();
        let user = NewUser {
            email: Some("alice@example.com".to_owned()),
            ..NewUser::default()
        };
        let user = login.create_user(user).await.unwrap();
        let request = SignInRequest {
            headers: &http::HeaderMap::new(),
            address: None,
            remember: false,
        };
        let session = login.sign_in(&user.id, &["pwd"], request).await.unwrap();
        let cookies = session.cookies();
        let cookie = cookies[0].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { auth, cookie }
    }

    /// Puts the load on, and says what came of it. `/hello` and `/guarded` have to answer with [`HELLO`].
    pub(crate) fn report(&self, framework: &str, port: u16) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let get = |path: &str| {
            let cookie = &self.cookie;
            format!("GET {path} HTTP/1.1\r\nhost: localhost:3000\r\ncookie: {cookie}\r\n\r\n")
        };
        let body = "grant_type=client_credentials";
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("machine:{SECRET}"));
        let token = format!(
            "POST /oauth/token HTTP/1.1\r\nhost: localhost:3000\r\nauthorization: Basic {basic}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let requests = [get("/hello"), get("/guarded"), token];
        let mut times = [const { Vec::new() }; 3];
        let mut signatures = Vec::new();
        for _ in 0..BATCHES {
            for (request, times) in requests.iter().zip(&mut times) {
                times.push(runtime.block_on(batch(port, request)));
            }
            signatures.push(signature());
        }
        let [hello, guarded, token] = times.map(median);
        let signature = median(signatures);
        let per_second = |time: Duration| 1.0 / time.as_secs_f64();
        println!(
            "{framework}: bare {:.0}/s; guarded by a session {:.0}/s, fraction {:.2}; \
             token endpoint {:.0}/s, fraction of bare and a raw signature {:.2}",
            per_second(hello),
            per_second(guarded),
            hello.as_secs_f64() / guarded.as_secs_f64(),
            per_second(token),
            (hello + signature).as_secs_f64() / token.as_secs_f64(),
        );
    }
}

/// What one request takes the server, with all connections busy.
async fn batch(port: u16, request: &str) -> Duration {
    const ROUNDS: usize = 200;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        connection.set_nodelay(true).unwrap();
        // The first one is not counted: it warms the connection up, and shows that the answer is right.
        let answer = exchange(&mut connection, request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        connections.push(connection);
    }
    let begun = Instant::now();
    let tasks = connections.into_iter().map(|mut connection| async move {
        for _ in 0..ROUNDS {
            exchange(&mut connection, request).await;
        }
    });
    futures_util::future::join_all(tasks).await;
    begun.elapsed() / u32::try_from(CONNECTIONS * ROUNDS).unwrap()
}

/// Sends a request and reads one whole answer.
async fn exchange(connection: &mut TcpStream, request: &str) -> String {
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::with_capacity(4096);
    loop {
        assert!(connection.read_buf(&mut answer).await.unwrap() > 0);
        let text = str::from_utf8(&answer).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map(|(_, value)| value.parse().unwrap());
        if body.len() >= length.unwrap_or(0_usize) {
            return text.to_owned();
        }
    }
}

/// What a raw ES256 signature takes.
fn signature() -> Duration {
    const ROUNDS: u32 = 500;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        std::hint::black_box(key.sign(&random, &[7; 400]).unwrap());
    }
    begun.elapsed() / ROUNDS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
