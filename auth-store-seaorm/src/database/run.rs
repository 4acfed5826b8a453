//! Running statements: what every verb and every transaction can do. Errors become the contract's.

use auth_core::store::{StoreError, StoreResult};
use sea_orm::sea_query::Value;
use sea_orm::{DbBackend, FromQueryResult, Statement, StatementBuilder};

use super::failure::Failure;
use super::link::{Answer, How};

/// Runs statements, each by itself or all in one transaction.
pub(crate) trait Run: Send {
    fn backend(&self) -> DbBackend;

    fn run(
        &mut self,
        statement: Statement,
        how: How,
    ) -> impl Future<Output = Result<Answer, Failure>> + Send;

    /// Runs a statement that answers with rows.
    fn rows<R: FromQueryResult>(
        &mut self,
        record: &'static str,
        statement: &impl StatementBuilder,
        how: How,
    ) -> impl Future<Output = StoreResult<Vec<R>>> + Send {
        let statement = self.backend().build(statement);
        async move {
            if matches_nothing(&statement) {
                return Ok(Vec::new());
            }
            let answer = self.run(statement, how).await;
            let answer = answer.map_err(|failure| failure.into_store_error(record))?;
            let parsed = answer
                .rows
                .iter()
                .map(|row| R::from_query_result(row, ""))
                .collect::<Result<_, _>>();
            parsed.map_err(|error| StoreError::corrupt(record, error))
        }
    }

    fn all<R: FromQueryResult>(
        &mut self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> impl Future<Output = StoreResult<Vec<R>>> + Send {
        self.rows(record, statement, How::Read)
    }

    fn one<R: FromQueryResult>(
        &mut self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> impl Future<Output = StoreResult<Option<R>>> + Send {
        let rows = self.rows(record, statement, How::ReadOne);
        async move { Ok(rows.await?.into_iter().next()) }
    }

    /// Runs an `UPDATE` or a `DELETE`; how many rows it met.
    fn write(
        &mut self,
        record: &'static str,
        statement: &impl StatementBuilder,
    ) -> impl Future<Output = StoreResult<u64>> + Send {
        let statement = self.backend().build(statement);
        async move {
            if matches_nothing(&statement) {
                return Ok(0);
            }
            let answer = self.run(statement, How::Execute).await;
            Ok(answer
                .map_err(|failure| failure.into_store_error(record))?
                .touched)
        }
    }
}

/// Whether the statement carries a text that PostgreSQL has no form for: NUL ends a text there. No row holds one, so
/// a look-up by it finds nothing, as on the other databases. (No caller sets one either: lists and objects are JSON,
/// which escapes it, and the rest comes from HTTP headers or was stored before.)
pub(super) fn matches_nothing(statement: &Statement) -> bool {
    let nul = |value: &Value| matches!(value, Value::String(Some(text)) if text.contains('\0'));
    statement.db_backend == DbBackend::Postgres
        && statement
            .values
            .as_ref()
            .is_some_and(|values| values.0.iter().any(nul))
}
