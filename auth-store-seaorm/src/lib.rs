//! The durable store, on SeaORM.
//!
//! ```no_run
//! # async fn example() -> Result<(), auth_store_seaorm::OpenError> {
//! use auth_store_seaorm::SeaOrmStore;
//!
//! // Connects and migrates. Or postgres://… or mysql://…
//! let store = SeaOrmStore::open("sqlite://data/app.db").await?;
//! # Ok(()) }
//! ```
//!
//! A host that runs its own migrations puts [`migrations`] among them, runs them [while no other node
//! does](with_migration_lock), and hands over its connection:
//!
//! ```no_run
//! # async fn example(connection: sea_orm::DatabaseConnection) -> Result<(), sea_orm::DbErr> {
//! use auth_store_seaorm::{SeaOrmStore, with_migration_lock};
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
//! with_migration_lock(&connection, async |db| HostMigrator::up(db, None).await).await?;
//! let store = SeaOrmStore::from_connection(connection);
//! # Ok(()) }
//! ```
//!
//! With a prefix of its own, or on PostgreSQL in a schema of its own, a configured [`Migrator`] gives the migrations,
//! and the store is told the same prefix. A schema is looked for in the search path of the connection that is handed
//! over: the host puts it there (`ALTER ROLE app SET search_path = sign_in, public`), or lets the store
//! [open](SeaOrmStore::open) a pool by itself.
//!
//! ```no_run
//! # fn example(connection: sea_orm::DatabaseConnection) {
//! use auth_store_seaorm::{Migrator, SeaOrmStore};
//! use sea_orm_migration::prelude::*;
//!
//! struct HostMigrator;
//!
//! impl MigratorTrait for HostMigrator {
//!     fn migrations() -> Vec<Box<dyn MigrationTrait>> {
//!         let mut migrations = Migrator::with_prefix("id_").in_schema("sign_in").migrations();
//!         migrations.extend([/* the host's own */]);
//!         migrations
//!     }
//! }
//!
//! let store = SeaOrmStore::builder().table_prefix("id_").connection(connection);
//! # }
//! ```
//!
//! # Databases
//!
//! One code base, a feature for each: `sqlite` (on by default), `postgres` (15 or later) and `mysql` (MySQL 8,
//! MariaDB 10.11 or later).
//!
//! PostgreSQL and MySQL are spoken to over TLS when they offer it (rustls on aws-lc-rs). How much of it is demanded the
//! URL says, as the driver documents: `?sslmode=require` and `?ssl-mode=REQUIRED` refuse a server without TLS, and
//! believe any that has it; `?sslmode=verify-full&sslrootcert=…` and `?ssl-mode=VERIFY_IDENTITY&ssl-ca=…` believe only
//! one with a certificate for its name, by an authority in that file or among Mozilla's, which are built in.
//! An account of MySQL 8 with `caching_sha2_password` needs TLS.
//!
//! Many nodes may share a PostgreSQL or a MySQL. A SQLite database is one node's.
//!
//! # How the verbs stay atomic
//!
//! A verb is one statement (`UPDATE … WHERE …`, `INSERT … ON CONFLICT …`), or a short transaction that holds what it
//! decides on: on SQLite the write lock, taken when it begins (`BEGIN IMMEDIATE`), elsewhere the rows (`FOR UPDATE`), at
//! `READ COMMITTED`. A statement or a transaction that the database undoes for another's sake (a deadlock, a
//! serialization failure, a lock it waited for too long) is run again. Within one process writers of a SQLite file queue
//! in order of arrival instead of polling for its lock; between processes `busy_timeout` does the waiting.
//!
//! MySQL and MariaDB share neither `RETURNING` nor a conditional upsert, so there some verbs take a statement more:
//! they change a row, then read it.
//!
//! # When the database is away
//!
//! Every verb ends within [`timeout`](SeaOrmStoreBuilder::timeout), with
//! [`Unavailable`](auth_core::store::StoreError::Unavailable) if need be. The store does not have to be opened again: it
//! works as soon as the database does. A connection that broke, or did not answer in time, is closed, and with it those
//! that wait in the pool; a read is then tried once more. A write is not: whether it was done nobody can say.
//!
//! A server that is merely slow is told from one that is lost by limits of its own: it ends a wait for a lock after two
//! fifths of the timeout, when it is tried again if there is as much time once more, and any statement after nine
//! tenths. So the connection stays, and the verb is `Unavailable`. MySQL and MariaDB count a wait for a lock in whole
//! seconds, one at least; MySQL limits no statement but those that only read. A statement that began late in its verb
//! may still be done by the server after the verb gave up.
//!
//! A transaction whose node vanished ends about a second after the timeout, save on MySQL, which waits for its
//! `wait_timeout`: set that low on the server.
//!
//! # Columns
//!
//! Digests are base64url text, moments are milliseconds as `BIGINT`, lists and objects are JSON as text, sealed values
//! are bytes: every database stores them the same way, and no secret among them can be used. Text is compared byte by
//! byte, whatever the database's own collation.

#![cfg_attr(
    not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
    expect(
        dead_code,
        unused_imports,
        unused_variables,
        clippy::unused_self,
        reason = "without any database there is nothing to run statements on"
    )
)]

mod audit;
mod client;
mod codec;
mod connect;
mod consent;
mod database;
mod device;
mod ended;
mod factor;
mod grant;
mod identity;
mod lease;
mod migration;
mod one_time;
mod outbox;
mod passkey;
mod prune;
mod refresh;
mod session;
mod signing_key;
mod slot;
#[cfg(all(test, any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
mod statements;
mod tables;
mod throttle;
mod upstream_session;
mod user;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use auth_core::store::Stores;
pub use connect::{OpenError, SeaOrmStoreBuilder};
use database::{Database, Verb};
pub use migration::{Migrator, migrations, with_migration_lock};
use tables::Tables;

/// The store of everything, in a database. Clones share its connections.
#[derive(Clone)]
pub struct SeaOrmStore {
    db: Arc<Database>,
    tables: Arc<Tables>,
    poll_every: Duration,
    /// Which part of the tables is pruned first, where a call had to stop before it had been to all.
    prune_next: Arc<AtomicUsize>,
}

impl SeaOrmStore {
    /// Connects to `url`, creates or brings up to date the tables, and returns the store.
    ///
    /// SQLite: `sqlite://app.db` (relative), `sqlite:///var/lib/app.db` (absolute) or `sqlite::memory:`. The file and
    /// its folder are created when missing, unless the URL has a `mode` that says otherwise. PostgreSQL:
    /// `postgres://user:password@host/database`, or `postgresql://`. MySQL and MariaDB:
    /// `mysql://user:password@host/database`, or `mariadb://`.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::builder().open(url).await
    }

    /// The store on a connection of the host's, whose tables are there already (see [`migrations`]). It shares the
    /// host's pool, whose connections it never closes but when they broke in its hands; isolation level and `sql_mode`
    /// are the host's business there: `READ COMMITTED` and a strict mode are what the store gives itself.
    pub fn from_connection(connection: sea_orm::DatabaseConnection) -> Self {
        Self::builder().connection(connection)
    }

    /// A store with other settings.
    pub fn builder() -> SeaOrmStoreBuilder {
        SeaOrmStoreBuilder::default()
    }

    /// Begins a verb, and its time.
    fn verb(&self) -> Verb {
        self.db.verb()
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
