//! PostgreSQL and its standby.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use test_servers::Postgres;

#[test]
fn comes_back_with_what_was_committed() {
    let mut server = Postgres::start_with(&[
        ("max_connections", "31"),
        ("search_path", "\"it's\", public"),
    ]);
    assert_eq!(
        server.sql("SHOW max_connections; SHOW search_path"),
        "31\n\"it's\", public"
    );
    server.create_database("app");
    assert!(server.url_of("app").ends_with("/app"));
    server.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    server.kill();
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.start_again();
    assert_eq!(server.sql("SELECT n FROM t"), "1");
    server.stop();
    server.start_again();
    assert_eq!(server.sql("SELECT n FROM t"), "1");
}

#[test]
fn answers_nothing_while_paused() {
    let server = Postgres::start();
    server.pause();
    let asked = Instant::now();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| server.sql("SELECT 1"));
        std::thread::sleep(Duration::from_millis(300));
        server.resume();
        assert_eq!(answer.join().expect("an answer"), "1");
    });
    assert!(asked.elapsed() >= Duration::from_millis(300));
}

#[test]
fn speaks_tls() {
    let server = Postgres::start_tls();
    assert!(server.ca_certificate().is_file());
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(server.sql(encrypted), "t");
}

#[test]
fn a_standby_takes_over() {
    let mut primary = Postgres::start();
    let mut standby = primary.standby();
    primary.replicate_synchronously();
    primary.sql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    assert_eq!(standby.sql("SELECT n FROM t"), "1");
    standby.kill();
    standby.start_again();
    primary.sql("INSERT INTO t VALUES (2)");
    primary.kill();
    standby.promote();
    standby.sql("INSERT INTO t VALUES (3)");
    assert_eq!(standby.sql("SELECT count(*) FROM t"), "3");
}
