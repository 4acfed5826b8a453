//! Everything that only PostgreSQL has.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _};

/// What every connection is told once, in one round trip. A transaction whose node vanished without a word ends soon:
/// what it holds, others wait for.
fn settings(schema: Option<&str>, server_timeout: Duration) -> String {
    let millis = server_timeout.as_millis();
    // The host's own search path stays behind the schema.
    let search_path = schema.map(|schema| {
        let quoted = quote(schema).replace('\'', "''");
        let path = format!("'{quoted}, ' || current_setting('search_path')");
        format!("SELECT set_config('search_path', {path}, false)")
    });
    format!(
        "SET default_transaction_isolation = 'read committed'; SET lock_timeout = {millis}; \
         SET statement_timeout = {millis}; SET idle_in_transaction_session_timeout = {millis}; {}",
        search_path.unwrap_or_default()
    )
}

/// A name as SQL quotes it.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn options(
    options: &mut ConnectOptions,
    schema: Option<&str>,
    server_timeout: Duration,
) {
    let settings = settings(schema, server_timeout);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let settings = settings.clone();
        pool.after_connect(move |connection, _| {
            let settings = AssertSqlSafe(settings.clone());
            Box::pin(async move { connection.execute(settings).await.map(drop) })
        })
    });
}
