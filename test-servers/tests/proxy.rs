//! The proxy.
#![expect(clippy::expect_used, reason = "test code")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use test_servers::Proxy;

/// Says its name, then sends back what it gets.
fn echo(name: u8) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            thread::spawn(move || {
                stream.write_all(&[name]).expect("a reader");
                let mut back = stream.try_clone().expect("a socket");
                std::io::copy(&mut stream, &mut back)
            });
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).expect("a listener");
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a socket");
    stream
}

fn read(stream: &mut TcpStream) -> Result<u8, ErrorKind> {
    let mut byte = [0];
    stream.read_exact(&mut byte).map_err(|error| error.kind())?;
    Ok(byte[0])
}

#[test]
fn stalls_and_resumes() {
    let proxy = Proxy::start(("127.0.0.1", echo(b'a')));
    let mut old = connect(&proxy);
    assert_eq!(read(&mut old), Ok(b'a'));
    proxy.stall();
    old.write_all(b"x").expect("room");
    let mut new = connect(&proxy);
    assert_eq!(read(&mut old), Err(ErrorKind::WouldBlock));
    assert_eq!(read(&mut new), Err(ErrorKind::WouldBlock));
    proxy.resume();
    assert_eq!(read(&mut old), Ok(b'x'));
    assert_eq!(read(&mut new), Ok(b'a'));
}

#[test]
fn cuts_and_restores() {
    let proxy = Proxy::start(("127.0.0.1", echo(b'a')));
    let mut old = connect(&proxy);
    assert_eq!(read(&mut old), Ok(b'a'));
    proxy.stall();
    old.write_all(b"x").expect("room");
    proxy.cut();
    assert_eq!(read(&mut old), Err(ErrorKind::UnexpectedEof));
    assert_eq!(proxy.connections(), 0);
    assert!(matches!(
        read(&mut connect(&proxy)),
        Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
    ));
    proxy.set_upstream(("127.0.0.1", echo(b'b')));
    proxy.restore();
    assert_eq!(read(&mut connect(&proxy)), Ok(b'b'));
}

#[test]
fn delays() {
    let proxy = Proxy::start(("127.0.0.1", echo(b'a')));
    let mut stream = connect(&proxy);
    assert_eq!(read(&mut stream), Ok(b'a'));
    proxy.delay(Duration::from_millis(60));
    let sent = Instant::now();
    stream.write_all(b"x").expect("room");
    assert_eq!(read(&mut stream), Ok(b'x'));
    assert!(sent.elapsed() >= Duration::from_millis(120));
}

#[test]
fn ends_when_dropped() {
    let proxy = Proxy::start(("127.0.0.1", echo(b'a')));
    let port = proxy.port();
    let mut stream = connect(&proxy);
    assert_eq!(read(&mut stream), Ok(b'a'));
    drop(proxy);
    assert_eq!(read(&mut stream), Err(ErrorKind::UnexpectedEof));
    thread::sleep(Duration::from_millis(100));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
