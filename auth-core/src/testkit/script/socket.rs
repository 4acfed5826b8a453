//! A client for HTTP/1.1 that writes what it is told and reads what comes.
#![expect(
    clippy::panic,
    reason = "test code that lives in the library: a server that does not answer is a panic"
)]

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode};

use super::site::{Answering, Site};

/// A server that does not answer is found out.
const TIMEOUT: Duration = Duration::from_secs(20);
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A server that listens. Adds `Host`, the body's framing and, unless the connection is kept, `Connection: close`, and
/// nothing else; a request that has `Transfer-Encoding: chunked` is sent in chunks.
#[derive(Clone, Debug)]
pub struct Socket(Arc<Line>);

#[derive(Debug)]
struct Line {
    address: SocketAddr,
    keeps: bool,
    kept: Mutex<Option<TcpStream>>,
    connections: AtomicUsize,
}

impl Socket {
    /// The server at this address, with a connection for each request.
    pub fn at(address: SocketAddr) -> Self {
        Self::new(address, false)
    }

    /// The same, with one request after the other on one connection for as long as the server keeps it (RFC 9112 §9.3).
    pub fn keeping_alive(address: SocketAddr) -> Self {
        Self::new(address, true)
    }

    fn new(address: SocketAddr, keeps: bool) -> Self {
        Self(Arc::new(Line {
            address,
            keeps,
            kept: Mutex::new(None),
            connections: AtomicUsize::new(0),
        }))
    }

    /// How many connections were made until now.
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::SeqCst)
    }
}

impl Site for Socket {
    fn send(&self, request: Request<Bytes>) -> Answering<'_> {
        let line = self.0.clone();
        // Blocking reads and writes, so that the client asks nothing of the runtime under test.
        let sent = tokio::task::spawn_blocking(move || line.exchange(&request));
        Box::pin(async move { sent.await.unwrap() })
    }
}

impl Line {
    fn exchange(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let kept = self.kept.lock().unwrap().take();
        // A server may have closed a connection it kept so far; the request is then one for a new one.
        let again = kept.and_then(|stream| self.ask(stream, request).ok());
        again.unwrap_or_else(|| {
            let fresh = self.connect().and_then(|stream| self.ask(stream, request));
            let what = || format!("{} {}", request.method(), request.uri());
            fresh.unwrap_or_else(|error| panic!("{}: {error}", what()))
        })
    }

    fn connect(&self) -> Result<TcpStream> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn ask(&self, mut stream: TcpStream, request: &Request<Bytes>) -> Result<Response<Bytes>> {
        // A server may answer before it has read everything and close: the answer says what happened.
        let _ = stream.write_all(&written(self, request));
        let mut read = Vec::new();
        // What follows a whole answer would be found out as the begin of the next, where connections are kept.
        while !is_whole(request, &read) {
            let mut piece = [0; 16 * 1024];
            match stream.read(&mut piece) {
                Ok(0) if read.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Ok(parsed(request, &read)),
                Ok(length) => read.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset && !read.is_empty() => {
                    return Ok(parsed(request, &read));
                }
                Err(error) if timed_out(&error) => {
                    // Never to be taken for a connection that was closed.
                    panic!("{} {}: {error}", request.method(), request.uri())
                }
                Err(error) => return Err(error),
            }
            assert!(read.len() < MOST_BYTES, "{}: too long", request.uri());
        }
        let response = parsed(request, &read);
        let closes = response.headers().get_all(CONNECTION).iter();
        if self.keeps && !{ closes }.any(|value| value.as_bytes().eq_ignore_ascii_case(b"close")) {
            *self.kept.lock().unwrap() = Some(stream);
        }
        Ok(response)
    }
}

fn timed_out(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Whether the answer is there to its end, which its framing says unless it is that of the connection.
fn is_whole(request: &Request<Bytes>, mut read: &[u8]) -> bool {
    loop {
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let (head, rest) = read.split_at(end + 4);
        let response = head_of(head);
        if response.status().is_informational() {
            read = rest;
            continue;
        }
        if is_bodiless(request.method(), &response) {
            return true;
        }
        let headers = response.headers();
        if headers.contains_key(TRANSFER_ENCODING) {
            return rest == b"0\r\n\r\n" || rest.ends_with(b"\r\n0\r\n\r\n");
        }
        let length = headers.get(CONTENT_LENGTH);
        let length = length.map(|value| value.to_str().unwrap().parse::<usize>().unwrap());
        return length.is_some_and(|length| rest.len() >= length);
    }
}

fn is_bodiless(method: &Method, response: &Response<Bytes>) -> bool {
    let status = response.status();
    *method == Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

fn written(to: &Line, request: &Request<Bytes>) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    let mut line = |name: &HeaderName, value: &[u8]| {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    };
    let (headers, body) = (request.headers(), request.body());
    if !headers.contains_key(HOST) {
        line(&HOST, to.address.to_string().as_bytes());
    }
    for (name, value) in headers {
        line(name, value.as_bytes());
    }
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    let carries = matches!(
        *request.method(),
        Method::POST | Method::PUT | Method::PATCH
    );
    if (carries || !body.is_empty()) && !chunked && !headers.contains_key(CONTENT_LENGTH) {
        line(&CONTENT_LENGTH, body.len().to_string().as_bytes());
    }
    if !to.keeps {
        line(&CONNECTION, b"close");
    }
    bytes.extend_from_slice(b"\r\n");
    if !chunked {
        bytes.extend_from_slice(body);
        return bytes;
    }
    for chunk in body.chunks(7) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn parsed(request: &Request<Bytes>, mut read: &[u8]) -> Response<Bytes> {
    let what = format!("{} {}", request.method(), request.uri());
    loop {
        let end = read.windows(4).position(|four| four == b"\r\n\r\n");
        assert!(
            end.is_some(),
            "{what}: no answer but {:?}",
            String::from_utf8_lossy(read)
        );
        let (head, rest) = read.split_at(end.unwrap() + 4);
        let mut response = head_of(head);
        if response.status().is_informational() {
            assert!(
                request.headers().contains_key(EXPECT),
                "{what}: {} unasked",
                response.status()
            );
            read = rest;
            continue;
        }
        *response.body_mut() = body_of(&what, request.method(), &response, rest);
        return response;
    }
}

fn head_of(head: &[u8]) -> Response<Bytes> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end);
    let status = lines.next().unwrap_or_default();
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_bytes(&status[9..12]).unwrap();
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap();
        let name = HeaderName::from_bytes(&line[..colon]).unwrap();
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).unwrap();
        response.headers_mut().append(name, value);
    }
    response
}

/// The body as its framing says (RFC 9112 §6.3), with not a byte missing or left over.
fn body_of(what: &str, method: &Method, response: &Response<Bytes>, rest: &[u8]) -> Bytes {
    let headers = response.headers();
    let length = headers.get_all(CONTENT_LENGTH).iter();
    assert!(length.count() <= 1, "{what}: more than one Content-Length");
    let length = headers.get(CONTENT_LENGTH);
    let length = length.map(|value| value.to_str().unwrap().parse::<usize>().unwrap());
    if is_bodiless(method, response) {
        assert!(rest.is_empty(), "{what}: a body where none may be");
        let is_204 = response.status() == StatusCode::NO_CONTENT;
        assert!(
            !is_204 || length.is_none(),
            "{what}: a length (RFC 9110 §8.6)"
        );
        return Bytes::new();
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        assert!(length.is_none(), "{what}: two framings (RFC 9112 §6.2)");
        return dechunked(what, rest);
    }
    let length = length.unwrap_or(rest.len());
    assert_eq!(rest.len(), length, "{what}: bytes of body");
    Bytes::copy_from_slice(rest)
}

fn dechunked(what: &str, mut rest: &[u8]) -> Bytes {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        rest = &rest[end + 2..];
        body.extend_from_slice(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n", "{what}: the end of a chunk");
        rest = &rest[size + 2..];
        if size == 0 {
            assert!(rest.is_empty(), "{what}: bytes after the last chunk");
            return Bytes::from(body);
        }
    }
}
