//! The short-lived store contract on a Redis server.
#![expect(clippy::unwrap_used, reason = "test code")]

use auth_store_redis::RedisStore;

mod server;

async fn store() -> RedisStore {
    server::builder().open(server::url()).await.unwrap()
}

// Without the pruning checks: keys end by themselves, see `outage.rs`.
auth_core::short_lived_contract!(store);
