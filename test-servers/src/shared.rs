//! The servers all tests of a process share.

use std::sync::OnceLock;

use crate::{MariaDb, Postgres, Redis, RedisCluster};

/// Names a PostgreSQL server from elsewhere.
pub const POSTGRES_VARIABLE: &str = "TEST_POSTGRES_URL";
/// Names a MariaDB or MySQL server from elsewhere.
pub const MYSQL_VARIABLE: &str = "TEST_MYSQL_URL";
/// Names a Redis server from elsewhere.
pub const REDIS_VARIABLE: &str = "TEST_REDIS_URL";
/// Names the nodes of a Redis Cluster from elsewhere, with commas in between.
pub const REDIS_CLUSTER_VARIABLE: &str = "TEST_REDIS_CLUSTER_URLS";

/// The PostgreSQL server the tests share.
pub fn postgres_url() -> String {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    std::env::var(POSTGRES_VARIABLE).unwrap_or_else(|_| SERVER.get_or_init(Postgres::start).url())
}

/// The MariaDB server the tests share.
pub fn mysql_url() -> String {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    std::env::var(MYSQL_VARIABLE).unwrap_or_else(|_| SERVER.get_or_init(MariaDb::start).url())
}

/// The Redis server the tests share.
pub fn redis_url() -> String {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    std::env::var(REDIS_VARIABLE).unwrap_or_else(|_| SERVER.get_or_init(Redis::start).url())
}

/// The nodes of the Redis Cluster the tests share.
pub fn redis_cluster_urls() -> Vec<String> {
    static SERVER: OnceLock<RedisCluster> = OnceLock::new();
    match std::env::var(REDIS_CLUSTER_VARIABLE) {
        Ok(urls) => urls.split(',').map(|url| url.trim().to_owned()).collect(),
        Err(_) => SERVER.get_or_init(RedisCluster::start).urls(),
    }
}

/// The name of the test that runs in this thread.
pub fn test_name() -> String {
    let thread = std::thread::current();
    thread
        .name()
        .expect("tests run in named threads")
        .to_owned()
}
