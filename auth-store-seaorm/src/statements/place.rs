//! Stores to look at, each with tables of its own.

use sea_orm::{Database, DatabaseConnection};

use crate::SeaOrmStore;

/// A store, and a single connection beside it.
pub(super) struct Place {
    pub(super) store: SeaOrmStore,
    pub(super) beside: DatabaseConnection,
}

impl Place {
    /// On the server at `url`, in empty tables named after the test.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(super) async fn on(url: String) -> Self {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};

        use sea_orm::{ConnectOptions, ConnectionTrait as _};

        use super::plan;
        use crate::tables::Tables;

        let mut hasher = DefaultHasher::new();
        std::thread::current().name().unwrap().hash(&mut hasher);
        let prefix = format!("t{:016x}_", hasher.finish());
        let mut options = ConnectOptions::new(&url);
        options.max_connections(1);
        let beside = Database::connect(options).await.unwrap();
        let account = format!("DROP TABLE IF EXISTS {prefix}migrations");
        beside.execute_unprepared(&account).await.unwrap();
        for table in plan::all(&Tables::new(&prefix)) {
            let drop = format!("DROP TABLE IF EXISTS {table}");
            beside.execute_unprepared(&drop).await.unwrap();
        }
        let store = SeaOrmStore::builder().table_prefix(prefix);
        Self {
            store: store.open(&url).await.unwrap(),
            beside,
        }
    }

    #[cfg(feature = "sqlite")]
    pub(super) async fn in_memory() -> Self {
        let beside = Database::connect("sqlite::memory:").await.unwrap();
        crate::Migrator::default().run(&beside).await.unwrap();
        Self {
            store: SeaOrmStore::from_connection(beside.clone()),
            beside,
        }
    }
}
