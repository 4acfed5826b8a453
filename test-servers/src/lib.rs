//! Real servers and a bad network, for the tests: PostgreSQL with a standby, MariaDB, Redis alone, as a cluster and
//! under Sentinel (with TLS and logins: [`RedisAccess`]), and a mail server ([`Smtp`]), each on a loopback port and in a folder of its own; and a
//! [`Proxy`] that stalls, delays and cuts.
//!
//! ```no_run
//! use test_servers::{Postgres, Proxy};
//!
//! let mut database = Postgres::start();
//! let proxy = Proxy::start(("127.0.0.1", database.port()));
//! database.create_database("app");
//! let url = format!("postgres://postgres@127.0.0.1:{}/app", proxy.port());
//! proxy.stall();
//! proxy.resume();
//! database.kill();
//! database.start_again();
//! ```
//!
//! A value stops its server and removes its folder when dropped. So does the end of the process, however it comes: a
//! shell holds the other end of a pipe, and cleans up when the pipe closes.
//!
//! A test that needs no server of its own asks [`postgres_url`], [`mysql_url`], [`redis_url`] or
//! [`redis_cluster_urls`]: the server named by `TEST_POSTGRES_URL`, `TEST_MYSQL_URL`, `TEST_REDIS_URL` or
//! `TEST_REDIS_CLUSTER_URLS` (whose data may be lost), else one that all tests of the process share.
//! `scripts/with-servers COMMAND…` sets the four for a command.
//!
//! Linux only: processes are looked up in `/proc`. Everything blocks, and panics when a server does not do as told
//! within [`LIMIT`]. Started by root, PostgreSQL and MariaDB run as the user of their Debian package, else as `nobody`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test code: without a server there is nothing to test"
)]

mod access;
mod certificate;
mod cluster;
mod command;
mod keeper;
mod mariadb;
mod port;
mod postgres;
mod process;
mod program;
mod proxy;
mod redis;
mod sentinel;
mod server;
mod shared;
mod smtp;
mod user;
mod wait;

pub use access::RedisAccess;
pub use cluster::RedisCluster;
pub use mariadb::MariaDb;
pub use port::free_port;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use redis::Redis;
pub use sentinel::RedisSentinel;
pub use shared::{
    MYSQL_VARIABLE, POSTGRES_VARIABLE, REDIS_CLUSTER_VARIABLE, REDIS_VARIABLE, mysql_url,
    postgres_url, redis_cluster_urls, redis_url, test_name,
};
pub use smtp::{ReceivedMail, Smtp, SmtpTls};
pub use wait::LIMIT;
