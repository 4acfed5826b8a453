//! The store contract on SQLite: in memory, and in a file with several connections, where the races are real.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

use auth_store_seaorm::SeaOrmStore;

/// A database file of its own for each test, named after it; the one of an earlier run is removed.
fn fresh_file() -> PathBuf {
    let test = std::thread::current().name().unwrap().replace("::", ".");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract");
    for end in [".db", ".db-wal", ".db-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("{test}{end}")));
    }
    folder.join(format!("{test}.db"))
}

async fn in_file() -> SeaOrmStore {
    let url = format!("sqlite://{}", fresh_file().display());
    SeaOrmStore::open(&url).await.unwrap()
}

async fn in_memory() -> SeaOrmStore {
    SeaOrmStore::open("sqlite::memory:").await.unwrap()
}

mod file {
    use super::in_file;
    auth_core::store_contract!(in_file);
}

mod memory {
    use super::in_memory;
    auth_core::store_contract!(in_memory);
}
