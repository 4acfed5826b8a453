//! Everything that only SQLite has.

use std::str::FromStr as _;
use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::OpenError;

/// As much of the file is mapped into memory, and no more of it is resident than is used.
const MAPPED_BYTES: &str = "1073741824";

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
            // Another process may hold the file; within this one writers wait for their turn.
            let sqlite = sqlite.foreign_keys(true).busy_timeout(timeout);
            if in_memory {
                return sqlite;
            }
            let sqlite = sqlite
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
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
