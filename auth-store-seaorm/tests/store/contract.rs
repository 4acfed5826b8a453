//! The store contract on each database; on SQLite in memory, and in a file with several connections, where the races
//! are real.

use auth_store_seaorm::SeaOrmStore;

#[cfg(feature = "sqlite")]
async fn in_memory() -> SeaOrmStore {
    SeaOrmStore::open("sqlite::memory:").await.unwrap()
}

#[cfg(feature = "sqlite")]
mod memory {
    use super::in_memory;
    auth_core::store_contract!(in_memory);
}

#[cfg(feature = "sqlite")]
async fn in_file() -> SeaOrmStore {
    crate::support::sqlite().await.open().await
}

#[cfg(feature = "sqlite")]
mod file {
    use super::in_file;
    auth_core::store_contract!(in_file);
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::SeaOrmStore;

    async fn on_postgres() -> SeaOrmStore {
        crate::support::postgres().await.open().await
    }

    auth_core::store_contract!(on_postgres);
}

/// In a schema of the test's own, whose name has to be quoted.
#[cfg(feature = "postgres")]
mod postgres_schema {
    use super::SeaOrmStore;
    use crate::support::{postgres, short_name};

    async fn in_schema() -> SeaOrmStore {
        let place = postgres().await;
        let schema = format!("it's \"{}\"", short_name());
        let connection = place.connect().await;
        let quoted = schema.replace('"', "\"\"");
        let drop = format!("DROP SCHEMA IF EXISTS \"{quoted}\" CASCADE");
        crate::support::query(&connection, &drop).await;
        connection.close().await.unwrap();
        place
            .builder()
            .schema(schema)
            .open(&place.url)
            .await
            .unwrap()
    }

    auth_core::short_lived_contract!(in_schema);
}

#[cfg(feature = "mysql")]
mod mysql {
    use super::SeaOrmStore;

    async fn on_mysql() -> SeaOrmStore {
        crate::support::mysql().await.open().await
    }

    auth_core::store_contract!(on_mysql);
}
