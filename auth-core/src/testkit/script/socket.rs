//! A client for HTTP/1.1 that writes what it is told and reads what comes: one request, one connection.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode};

use super::site::{Answering, Site};

/// A server that does not answer is found out.
const TIMEOUT: Duration = Duration::from_secs(20);
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// A server that listens. Adds `Host`, `Connection: close` and the body's framing, and nothing else; a request that has
/// `Transfer-Encoding: chunked` is sent in chunks.
#[derive(Clone, Copy, Debug)]
pub struct Socket(SocketAddr);

impl Socket {
    /// The server at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl Site for Socket {
    fn send(&self, request: Request<Bytes>) -> Answering<'_> {
        let address = self.0;
        // Blocking reads and writes, so that the client asks nothing of the runtime under test.
        let sent = tokio::task::spawn_blocking(move || exchange(address, &request));
        Box::pin(async move { sent.await.unwrap() })
    }
}

fn exchange(address: SocketAddr, request: &Request<Bytes>) -> Response<Bytes> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    // A server may answer before it has read everything and close: the answer says what happened.
    let _ = stream.write_all(&written(address, request));
    let mut read = Vec::new();
    if let Err(error) = (&stream).take(MOST_BYTES).read_to_end(&mut read) {
        let ended = error.kind() == ErrorKind::ConnectionReset && !read.is_empty();
        assert!(ended, "{} {}: {error}", request.method(), request.uri());
    }
    let _ = stream.shutdown(Shutdown::Both);
    parsed(request, &read)
}

fn written(address: SocketAddr, request: &Request<Bytes>) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    let mut line = |name: &HeaderName, value: &[u8]| {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    };
    let (headers, body) = (request.headers(), request.body());
    if !headers.contains_key(HOST) {
        line(&HOST, address.to_string().as_bytes());
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
    line(&CONNECTION, b"close");
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
    let bodiless = matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    if *method == Method::HEAD || bodiless {
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
