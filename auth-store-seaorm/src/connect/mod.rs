//! Opening a database.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod reach;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection, DbBackend, DbErr};

use crate::database::Database;
use crate::migration::Migrator;
use crate::tables::Tables;
use crate::{SeaOrmStore, tables};

/// What the server itself ends, so that the verb hears of it in its time: a verb that has to give up by itself cannot
/// tell a slow server from a lost one, and closes the connection.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[derive(Clone, Copy)]
struct Limits {
    /// Two of them fit into a verb.
    lock_wait: Duration,
    statement: Duration,
    /// A transaction whose node vanished without a word ends soon: what it holds, others wait for.
    idle_transaction: Duration,
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl Limits {
    fn of_a_verb(timeout: Duration) -> Self {
        Self {
            lock_wait: timeout * 2 / 5,
            statement: timeout * 9 / 10,
            idle_transaction: timeout + Duration::from_millis(500),
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not one of a database this build speaks to.
    #[error(
        "not a database URL this build can open ({0}); it can open: {known}",
        known = KNOWN.join(", ")
    )]
    Url(String),
    /// A setting that this database does not have.
    #[error("{0}")]
    Setting(&'static str),
    /// The folder for the database file could not be made.
    #[error("cannot create the folder {folder} for the database file")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database refused to connect or to migrate.
    #[error("the database could not be opened or migrated")]
    Database(#[from] DbErr),
}

/// With the longest name of an index it stays below 64 bytes, where PostgreSQL cuts names and two could become one.
const LONGEST_PREFIX: usize = 32;

/// What this build can open, as it is written.
const KNOWN: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite://path/to/app.db",
    #[cfg(feature = "postgres")]
    "postgres://user:password@host/database",
    #[cfg(feature = "mysql")]
    "mysql://user:password@host/database",
    #[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
    "nothing, as no database feature is on",
];

/// Settings of a [`SeaOrmStore`].
#[derive(Clone, Debug)]
pub struct SeaOrmStoreBuilder {
    prefix: String,
    schema: Option<String>,
    max_connections: u32,
    migrate: bool,
    timeout: Duration,
    poll_every: Duration,
}

impl Default for SeaOrmStoreBuilder {
    fn default() -> Self {
        Self {
            prefix: tables::DEFAULT_PREFIX.to_owned(),
            schema: None,
            max_connections: 8,
            migrate: true,
            timeout: Duration::from_secs(5),
            poll_every: Duration::from_secs(1),
        }
    }
}

impl SeaOrmStoreBuilder {
    /// What table names begin with, 32 bytes at most; `auth_` when not set.
    #[must_use]
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The PostgreSQL schema the tables stand in. It is made when it is missing, unless [`migrate`](Self::migrate) is
    /// off, and comes first in the search path of the store's connections. The other databases have none: there it is
    /// an [`OpenError::Setting`].
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
        self
    }

    /// Most connections at once; 8 when not set. A database in memory always has exactly one.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Whether [`open`](Self::open) brings the tables up to date; it does when not set. A host whose process may not
    /// change the schema runs [`Migrator`] elsewhere.
    #[must_use]
    pub fn migrate(mut self, migrate: bool) -> Self {
        self.migrate = migrate;
        self
    }

    /// Longest time any verb takes, waiting for a connection and connecting included; 5 seconds when not set. A verb
    /// that does not get done in it is [`Unavailable`](auth_core::store::StoreError::Unavailable).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a [watch](auth_core::store::SessionStore::watch_ended) looks for sessions that other processes ended;
    /// every second when not set. Those that this process ended are told at once.
    #[must_use]
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_every = interval.max(Duration::from_millis(1));
        self
    }

    /// Connects, migrates, and returns the store. A server that refuses connections is an error at once.
    pub async fn open(self, url: &str) -> Result<SeaOrmStore, OpenError> {
        if self.prefix.len() > LONGEST_PREFIX {
            return Err(OpenError::Setting("a table prefix has at most 32 bytes"));
        }
        let connection = self.connect(url).await?;
        if self.migrate {
            self.migrate_with(url, &connection).await?;
        }
        Ok(self.store(&connection, true))
    }

    async fn connect(&self, url: &str) -> Result<DatabaseConnection, OpenError> {
        let options = self.options(url, Work::Verbs)?;
        #[cfg(any(feature = "postgres", feature = "mysql"))]
        if !url.starts_with("sqlite:") {
            reach::once(options.clone(), self.timeout).await?;
        }
        #[cfg(feature = "sqlite")]
        let connected = sqlite::connect(options, self.timeout).await;
        #[cfg(not(feature = "sqlite"))]
        let connected = sea_orm::Database::connect(options).await;
        Ok(connected?)
    }

    async fn migrate_with(&self, url: &str, store: &DatabaseConnection) -> Result<(), OpenError> {
        let migrator = Migrator::with_prefix(&self.prefix);
        let migrator = match &self.schema {
            Some(schema) => migrator.in_schema(schema),
            None => migrator,
        };
        if store.get_database_backend() == DbBackend::Sqlite {
            // No statement of its is limited, and a database in memory has one connection.
            return Ok(migrator.run(store).await?);
        }
        let options = self.options(url, Work::Migrating)?;
        let connection = sea_orm::Database::connect(options).await?;
        let migrated = migrator.run(&connection).await;
        // It is of no more use, whatever it says.
        let _ = connection.close().await;
        Ok(migrated?)
    }

    /// The store on a connection of the host's. Does not migrate.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a handle, and the store goes on using what it stands for"
    )]
    pub fn connection(self, connection: DatabaseConnection) -> SeaOrmStore {
        self.store(&connection, false)
    }

    fn store(self, connection: &DatabaseConnection, own_pool: bool) -> SeaOrmStore {
        SeaOrmStore {
            db: Arc::new(Database::new(connection, self.timeout, own_pool)),
            tables: Arc::new(Tables::new(&self.prefix)),
            poll_every: self.poll_every,
            prune_next: Arc::default(),
        }
    }

    fn options(&self, url: &str, work: Work) -> Result<ConnectOptions, OpenError> {
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        // The drivers know one name each.
        let scheme = match scheme {
            "postgresql" => "postgres",
            "mariadb" => "mysql",
            other => other,
        };
        let mut options = ConnectOptions::new(format!("{scheme}:{rest}"));
        options
            .max_connections(match work {
                Work::Verbs => self.max_connections,
                Work::Migrating => 1,
            })
            .acquire_timeout(self.timeout)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .record_stmt_in_spans(false);
        if self.schema.is_some() && scheme != "postgres" {
            return Err(OpenError::Setting("only PostgreSQL has schemas"));
        }
        self.options_of(scheme, &mut options, work)?;
        Ok(options)
    }

    #[cfg_attr(
        all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
        expect(unused_variables, reason = "SQLite limits no statement")
    )]
    fn options_of(
        &self,
        scheme: &str,
        options: &mut ConnectOptions,
        work: Work,
    ) -> Result<(), OpenError> {
        #[cfg(any(feature = "postgres", feature = "mysql"))]
        let limits = match work {
            Work::Verbs => Some(Limits::of_a_verb(self.timeout)),
            Work::Migrating => None,
        };
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite::options(options, self.timeout),
            #[cfg(feature = "postgres")]
            "postgres" => {
                postgres::options(options, self.schema.as_deref(), limits);
                Ok(())
            }
            #[cfg(feature = "mysql")]
            "mysql" => {
                mysql::options(options, limits);
                Ok(())
            }
            other => Err(OpenError::Url(format!("scheme {other:?}"))),
        }
    }
}

/// What connections are for.
#[derive(Clone, Copy)]
enum Work {
    Verbs,
    /// Takes as long as it takes.
    Migrating,
}
