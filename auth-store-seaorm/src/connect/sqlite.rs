//! Everything that only SQLite has.

use std::str::FromStr as _;
use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::time::{Instant, sleep};

use super::OpenError;
use crate::database::is_busy;

/// As much of the file is mapped into memory, and no more of it is resident than is used.
const MAPPED_BYTES: &str = "1073741824";

const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// The first connection turns the file to WAL, and there SQLite itself does not wait for who writes.
pub(super) async fn connect(
    options: ConnectOptions,
    timeout: Duration,
) -> Result<DatabaseConnection, DbErr> {
    let deadline = Instant::now() + timeout;
    loop {
        match Database::connect(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
            connected => return connected,
        }
    }
}

pub(super) fn options(options: &mut ConnectOptions, timeout: Duration) -> Result<(), OpenError> {
    let url = options.get_url().to_owned();
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let parsed =
        SqliteConnectOptions::from_str(&url).map_err(|error| OpenError::Url(error.to_string()))?;
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
            // Another process may hold the file; within this one writers wait for their turn. No table here has a
            // foreign key, but one of the host's may point at ours, and is heeded by who deletes there.
            let sqlite = sqlite.foreign_keys(true).busy_timeout(timeout);
            if in_memory {
                return sqlite;
            }
            let sqlite = sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // With less, a power cut undoes commits that were answered: what was spent could be spent again.
                .synchronous(SqliteSynchronous::Full)
                // A large file is read in place: without this each page that is not in the small cache is a system
                // call, and look-ups slow down as tables grow.
                .pragma("mmap_size", MAPPED_BYTES);
            if may_create {
                sqlite.create_if_missing(true)
            } else {
                sqlite
            }
        });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, Statement};

    /// What a connection with these options answers to a pragma.
    async fn pragma(url: &str, name: &str) -> String {
        let mut options = ConnectOptions::new(url);
        super::options(&mut options, Duration::from_secs(1)).unwrap();
        let connection = Database::connect(options).await.unwrap();
        // The one that calls its column by another name.
        let column = name.strip_prefix("busy_").unwrap_or(name);
        let sql = format!("SELECT CAST(\"{column}\" AS TEXT) FROM pragma_{name}");
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn every_connection_waits_for_other_processes_and_heeds_what_points_at_its_rows() {
        let folder = std::env::temp_dir().join(format!("auth-store-keys-{}", std::process::id()));
        let url = format!("sqlite://{}", folder.join("app.db").display());
        for url in [url.as_str(), "sqlite::memory:"] {
            // In milliseconds; what is not set waits for five seconds.
            assert_eq!(pragma(url, "busy_timeout").await, "1000");
            assert_eq!(pragma(url, "foreign_keys").await, "1");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_commit_is_on_disk_before_it_is_answered() {
        let folder = std::env::temp_dir().join(format!("auth-store-{}", std::process::id()));
        let url = format!("sqlite://{}", folder.join("app.db").display());
        assert_eq!(pragma(&url, "journal_mode").await, "wal");
        // 2 is FULL: in this mode the log is synchronized at every commit, with 1 it is not.
        assert_eq!(pragma(&url, "synchronous").await, "2");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
