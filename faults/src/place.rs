//! Where nodes keep what they know.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use auth_core::store::Stores;
use auth_store_redis::RedisStore;
use auth_store_seaorm::SeaOrmStore;

/// Longest a verb of a store takes here. A fault shows after that.
pub const VERB_TIMEOUT: Duration = Duration::from_secs(1);

const SQL: &str = "FAULTS_SQL";
const REDIS: &str = "FAULTS_REDIS";
const PREFIX: &str = "FAULTS_PREFIX";

/// A database, and a Redis for what is short-lived if there is one. Every node opens it with connections of its own.
#[derive(Clone, Debug)]
pub struct Place {
    sql: String,
    redis: Option<String>,
    replicas: u32,
    prefix: String,
    connections: u32,
}

impl Place {
    /// Everything in a database. Tables and keys have names of their own, as other tests use the same servers.
    pub fn sql(url: impl Into<String>) -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        Self {
            sql: url.into(),
            redis: None,
            replicas: 0,
            prefix: format!("f{random:016x}"),
            connections: 8,
        }
    }

    /// Sessions, one-time values and throttles in a Redis.
    #[must_use]
    pub fn with_redis(mut self, url: impl Into<String>) -> Self {
        self.redis = Some(url.into());
        self
    }

    /// Sessions, one-time values and throttles in a Redis Cluster, each write acknowledged by a replica.
    #[must_use]
    pub fn with_cluster(mut self, nodes: &[String]) -> Self {
        let hosts = nodes.iter().map(|url| url.trim_start_matches("redis://"));
        let hosts: Vec<_> = hosts.collect();
        self.redis = Some(format!("redis+cluster://{}", hosts.join(",")));
        self.replicas = 1;
        self
    }

    /// How many connections to the database a node has at most.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections;
        self
    }

    /// Whether other machines could see it too.
    pub fn is_shared(&self) -> bool {
        !self.sql.starts_with("sqlite:")
    }

    /// Connects, and makes what is missing.
    pub async fn open(&self) -> Stores {
        let sql = SeaOrmStore::builder()
            .table_prefix(format!("{}_", self.prefix))
            .max_connections(self.connections)
            .timeout(VERB_TIMEOUT)
            .open(&self.sql);
        let stores = Stores::from(Box::pin(sql).await.expect("a database"));
        let Some(url) = &self.redis else {
            return stores;
        };
        let redis = RedisStore::builder()
            .key_prefix(&*self.prefix)
            .timeout(VERB_TIMEOUT)
            .acknowledged_by(self.replicas)
            .open(url)
            .await;
        stores.with_short_lived(redis.expect("a Redis"))
    }

    /// What another process opens the same place by.
    pub fn environment(&self) -> Vec<(&'static str, &str)> {
        let mut variables = vec![(SQL, &*self.sql), (PREFIX, &*self.prefix)];
        variables.extend(self.redis.as_deref().map(|url| (REDIS, url)));
        variables
    }

    /// The place another process has named.
    pub fn from_environment() -> Self {
        Self {
            prefix: std::env::var(PREFIX).expect("a prefix"),
            redis: std::env::var(REDIS).ok(),
            ..Self::sql(std::env::var(SQL).expect("a database"))
        }
    }
}
