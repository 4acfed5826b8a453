//! A loopback HTTP server that says what a test wants said.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server writes to one request.
pub(crate) enum Reply {
    /// These bytes, then the end.
    Raw(Vec<u8>),
    /// These bytes, then silence with the connection open.
    Stall(Vec<u8>),
}

impl Reply {
    /// 200 with a JSON body.
    pub(crate) fn json(body: &str) -> Self {
        Self::ok("application/json", body)
    }

    /// 200 with a body of this type.
    pub(crate) fn ok(content_type: &str, body: &str) -> Self {
        let length = body.len();
        Self::raw(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    /// A bare status.
    pub(crate) fn status(status: u16) -> Self {
        Self::raw(&format!(
            "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ))
    }

    pub(crate) fn raw(text: &str) -> Self {
        Self::Raw(text.as_bytes().to_vec())
    }
}

/// The server; it ends when dropped.
pub(crate) struct Loopback {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Loopback {
    /// Starts a server that answers by path.
    pub(crate) async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::serving(move |request| answer(request.split(' ').nth(1).unwrap_or_default())).await
    }

    /// Starts a server that answers by the whole request: its head with the body after it.
    pub(crate) async fn serving(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (heads.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), answer.clone()));
            }
        });
        Self {
            address,
            heads,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came in, one text for each connection: a request head with the body after it, or the first bytes of
    /// something else.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// How many requests for this path came.
    pub(crate) fn hits(&self, path: &str) -> usize {
        let starts = ["GET", "POST"].map(|method| format!("{method} {path} "));
        self.heads()
            .iter()
            .filter(|head| starts.iter().any(|start| head.starts_with(start)))
            .count()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str) -> Reply>,
) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        head.extend_from_slice(&buffer[..count]);
        let is_http = head.starts_with(b"GET ") || head.starts_with(b"POST ");
        if count == 0 || !is_http || is_whole(&head) {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap().push(head.clone());
    match answer(&head) {
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            // Until the other side gives up.
            let _ = stream.read(&mut buffer).await;
        }
    }
}

/// Whether the head is there, and as much of a body as it announces.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let announced = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    request.len() - end - 4 >= announced.unwrap_or(0)
}
