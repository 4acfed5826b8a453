//! As much of HTTP/1.1 as a provider on loopback needs: one request for each connection.

use std::fmt::Write as _;
use std::io::ErrorKind;

use base64::Engine as _;
use serde_json::Value;
use tokio::net::TcpStream;

const MOST_BYTES: usize = 256 * 1024;

/// A request that came.
#[derive(Clone, Debug)]
pub struct FakeRequest {
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The query.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl FakeRequest {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fitting = self.headers.iter().filter(|(own, _)| own == name);
        fitting.next().map(|(_, value)| value.as_str())
    }

    /// A field of a form.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(self.body.as_bytes());
        let field = fields.find(|(own, _)| own == name);
        field.map(|(_, value)| value.into_owned())
    }

    /// The access token, or nothing.
    pub(super) fn bearer(&self) -> String {
        let header = self.header("authorization").unwrap_or_default();
        header
            .strip_prefix("Bearer ")
            .unwrap_or_default()
            .to_owned()
    }

    /// Id and secret (RFC 6749 §2.3.1).
    pub(super) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
        let text = String::from_utf8(decoded.ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let plain = |part: &str| {
            let pair = format!("x={part}");
            let mut pairs = form_urlencoded::parse(pair.as_bytes());
            pairs.next().map(|(_, value)| value.into_owned())
        };
        Some((plain(id)?, plain(secret)?))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct FakeReply {
    /// The status.
    pub status: u16,
    /// `Content-Type`; empty for none.
    pub content_type: String,
    /// `Location`.
    pub location: Option<String>,
    /// The body.
    pub body: String,
    /// Nothing is sent, and the connection stays open.
    pub stalls: bool,
}

impl FakeReply {
    /// An answer of this type.
    pub fn new(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: content_type.to_owned(),
            location: None,
            body: body.into(),
            stalls: false,
        }
    }

    /// A JSON document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::new(status, "application/json", document.to_string())
    }

    /// A page.
    pub fn html(status: u16, page: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", page)
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        let mut reply = Self::new(302, "", "");
        reply.location = Some(to.to_owned());
        reply
    }

    /// Silence.
    pub fn stall() -> Self {
        let mut reply = Self::new(200, "", "");
        reply.stalls = true;
        reply
    }
}

/// Reads a request; `None` if there is none.
pub(super) async fn read(stream: &TcpStream) -> Option<FakeRequest> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = parse(&bytes) {
            return Some(request);
        }
        let mut buffer = [0; 4096];
        stream.readable().await.ok()?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
        if bytes.len() > MOST_BYTES {
            return None;
        }
    }
}

/// The whole request, once it is there.
fn parse(bytes: &[u8]) -> Option<FakeRequest> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut start = lines.next()?.split(' ');
    let (method, target) = (start.next()?.to_owned(), start.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let announced = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = announced
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + length)?;
    Some(FakeRequest {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: String::from_utf8_lossy(body).into_owned(),
    })
}

/// Writes the answer, and waits for the other side to leave if it stalls.
pub(super) async fn write(stream: &TcpStream, reply: &FakeReply) {
    if reply.stalls {
        let mut buffer = [0; 16];
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
        return;
    }
    let mut text = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    if !reply.content_type.is_empty() {
        let _ = write!(text, "Content-Type: {}\r\n", reply.content_type);
    }
    if let Some(location) = &reply.location {
        let _ = write!(text, "Location: {location}\r\n");
    }
    let length = reply.body.len();
    let _ = write!(text, "Content-Length: {length}\r\n\r\n{}", reply.body);
    let mut left = text.as_bytes();
    while !left.is_empty() && stream.writable().await.is_ok() {
        match stream.try_write(left) {
            Ok(count) => left = &left[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
