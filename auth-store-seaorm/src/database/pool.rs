//! The pool of connections, whichever driver's.

use auth_core::store::Reach;
use sea_orm::{DatabaseConnection, DatabaseConnectionType};

use super::failure::Failure;
use super::link::Wire;

pub(crate) enum Pool {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlPool),
    /// A connection without a pool of a driver this build has: every verb fails.
    None,
}

impl Pool {
    pub(crate) fn of(connection: &DatabaseConnection) -> Self {
        match &connection.inner {
            #[cfg(feature = "sqlite")]
            DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
                Self::Sqlite(connection.get_sqlite_connection_pool().clone())
            }
            #[cfg(feature = "postgres")]
            DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
                Self::Postgres(connection.get_postgres_connection_pool().clone())
            }
            #[cfg(feature = "mysql")]
            DatabaseConnectionType::SqlxMySqlPoolConnection(_) => {
                Self::MySql(connection.get_mysql_connection_pool().clone())
            }
            #[allow(
                unreachable_patterns,
                clippy::allow_attributes,
                reason = "which there are depends on features, also those that others turn on"
            )]
            _ => Self::None,
        }
    }

    /// A connection of the pool, or a new one.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
        expect(
            clippy::unused_async,
            reason = "waits for a connection where there are any"
        )
    )]
    pub(crate) async fn acquire(&self) -> Result<Wire, Failure> {
        let wire = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => Wire::Sqlite(pool.acquire().await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Wire::Postgres(pool.acquire().await?),
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => Wire::MySql(pool.acquire().await?),
            Self::None => {
                return Err(Failure::other(
                    "no driver of this build has such connections",
                ));
            }
        };
        #[allow(
            unreachable_code,
            clippy::allow_attributes,
            reason = "a build without any driver never comes here"
        )]
        Ok(wire)
    }

    /// How many may be open at once, where opening one is a journey.
    pub(crate) fn places(&self) -> Option<u32> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Some(pool.options().get_max_connections()),
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => Some(pool.options().get_max_connections()),
            _ => None,
        }
    }

    /// Whether one stands ready.
    pub(crate) fn has_idle(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.num_idle() > 0,
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => pool.num_idle() > 0,
            _ => true,
        }
    }

    /// Closes the connections that nobody uses. Not for SQLite: one of them may be all there is of the database.
    pub(crate) fn drop_idle(&self) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => {
                while let Some(idle) = pool.try_acquire() {
                    drop(idle.detach());
                }
            }
            #[cfg(feature = "mysql")]
            Self::MySql(pool) => {
                while let Some(idle) = pool.try_acquire() {
                    drop(idle.detach());
                }
            }
            _ => {}
        }
    }

    pub(crate) fn reach(&self) -> Reach {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => {
                let options = pool.connect_options();
                let name = options.get_filename().to_string_lossy();
                if name.contains(":memory:") || name.starts_with("file:sqlx-in-memory") {
                    Reach::Node("a SQLite database in memory")
                } else {
                    Reach::Node("a SQLite file")
                }
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Reach::Shared,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => Reach::Shared,
            Self::None => Reach::Node("a connection that no driver of this build has"),
        }
    }
}
