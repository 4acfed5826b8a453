//! Everything that only MySQL and MariaDB have.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _};

/// What every connection is told once, in one round trip. `READ COMMITTED` locks the rows a statement meets and not the
/// gaps between them, so that writers of different rows do not wait for each other; the strict mode refuses what does
/// not fit instead of cutting it. On MariaDB a transaction whose node vanished without a word ends soon: what it holds,
/// others wait for. MySQL reads that as a comment; it has no such setting.
fn settings(server_timeout: Duration) -> String {
    let seconds = server_timeout.as_secs() + 1;
    format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
         SESSION innodb_lock_wait_timeout = {seconds} \
         /*M!100300 , SESSION idle_transaction_timeout = {seconds} */"
    )
}

pub(super) fn options(options: &mut ConnectOptions, server_timeout: Duration) {
    let settings = settings(server_timeout);
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
