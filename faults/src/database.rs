//! Databases of one's own, to be broken.

use test_servers::{MariaDb, Postgres};

/// A database server that a test may stop and kill.
pub trait Database {
    /// Starts one that keeps what it has committed when it is killed.
    fn start_durable() -> Self;
    /// Starts one that is fast.
    fn start_fast() -> Self;
    /// Where it listens.
    fn port(&self) -> u16;
    /// Its URL by way of a port.
    fn url_by(&self, port: u16) -> String;
    /// Stops it in order.
    fn stop(&mut self);
    /// Kills it, as when the machine goes away.
    fn kill(&mut self);
    /// Starts it once more.
    fn start_again(&mut self);
}

impl Database for Postgres {
    fn start_durable() -> Self {
        Self::start_with(&[("fsync", "on"), ("full_page_writes", "on")])
    }

    fn start_fast() -> Self {
        Self::start()
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn url_by(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    fn stop(&mut self) {
        self.stop();
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start_again(&mut self) {
        self.start_again();
    }
}

impl Database for MariaDb {
    fn start_durable() -> Self {
        Self::start_with(&[
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-doublewrite=1",
        ])
    }

    fn start_fast() -> Self {
        Self::start()
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn url_by(&self, port: u16) -> String {
        format!("mysql://root@127.0.0.1:{port}/app")
    }

    fn stop(&mut self) {
        self.stop();
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn start_again(&mut self) {
        self.start_again();
    }
}
