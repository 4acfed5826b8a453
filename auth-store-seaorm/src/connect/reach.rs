//! Whether a server is there at all.

use std::io::{Error as IoError, ErrorKind};
use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DbErr, RuntimeErr};
use sqlx::{ConnectOptions as _, Connection as _, Database as Driver, Pool as SqlxPool};
use tokio::time::timeout;

use crate::database::Pool;

/// Connects once and says what became of it. A pool tries again as long as it may, and then knows only that it waited.
pub(super) async fn once(mut options: ConnectOptions, limit: Duration) -> Result<(), DbErr> {
    options.connect_lazy(true);
    let connection = Database::connect(options).await?;
    let reached = match Pool::of(&connection) {
        #[cfg(feature = "postgres")]
        Pool::Postgres(pool) => by(&pool, limit).await,
        #[cfg(feature = "mysql")]
        Pool::MySql(pool) => by(&pool, limit).await,
        _ => Ok(()),
    };
    reached.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

async fn by<D: Driver>(pool: &SqlxPool<D>, limit: Duration) -> sqlx::Result<()> {
    let reach = async { pool.connect_options().connect().await?.close().await };
    let late = || IoError::new(ErrorKind::TimedOut, "the server did not answer");
    timeout(limit, reach)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(late())))
}
