//! The steps of a verb.

use std::future::Future;

use auth_core::store::{StoreError, StoreResult};
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, Value};
use tokio::time::Instant;

use super::Connection;
use super::node::Request;
use crate::scripts::Call;

/// The steps of a verb, which end together within the time allowed.
#[derive(Clone, Copy)]
pub(crate) struct Verb<'a> {
    connection: &'a Connection,
    began: Instant,
}

impl<'a> Verb<'a> {
    /// Starts the clock.
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            began: Instant::now(),
        }
    }

    /// Runs a command on a key.
    pub(crate) async fn run<T: FromRedisValue>(&self, key: &str, command: Cmd) -> StoreResult<T> {
        let request = Request::new(command);
        self.in_time(key, async {
            let mut answers = self.connection.link.send(key, &request).await?;
            convert(&mut answers)
        })
        .await
    }

    /// Runs a script.
    pub(crate) async fn call<T: FromRedisValue>(&self, call: &Call<'_>) -> StoreResult<T> {
        self.in_time(call.key(), async {
            let mut answers = self.script(call, None).await?;
            convert(&mut answers)
        })
        .await
    }

    /// Runs a script whose write must not be forgotten when `decides` says so of its answer.
    pub(crate) async fn decide<T: FromRedisValue>(
        &self,
        call: &Call<'_>,
        decides: impl Fn(&T) -> bool,
    ) -> StoreResult<T> {
        let replicas = self.connection.replicas;
        if replicas == 0 {
            return self.call(call).await;
        }
        self.in_time(call.key(), async {
            let wait = self.wait();
            let mut answers = self.script(call, Some(&wait)).await?;
            let acknowledged =
                matches!(answers.get(1), Some(Value::Int(count)) if *count >= i64::from(replicas));
            let answer = convert(&mut answers)?;
            if acknowledged || !decides(&answer) {
                return Ok(answer);
            }
            Err((ErrorKind::Client, "too few replicas have the write").into())
        })
        .await
    }

    async fn script(&self, call: &Call<'_>, wait: Option<&Cmd>) -> RedisResult<Vec<Value>> {
        let request = |command: Cmd| match wait {
            Some(wait) => Request::acknowledged(command, wait.clone()),
            None => Request::new(command),
        };
        let link = &self.connection.link;
        match link.send(call.key(), &request(call.by_digest())).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                Box::pin(link.send(call.key(), &request(call.by_source()))).await
            }
            answer => answer,
        }
    }

    fn wait(&self) -> Cmd {
        // Zero would be without end.
        let longest = (self.connection.timeout / 2).as_millis().max(1);
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.connection.replicas)
            .arg(u64::try_from(longest).unwrap_or(u64::MAX));
        wait
    }

    async fn in_time<T>(
        &self,
        key: &str,
        step: impl Future<Output = RedisResult<T>>,
    ) -> StoreResult<T> {
        let end = self.began + self.connection.timeout;
        match tokio::time::timeout_at(end, step).await {
            Ok(answer) => answer.map_err(StoreError::unavailable),
            Err(elapsed) => {
                self.connection.link.doubt(key, self.began);
                Err(StoreError::unavailable(elapsed))
            }
        }
    }
}

fn convert<T: FromRedisValue>(answers: &mut Vec<Value>) -> RedisResult<T> {
    let first = if answers.is_empty() {
        Value::Nil
    } else {
        answers.swap_remove(0)
    };
    // The driver's own error would show the value.
    T::from_redis_value(first).map_err(|_| {
        let kind = ErrorKind::UnexpectedReturnType;
        (kind, "an answer that this store does not expect").into()
    })
}
