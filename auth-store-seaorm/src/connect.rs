//! Opening a database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};

use crate::migration::Migrator;
use crate::query::Database;
use crate::tables::Tables;
use crate::{SeaOrmStore, tables};

/// Longest wait for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not one of a database this build speaks to.
    #[error(
        "not a database URL this build can open ({0}); SQLite is written sqlite://path/to/app.db"
    )]
    Url(String),
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

/// Settings of a [`SeaOrmStore`].
#[derive(Clone, Debug)]
pub struct SeaOrmStoreBuilder {
    prefix: String,
    max_connections: u32,
    migrate: bool,
}

impl Default for SeaOrmStoreBuilder {
    fn default() -> Self {
        Self {
            prefix: tables::DEFAULT_PREFIX.to_owned(),
            max_connections: 8,
            migrate: true,
        }
    }
}

impl SeaOrmStoreBuilder {
    /// What table names begin with; `auth_` when not set.
    #[must_use]
    pub fn table_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
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

    /// Connects, migrates, and returns the store.
    pub async fn open(self, url: &str) -> Result<SeaOrmStore, OpenError> {
        let options = self.options(url)?;
        let connection = sea_orm::Database::connect(options).await?;
        if self.migrate {
            Migrator::with_prefix(&self.prefix).run(&connection).await?;
        }
        Ok(self.connection(connection))
    }

    /// The store on a connection of the host's. Does not migrate.
    pub fn connection(self, connection: DatabaseConnection) -> SeaOrmStore {
        SeaOrmStore {
            db: Arc::new(Database::new(connection)),
            tables: Arc::new(Tables::new(&self.prefix)),
        }
    }

    fn options(&self, url: &str) -> Result<ConnectOptions, OpenError> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(self.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .sqlx_logging(false)
            .record_stmt_in_spans(false);
        #[cfg(feature = "sqlite")]
        if url.starts_with("sqlite:") {
            return sqlite::options(options, url);
        }
        let scheme = url.split(':').next().unwrap_or_default();
        Err(OpenError::Url(format!("scheme {scheme:?}")))
    }
}

/// Everything that only SQLite has.
#[cfg(feature = "sqlite")]
mod sqlite {
    use std::str::FromStr as _;
    use std::time::Duration;

    use sea_orm::ConnectOptions;
    use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    use super::OpenError;

    /// How long a write waits for the lock of a file that another process writes.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    pub(super) fn options(
        mut options: ConnectOptions,
        url: &str,
    ) -> Result<ConnectOptions, OpenError> {
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let parsed = SqliteConnectOptions::from_str(url)
            .map_err(|error| OpenError::Url(error.to_string()))?;
        let may_create = !in_memory && !url.contains("mode=");
        if may_create {
            let folder = parsed.get_filename().parent();
            if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder {
                    folder: folder.to_owned(),
                    source,
                })?;
            }
        }
        if in_memory {
            // The data lives as long as the connection does.
            options.max_connections(1).min_connections(1);
        }
        options
            .idle_timeout(None)
            .max_lifetime(None)
            .map_sqlx_sqlite_opts(move |sqlite| {
                let sqlite = sqlite.foreign_keys(true).busy_timeout(BUSY_TIMEOUT);
                if in_memory {
                    return sqlite;
                }
                let sqlite = sqlite
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal);
                if may_create {
                    sqlite.create_if_missing(true)
                } else {
                    sqlite
                }
            });
        Ok(options)
    }
}
