//! What went wrong, as far as it decides what happens next.

use auth_core::store::StoreError;
#[cfg(feature = "sqlite")]
use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::{DatabaseError, Error, ErrorKind};

/// How a failed statement is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A unique key is in use.
    Taken,
    /// The database undid the statement, or the transaction, because of another one, and says: again.
    Again,
    /// The connection is of no more use.
    Lost,
    /// Anything else.
    Other,
}

/// A statement that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    error: Box<dyn std::error::Error + Send + Sync>,
}

impl Failure {
    /// The time of the verb is over.
    pub(crate) fn too_late(waiting_for: &'static str) -> Self {
        Self {
            cause: Cause::Other,
            error: format!("no time left while waiting for {waiting_for}").into(),
        }
    }

    /// The connection cannot be used any longer.
    pub(crate) fn lost(why: &'static str) -> Self {
        Self {
            cause: Cause::Lost,
            error: why.into(),
        }
    }

    pub(crate) fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            cause: Cause::Other,
            error: error.into(),
        }
    }

    pub(crate) fn into_store_error(self, record: &'static str) -> StoreError {
        match self.cause {
            Cause::Taken => StoreError::Exists { record },
            _ => StoreError::Unavailable(self.error),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let cause = match &error {
            Error::Database(error) => of_database(error.as_ref()),
            Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => Cause::Lost,
            _ => Cause::Other,
        };
        Self {
            cause,
            error: error.into(),
        }
    }
}

/// Whether somebody else holds what this needed.
#[cfg(feature = "sqlite")]
pub(crate) fn is_busy(error: &DbErr) -> bool {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = error else {
        return false;
    };
    let RuntimeErr::SqlxError(error) = error else {
        return false;
    };
    let error = error.as_database_error();
    error.is_some_and(|error| of_database(error) == Cause::Again)
}

fn of_database(error: &dyn DatabaseError) -> Cause {
    if error.kind() == ErrorKind::UniqueViolation {
        return Cause::Taken;
    }
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return of_mysql(error.number());
    }
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        return of_postgres(error.code());
    }
    #[cfg(feature = "sqlite")]
    if let Some(error) = error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        let code = error.code().and_then(|code| code.parse::<u32>().ok());
        return of_sqlite(code.unwrap_or_default());
    }
    Cause::Other
}

/// SQLSTATEs (PostgreSQL, Appendix A).
#[cfg(feature = "postgres")]
fn of_postgres(code: &str) -> Cause {
    match code {
        // serialization_failure, deadlock_detected, lock_not_available.
        "40001" | "40P01" | "55P03" => Cause::Again,
        // The administrator, a crash, an idle limit; and a primary that became a standby while connections to it
        // stayed: new ones find the new primary.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25006" => Cause::Lost,
        code if code.starts_with("08") => Cause::Lost,
        _ => Cause::Other,
    }
}

/// Error numbers that MySQL and MariaDB share, save where said.
#[cfg(feature = "mysql")]
fn of_mysql(number: u16) -> Cause {
    match number {
        // Lock wait timeout, deadlock, a statement to be prepared anew; MariaDB: the record changed since it was read.
        1205 | 1213 | 1615 | 1020 => Cause::Again,
        // Shutdown, network errors, killed (MariaDB), idle for too long (MySQL); and a server that became read-only.
        1053 | 1158..=1161 | 1927 | 4031 | 1290 | 1792 | 1836 => Cause::Lost,
        _ => Cause::Other,
    }
}

/// Result codes; the lowest byte is the primary one.
#[cfg(feature = "sqlite")]
fn of_sqlite(code: u32) -> Cause {
    const BUSY: u32 = 5;
    match code & 0xff {
        BUSY => Cause::Again,
        _ => Cause::Other,
    }
}
