//! Everything that only PostgreSQL has.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::{AssertSqlSafe, Executor as _};

use super::Limits;

/// What every connection is told once, in one round trip.
fn settings(schema: Option<&str>, limits: Option<Limits>) -> String {
    // The host's own search path stays behind the schema.
    let search_path = schema.map(|schema| {
        let quoted = quote(schema).replace('\'', "''");
        let path = format!("'{quoted}, ' || current_setting('search_path')");
        format!("SELECT set_config('search_path', {path}, false)")
    });
    format!(
        "SET default_transaction_isolation = 'read committed'; {}; {}",
        limits.map(of).unwrap_or_default(),
        search_path.unwrap_or_default()
    )
}

fn of(limits: Limits) -> String {
    // Zero would be no limit.
    let millis = |limit: Duration| limit.as_millis().max(1);
    format!(
        "SET lock_timeout = {}; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}",
        millis(limits.lock_wait),
        millis(limits.statement),
        millis(limits.idle_transaction)
    )
}

/// A name as SQL quotes it.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn options(options: &mut ConnectOptions, schema: Option<&str>, limits: Option<Limits>) {
    let settings = settings(schema, limits);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let settings = settings.clone();
        pool.after_connect(move |connection, _| {
            let settings = AssertSqlSafe(settings.clone());
            Box::pin(async move { connection.execute(settings).await.map(drop) })
        })
    });
}
