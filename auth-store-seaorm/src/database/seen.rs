//! What was sent to the database, for the tests that count and explain it.

use std::sync::Mutex;

use sea_orm::{DbBackend, Statement};

#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<Statement>>);

impl Seen {
    pub(super) fn note(&self, statement: &Statement) {
        if let Ok(mut seen) = self.0.lock() {
            seen.push(statement.clone());
        }
    }

    pub(super) fn note_sql(&self, backend: DbBackend, sql: &str) {
        self.note(&Statement::from_string(backend, sql));
    }

    /// Everything since the last time.
    pub(crate) fn take(&self) -> Vec<Statement> {
        self.0
            .lock()
            .map(|mut seen| std::mem::take(&mut *seen))
            .unwrap_or_default()
    }
}
