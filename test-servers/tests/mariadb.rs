//! MariaDB.

use test_servers::MariaDb;

#[test]
fn comes_back_with_what_was_committed() {
    let durable = ["--innodb-flush-log-at-trx-commit=1", "--max-connections=31"];
    let mut server = MariaDb::start_with(&durable);
    assert_eq!(server.sql("SELECT @@max_connections"), "31");
    assert!(server.url().ends_with("/app"));
    server.sql("CREATE TABLE app.t (n int); INSERT INTO app.t VALUES (1)");
    server.kill();
    server.start_again();
    assert_eq!(server.sql("SELECT n FROM app.t"), "1");
    server.pause();
    server.stop();
    server.start_again();
    assert_eq!(server.sql("SELECT n FROM app.t"), "1");
}

#[test]
fn speaks_tls() {
    let server = MariaDb::start_tls();
    assert!(server.ca_certificate().is_file());
    let cipher = server.sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
    assert!(cipher.contains("TLS"), "{cipher}");
}
