//! The shapes of a write that the databases spell differently.
//!
//! SQLite and PostgreSQL do each in one statement: `ON CONFLICT`, `RETURNING`. MySQL and MariaDB share neither, and an
//! `INSERT IGNORE` cuts what does not fit without a word; so there an insert that meets a key in use fails, which undoes
//! that statement alone, and a row is read after it was changed. Affected rows are matched rows: the driver asks for
//! `CLIENT_FOUND_ROWS`.

use auth_core::store::{StoreError, StoreResult};
use sea_orm::sea_query::{
    Cond, Expr, ExprTrait as _, Func, InsertStatement, OnConflict, Query, SelectStatement,
    UpdateStatement,
};
use sea_orm::{DbBackend, DbErr, DynIden, FromQueryResult, QueryResult};

use super::failure::Cause;
use super::link::How;
use super::run::{Run, matches_nothing};

/// A column and what stands in it.
pub(crate) type Field = (&'static str, Expr);

/// Keys in one `IN` list.
pub(crate) const MOST_KEYS: usize = 500;

/// Looks at a row that changes hands all the time, before that counts as an error.
const MOST_LOOKS: usize = 16;

/// A number in a row that is counted up: the row is made when it is missing.
pub(crate) struct Count<'a> {
    pub(crate) table: &'a DynIden,
    /// The column of the key, and its value.
    pub(crate) key: (&'static str, &'a str),
    /// The whole row as it begins, and the number in it.
    pub(crate) first: &'a [Field],
    pub(crate) begins: i64,
    pub(crate) column: &'static str,
    pub(crate) by: i64,
    /// What else changes when it is counted up.
    pub(crate) set: Option<Field>,
    /// When it may be counted up; columns carry their table.
    pub(crate) when: Option<Expr>,
}

pub(crate) fn returns_rows(backend: DbBackend) -> bool {
    backend != DbBackend::MySql
}

/// An `INSERT` of one row.
pub(crate) fn insert(table: &DynIden, row: &[Field]) -> InsertStatement {
    let mut insert = Query::insert();
    let columns = row.iter().map(|(column, _)| *column);
    insert.into_table(table.clone()).columns(columns);
    add_row(&mut insert, row);
    insert
}

/// One more row, with the columns of the first.
fn add_row(insert: &mut InsertStatement, row: &[Field]) {
    // Columns and values came in pairs, so their number agrees: the only thing that is refused here.
    let _ = insert.values(row.iter().map(|(_, value)| value.clone()));
}

fn update_of(count: &Count<'_>, to: Expr) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(count.table.clone())
        .value(count.column, to)
        .values(count.set.clone())
        .and_where(Expr::col(count.key.0).eq(count.key.1));
    if let Some(when) = &count.when {
        update.and_where(when.clone());
    }
    update
}

/// Writes whose spelling depends on the database.
pub(crate) trait Dialect: Run + Sized {
    /// Inserts a row unless one of its keys is in use; whether it did.
    fn insert_if_free(
        &mut self,
        record: &'static str,
        table: &DynIden,
        row: &[Field],
    ) -> impl Future<Output = StoreResult<bool>> + Send {
        let mut insert = insert(table, row);
        if returns_rows(self.backend()) {
            insert.on_conflict(OnConflict::new().do_nothing().to_owned());
        }
        let statement = self.backend().build(&insert);
        async move {
            if matches_nothing(&statement) {
                return Err(StoreError::corrupt(record, "NUL in a text"));
            }
            match self.run(statement, How::Execute).await {
                Ok(answer) => Ok(answer.touched > 0),
                Err(failure) if failure.cause == Cause::Taken => Ok(false),
                Err(failure) => Err(failure.into_store_error(record)),
            }
        }
    }

    /// Inserts rows with the same columns, those whose keys are free, in one statement. A key in use is no error, save on
    /// MySQL and MariaDB: there it is the contract's, and nothing was written.
    fn insert_all_if_free<const N: usize>(
        &mut self,
        record: &'static str,
        table: &DynIden,
        rows: &[[Field; N]],
    ) -> impl Future<Output = StoreResult<()>> + Send {
        let statement = rows.split_first().map(|(first, rest)| {
            let mut all = insert(table, first);
            for row in rest {
                add_row(&mut all, row);
            }
            if returns_rows(self.backend()) {
                all.on_conflict(OnConflict::new().do_nothing().to_owned());
            }
            self.backend().build(&all)
        });
        async move {
            let Some(statement) = statement else {
                return Ok(());
            };
            if matches_nothing(&statement) {
                return Err(StoreError::corrupt(record, "NUL in a text"));
            }
            let answer = self.run(statement, How::Execute).await;
            answer
                .map(drop)
                .map_err(|failure| failure.into_store_error(record))
        }
    }

    /// Inserts a row; a key in use is the contract's error.
    fn insert(
        &mut self,
        record: &'static str,
        table: &DynIden,
        row: &[Field],
    ) -> impl Future<Output = StoreResult<()>> + Send {
        let inserted = self.insert_if_free(record, table, row);
        async move {
            if inserted.await? {
                return Ok(());
            }
            Err(StoreError::Exists { record })
        }
    }

    /// Changes at most one row and returns `columns` of it as it stands then; `same` finds that row by its key.
    fn update_returning<R: FromQueryResult>(
        &mut self,
        record: &'static str,
        mut update: UpdateStatement,
        columns: &[&'static str],
        same: SelectStatement,
    ) -> impl Future<Output = StoreResult<Option<R>>> + Send {
        if returns_rows(self.backend()) {
            update.returning(Query::returning().columns(columns.iter().copied()));
        }
        async move {
            if returns_rows(self.backend()) {
                let rows = self.rows(record, &update, How::Change).await?;
                return Ok(rows.into_iter().next());
            }
            match self.write(record, &update).await? {
                0 => Ok(None),
                _ => self.one(record, &same).await,
            }
        }
    }

    /// Deletes the rows of `table` that meet `which` and returns `column`, their key. To be used in a transaction.
    fn delete_returning(
        &mut self,
        record: &'static str,
        table: &DynIden,
        column: &'static str,
        which: &Cond,
    ) -> impl Future<Output = StoreResult<Vec<String>>> + Send {
        let mut delete = Query::delete();
        delete.from_table(table.clone()).cond_where(which.clone());
        let lock = Query::select()
            .column(column)
            .from(table.clone())
            .cond_where(which.clone())
            .lock_exclusive()
            .take();
        let table = table.clone();
        async move {
            if returns_rows(self.backend()) {
                delete.returning_col(column);
                let keys: Vec<KeyRow> = self.rows(record, &delete, How::Change).await?;
                return Ok(keys.into_iter().map(|row| row.0).collect());
            }
            let keys: Vec<KeyRow> = self.all(record, &lock).await?;
            let keys: Vec<_> = keys.into_iter().map(|row| row.0).collect();
            // By key: what came meanwhile was not locked, and nobody would be told of it.
            for some in keys.chunks(MOST_KEYS) {
                let delete = Query::delete()
                    .from_table(table.clone())
                    .and_where(Expr::col(column).is_in(some))
                    .take();
                self.write(record, &delete).await?;
            }
            Ok(keys)
        }
    }

    /// Inserts `row`, or puts it over the one that has its key, the first `key` columns of it, if that one meets
    /// `over` (whose columns carry their table). Whether it did.
    fn claim(
        &mut self,
        record: &'static str,
        table: &DynIden,
        key: usize,
        row: &[Field],
        over: &Expr,
    ) -> impl Future<Output = StoreResult<bool>> + Send {
        let (keys, rest) = row.split_at(key);
        let same = keys.iter().fold(Cond::all(), |same, (column, value)| {
            same.add(Expr::col(*column).eq(value.clone()))
        });
        let upsert = insert(table, row)
            .on_conflict(
                OnConflict::columns(keys.iter().map(|(column, _)| *column))
                    .update_columns(rest.iter().map(|(column, _)| *column))
                    .action_and_where(over.clone())
                    .to_owned(),
            )
            .take();
        let replace = Query::update()
            .table(table.clone())
            .values(rest.iter().cloned())
            .cond_where(same.clone())
            .and_where(over.clone())
            .take();
        let stands = Query::select()
            .expr_as(Expr::val(1_i64), "stands")
            .from(table.clone())
            .cond_where(same)
            .and_where(over.clone().not())
            .take();
        let (table, row) = (table.clone(), row.to_vec());
        async move {
            if returns_rows(self.backend()) {
                return Ok(self.write(record, &upsert).await? > 0);
            }
            for _ in 0..MOST_LOOKS {
                if self.insert_if_free(record, &table, &row).await?
                    || self.write(record, &replace).await? > 0
                {
                    return Ok(true);
                }
                // If not: gone, or changed since.
                if self.one::<NumberRow>(record, &stands).await?.is_some() {
                    return Ok(false);
                }
            }
            Err(StoreError::unavailable(
                "a row that changes hands all the time",
            ))
        }
    }

    /// Counts up, or makes the row; the number that stands then. `None` when it may not be counted up, or two made the
    /// row at once.
    fn count(
        &mut self,
        record: &'static str,
        count: &Count<'_>,
    ) -> impl Future<Output = StoreResult<Option<i64>>> + Send {
        let backend = self.backend();
        let column = count.column;
        let next = Expr::col((count.table.clone(), column)).add(count.by);
        let mut over = OnConflict::column(count.key.0);
        over.value(column, next.clone()).values(count.set.clone());
        if let Some(when) = &count.when {
            over.action_and_where(when.clone());
        }
        let upsert = insert(count.table, count.first)
            .on_conflict(over)
            .returning_col(column)
            .take();
        // `LAST_INSERT_ID(x)` hands x back with the answer to the very statement.
        let handed_back = Func::cust("LAST_INSERT_ID").arg(next).into();
        let update = backend.build(&update_of(count, handed_back));
        let (table, first) = (count.table.clone(), count.first.to_vec());
        let begins = count.begins;
        async move {
            if returns_rows(backend) {
                let rows: Vec<NumberRow> = self.rows(record, &upsert, How::Change).await?;
                return Ok(rows.first().map(|row| row.0));
            }
            let answer = self.run(update, How::Execute).await;
            let answer = answer.map_err(|failure| failure.into_store_error(record))?;
            if answer.touched > 0 {
                let counted = i64::try_from(answer.last_insert_id);
                return counted
                    .map(Some)
                    .map_err(|error| StoreError::corrupt(record, error));
            }
            let inserted = self.insert_if_free(record, &table, &first).await?;
            Ok(inserted.then_some(begins))
        }
    }
}

impl<R: Run> Dialect for R {}

/// A key that is text.
struct KeyRow(String);

/// A number.
struct NumberRow(i64);

impl FromQueryResult for KeyRow {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        row.try_get_by_index(0).map(Self)
    }
}

impl FromQueryResult for NumberRow {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        row.try_get_by_index(0).map(Self)
    }
}
