//! Everything that only MySQL and MariaDB have.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _};

use super::Limits;

/// What every connection is told once, in one round trip. `READ COMMITTED` locks the rows a statement meets and not the
/// gaps between them, so that writers of different rows do not wait for each other; the strict mode refuses what does
/// not fit instead of cutting it.
fn settings(limits: Option<Limits>) -> String {
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION' {}",
        limits.map(of).unwrap_or_default()
    )
}

/// A lock is waited for in whole seconds, one at least; MariaDB ends a shorter wait by its limit for statements. MySQL
/// reads what is MariaDB's as a comment, and the other way round: it limits statements that only read, and no idle
/// transaction.
fn of(limits: Limits) -> String {
    let seconds = limits.lock_wait.as_secs().max(1);
    let statement = limits.statement.max(Duration::from_millis(1));
    let idle = limits.idle_transaction.as_secs() + 1;
    format!(
        ", SESSION innodb_lock_wait_timeout = {seconds} \
         /*!50708 , SESSION max_execution_time = {} */ \
         /*M!100300 , SESSION max_statement_time = {}, SESSION idle_transaction_timeout = {idle} */",
        statement.as_millis(),
        statement.as_secs_f64()
    )
}

pub(super) fn options(options: &mut ConnectOptions, limits: Option<Limits>) {
    let settings = settings(limits);
    options
        .map_sqlx_mysql_opts(|mysql| {
            // Nothing here holds a time of day or a concatenation, and the mode is set below.
            mysql
                .charset("utf8mb4")
                .timezone(None)
                .pipes_as_concat(false)
                .no_engine_substitution(false)
        })
        .map_sqlx_mysql_pool_opts(move |pool| {
            let settings = settings.clone();
            pool.after_connect(move |connection, _| {
                let settings = AssertSqlSafe(settings.clone());
                Box::pin(async move { connection.execute(settings).await.map(drop) })
            })
        });
}
