//! The short-lived store contract: on one server, over TLS, on a cluster, and with acknowledged writes.
//!
//! Without the pruning checks: keys end by themselves, see `expiry.rs`.
#![expect(clippy::unwrap_used, reason = "test code")]

use auth_store_redis::RedisStore;

mod support;

mod one_server {
    use super::{RedisStore, support};

    async fn store() -> RedisStore {
        let url = test_servers::redis_url();
        support::builder().open(&url).await.unwrap()
    }

    auth_core::short_lived_contract!(store);
}

#[cfg(feature = "tls")]
mod tls {
    use super::{RedisStore, support};

    async fn store() -> RedisStore {
        let server = support::tls_server();
        let builder = support::trusting(support::builder(), server);
        builder.open(&server.url()).await.unwrap()
    }

    auth_core::short_lived_contract!(store);
}

mod cluster {
    use super::{RedisStore, support};

    async fn store() -> RedisStore {
        let nodes = test_servers::redis_cluster_urls();
        let url = support::url("cluster", &nodes, "");
        support::builder().open(&url).await.unwrap()
    }

    auth_core::short_lived_contract!(store);
}

mod cluster_acknowledged {
    use super::{RedisStore, support};

    async fn store() -> RedisStore {
        let nodes = test_servers::redis_cluster_urls();
        // One node is enough to find the others.
        let url = support::url("cluster", &nodes[..1], "");
        let builder = support::builder().acknowledged_by(1);
        builder.open(&url).await.unwrap()
    }

    auth_core::short_lived_contract!(store);
}
