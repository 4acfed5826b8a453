//! Settings of a store.

use std::sync::Arc;
use std::time::Duration;

use auth_core::store::{StoreError, StoreResult};
use redis::RedisConnectionInfo;

use crate::RedisStore;
use crate::address::Address;
use crate::connection::Connection;
use crate::scripts::Scripts;
use crate::tls::Certificates;

/// Settings of a [`RedisStore`].
#[derive(Clone, Debug)]
pub struct RedisStoreBuilder {
    prefix: String,
    pub(crate) timeout: Duration,
    pub(crate) replicas: u32,
    pub(crate) sentinel_login: RedisConnectionInfo,
    pub(crate) certificates: Certificates,
}

impl Default for RedisStoreBuilder {
    fn default() -> Self {
        Self {
            prefix: "auth".to_owned(),
            timeout: Duration::from_secs(2),
            replicas: 0,
            sentinel_login: RedisConnectionInfo::default(),
            certificates: Certificates::default(),
        }
    }
}

impl RedisStoreBuilder {
    /// What keys and the channel of ended sessions begin with, before a colon; `auth` when not set. Two products on
    /// one server need two.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Longest wait of a verb for its answer, connecting included; two seconds when not set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many replicas must have a write that decides before its verb says so; none when not set.
    ///
    /// Replication is asynchronous: a failover may forget the last writes, and a value whose spending is forgotten can
    /// be spent again. With one or more, spending a value, claiming a key, and listing, rotating and revoking a session
    /// wait for so many replicas (`WAIT`), at most half of the timeout. Too few, and the verb is
    /// [`StoreError::Unavailable`]: the value counts as spent, and nobody is let in. Attempt counters do not wait.
    ///
    /// Where there are more replicas than this, a failover may still promote one that lacks the write; where there are
    /// fewer, nobody signs in. The price is a round trip between the servers per such write, one after the other on a
    /// connection that only they use: they wait for each other, and nothing else waits for them.
    #[must_use]
    pub fn acknowledged_by(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// User name (empty for the default user) and password that the sentinels ask for. Those in the URL are the
    /// primary's.
    #[must_use]
    pub fn sentinel_login(mut self, username: &str, password: &str) -> Self {
        let mut login = RedisConnectionInfo::default().set_password(password);
        if !username.is_empty() {
            login = login.set_username(username);
        }
        self.sentinel_login = login;
        self
    }

    /// Trusts certificates in PEM that sign the server's, instead of those the system trusts. May be called again for
    /// more.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate(mut self, pem: impl AsRef<[u8]>) -> Self {
        let roots = self.certificates.roots.get_or_insert_default();
        roots.extend_from_slice(pem.as_ref());
        roots.push(b'\n');
        self
    }

    /// The certificate, with its chain, and the key by which the server knows this client, in PEM.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.certificates.client = Some(redis::ClientTlsConfig {
            client_cert: certificate_pem.into(),
            client_key: key_pem.into(),
        });
        self
    }

    /// Connects, and returns the store. For the URL see [`RedisStore::open`].
    pub async fn open(self, url: &str) -> StoreResult<RedisStore> {
        let address = Address::parse(url, &self).map_err(StoreError::unavailable)?;
        Ok(RedisStore {
            connection: Connection::open(address, &self).await?,
            scripts: Arc::new(Scripts::new()),
            prefix: self.prefix.into(),
        })
    }
}
