//! The connection, with a bound on every wait, and the scripts.

use std::future::Future;
use std::time::Duration;

use auth_core::store::{StoreError, StoreResult};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, Script, ScriptInvocation};

#[derive(Clone)]
pub(crate) struct Connection {
    manager: ConnectionManager,
    timeout: Duration,
}

impl Connection {
    pub(crate) async fn open(url: &str, timeout: Duration) -> StoreResult<Self> {
        let client = redis::Client::open(url).map_err(StoreError::unavailable)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            // A verb that finds no server fails; the next one tries again.
            .set_number_of_retries(1);
        let manager = bounded(timeout, ConnectionManager::new_with_config(client, config)).await?;
        Ok(Self { manager, timeout })
    }

    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> StoreResult<T> {
        let mut manager = self.manager.clone();
        bounded(self.timeout, command.query_async(&mut manager)).await
    }

    pub(crate) async fn run_all<T: FromRedisValue>(&self, commands: &Pipeline) -> StoreResult<T> {
        let mut manager = self.manager.clone();
        bounded(self.timeout, commands.query_async(&mut manager)).await
    }

    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> StoreResult<T> {
        let mut manager = self.manager.clone();
        bounded(self.timeout, script.invoke_async(&mut manager)).await
    }
}

/// The manager's own limits count per attempt; this one counts for the verb's whole step, reconnecting included.
async fn bounded<T>(
    timeout: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> StoreResult<T> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => answer.map_err(StoreError::unavailable),
        Err(elapsed) => Err(StoreError::unavailable(elapsed)),
    }
}

/// Each touches one key.
pub(crate) struct Scripts {
    pub(crate) session_insert: Script,
    pub(crate) session_rotate: Script,
    pub(crate) session_touch: Script,
    pub(crate) session_revoke: Script,
    pub(crate) user_add: Script,
    pub(crate) one_time_put: Script,
    pub(crate) one_time_consume: Script,
    pub(crate) one_time_claim: Script,
    pub(crate) throttle_count: Script,
    pub(crate) throttle_take_back: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            session_insert: Script::new(include_str!("scripts/session_insert.lua")),
            session_rotate: Script::new(include_str!("scripts/session_rotate.lua")),
            session_touch: Script::new(include_str!("scripts/session_touch.lua")),
            session_revoke: Script::new(include_str!("scripts/session_revoke.lua")),
            user_add: Script::new(include_str!("scripts/user_add.lua")),
            one_time_put: Script::new(include_str!("scripts/one_time_put.lua")),
            one_time_consume: Script::new(include_str!("scripts/one_time_consume.lua")),
            one_time_claim: Script::new(include_str!("scripts/one_time_claim.lua")),
            throttle_count: Script::new(include_str!("scripts/throttle_count.lua")),
            throttle_take_back: Script::new(include_str!("scripts/throttle_take_back.lua")),
        }
    }
}
