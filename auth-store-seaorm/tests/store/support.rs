//! Empty tables for each test, on each database.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
#[cfg(feature = "sqlite")]
use std::path::{Path, PathBuf};

use auth_core::ground::Timestamp;
use auth_core::store::{Client, ClientId};
use auth_store_seaorm::{SeaOrmStore, SeaOrmStoreBuilder};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, QueryResult, Statement};

/// Every table of the store, its account of migrations included.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) const TABLES: [&str; 22] = [
    "users",
    "sessions",
    "session_ends",
    "one_time",
    "throttles",
    "clients",
    "grants",
    "refresh_tokens",
    "consents",
    "signing_keys",
    "leases",
    "counters",
    "outbox",
    "totp",
    "backup_codes",
    "trusted_devices",
    "seen_devices",
    "passkeys",
    "identities",
    "upstream_sessions",
    "audit",
    "migrations",
];

/// Where a test keeps what it writes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) url: String,
    /// What its tables begin with; it tells apart the tests that share a server.
    pub(crate) prefix: String,
}

impl Place {
    pub(crate) fn builder(&self) -> SeaOrmStoreBuilder {
        SeaOrmStore::builder().table_prefix(&self.prefix)
    }

    pub(crate) async fn open(&self) -> SeaOrmStore {
        self.builder().open(&self.url).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> DatabaseConnection {
        let mode = if self.is_sqlite() { "?mode=rwc" } else { "" };
        let url = format!("{}{mode}", self.url);
        Database::connect(url).await.unwrap()
    }

    /// An empty database of this test's own, where the tables need no prefix of their own.
    pub(crate) async fn own_database(&self) -> Self {
        let prefix = "auth_".to_owned();
        let Some((server, _)) = self.url.rsplit_once('/').filter(|_| !self.is_sqlite()) else {
            return Self {
                url: self.url.clone(),
                prefix,
            };
        };
        let name = format!("d{}", short_name());
        let connection = self.connect().await;
        for sql in [
            format!("DROP DATABASE IF EXISTS {name}"),
            format!("CREATE DATABASE {name}"),
        ] {
            connection.execute_unprepared(&sql).await.unwrap();
        }
        Self {
            url: format!("{server}/{name}"),
            prefix,
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) async fn drop_tables(&self) {
        let connection = self.connect().await;
        let tables = TABLES.map(|table| format!("{}{table}", self.prefix));
        let drop = format!("DROP TABLE IF EXISTS {}", tables.join(", "));
        connection.execute_unprepared(&drop).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Host and port of its server.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn address(&self) -> String {
        let (_, rest) = self.url.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap();
        host.rsplit('@').next().unwrap().to_owned()
    }

    /// The same place by way of a local port.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn through(&self, port: u16) -> Self {
        let there = format!("127.0.0.1:{port}");
        Self {
            url: self.url.replacen(&self.address(), &there, 1),
            prefix: self.prefix.clone(),
        }
    }
}

/// A folder of this test's own, which is not there yet.
#[cfg(feature = "sqlite")]
pub(crate) fn fresh_folder() -> PathBuf {
    let test = test_name().replace("::", ".");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[cfg(feature = "sqlite")]
pub(crate) fn sqlite() -> std::future::Ready<Place> {
    let folder = fresh_folder();
    std::fs::create_dir_all(&folder).unwrap();
    std::future::ready(Place {
        url: format!("sqlite://{}", folder.join("app.db").display()),
        prefix: "auth_".to_owned(),
    })
}

#[cfg(feature = "postgres")]
pub(crate) async fn postgres() -> Place {
    on_server(test_servers::postgres_url()).await
}

#[cfg(feature = "mysql")]
pub(crate) async fn mysql() -> Place {
    on_server(test_servers::mysql_url()).await
}

/// Without the tables of an earlier run.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn on_server(url: String) -> Place {
    let place = Place {
        url,
        prefix: format!("t{}_", short_name()),
    };
    place.drop_tables().await;
    place
}

fn test_name() -> String {
    std::thread::current().name().unwrap().to_owned()
}

/// Short, and this test's own.
pub(crate) fn short_name() -> String {
    let mut hasher = DefaultHasher::new();
    test_name().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The same tests on each database.
macro_rules! on_each_database {
    ($($(#[$meta:meta])* $test:ident)*) => {
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $($(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test(crate::support::sqlite().await).await;
            })*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            $($(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test(crate::support::postgres().await).await;
            })*
        }
        #[cfg(feature = "mysql")]
        mod mysql {
            $($(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test(crate::support::mysql().await).await;
            })*
        }
    };
}
pub(crate) use on_each_database;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn client(id: &str) -> Client {
    Client {
        client_id: ClientId::new(id),
        metadata: serde_json::Map::new(),
        secrets: Vec::new(),
        first_party: false,
        disabled_at: None,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        version: 1,
    }
}

pub(crate) async fn query(connection: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_all_raw(statement).await.unwrap()
}
