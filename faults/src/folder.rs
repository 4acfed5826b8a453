//! Folders for SQLite files.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;

/// A folder that is gone when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes something outside")]
    pub fn new() -> Self {
        let random = RandomState::new().hash_one(std::process::id());
        let folder = std::env::temp_dir().join(format!("faults.{random:016x}"));
        std::fs::create_dir(&folder).expect("a new folder");
        Self(folder)
    }

    /// The URL of a database in it.
    pub fn sqlite(&self) -> String {
        format!("sqlite://{}", self.0.join("app.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
