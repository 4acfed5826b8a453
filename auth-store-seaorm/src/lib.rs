//! The durable store, on SeaORM.
//!
//! ```no_run
//! # async fn example() -> Result<(), auth_store_seaorm::OpenError> {
//! use auth_store_seaorm::SeaOrmStore;
//!
//! let store = SeaOrmStore::open("sqlite://data/app.db").await?; // connects and migrates
//! # Ok(()) }
//! ```
//!
//! A host that runs its own migrations puts [`migrations`] among them and hands over its connection:
//!
//! ```no_run
//! # fn example(connection: sea_orm::DatabaseConnection) {
//! use auth_store_seaorm::SeaOrmStore;
//! use sea_orm_migration::prelude::*;
//!
//! struct HostMigrator;
//!
//! impl MigratorTrait for HostMigrator {
//!     fn migrations() -> Vec<Box<dyn MigrationTrait>> {
//!         let mut migrations = auth_store_seaorm::migrations();
//!         migrations.extend([/* the host's own */]);
//!         migrations
//!     }
//! }
//!
//! let store = SeaOrmStore::from_connection(connection);
//! # }
//! ```
//!
//! # How the verbs stay atomic
//!
//! A verb is one statement (`UPDATE … WHERE … RETURNING`, `INSERT … ON CONFLICT …`), or a short transaction that holds
//! the write lock before it reads (`BEGIN IMMEDIATE` on SQLite, `FOR UPDATE` elsewhere). So SQLite never refuses a
//! write because a reader's snapshot grew old. Within one process writers of a SQLite file queue in order of arrival
//! instead of polling for its lock; between processes `busy_timeout` does the waiting.
//!
//! # Columns
//!
//! Digests are base64url text, moments are milliseconds as `BIGINT`, lists and objects are JSON as text, sealed values
//! are bytes: every database stores them the same way, and no secret among them can be used.

mod client;
mod codec;
mod connect;
mod grant;
mod migration;
mod one_time;
mod prune;
mod query;
mod refresh;
mod session;
mod signing_key;
mod tables;
mod throttle;
mod user;

use std::fmt;
use std::sync::Arc;

use auth_core::store::Stores;
pub use connect::{OpenError, SeaOrmStoreBuilder};
pub use migration::{Migrator, migrations};
use query::Database;
use tables::Tables;

/// The store of everything, in a database. Clones share its connections.
#[derive(Clone)]
pub struct SeaOrmStore {
    db: Arc<Database>,
    tables: Arc<Tables>,
}

impl SeaOrmStore {
    /// Connects to `url`, creates or brings up to date the tables, and returns the store.
    ///
    /// SQLite: `sqlite://app.db` (relative), `sqlite:///var/lib/app.db` (absolute) or `sqlite::memory:`. The file and
    /// its folder are created when missing, unless the URL has a `mode` that says otherwise.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder().open(url).await
    }

    /// The store on a connection of the host's, whose tables are there already (see [`migrations`]).
    pub fn from_connection(connection: sea_orm::DatabaseConnection) -> Self {
        Self::builder().connection(connection)
    }

    /// A store with other settings.
    pub fn builder() -> SeaOrmStoreBuilder {
        SeaOrmStoreBuilder::default()
    }
}

impl fmt::Debug for SeaOrmStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeaOrmStore").finish_non_exhaustive()
    }
}

impl From<SeaOrmStore> for Stores {
    fn from(store: SeaOrmStore) -> Self {
        Self::all(store)
    }
}
