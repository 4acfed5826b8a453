//! One server: alone, in a cluster, or the one that sentinels call the primary.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::time::Instant;

use super::lane::{Lane, Live, OnEnd, connect};
use super::sentinel;
use crate::address::SentinelAddress;
use crate::watch::Check;

pub(super) enum Place {
    Server(ConnectionInfo),
    Sentinels(SentinelAddress),
}

pub(super) struct Node {
    place: Place,
    timeout: Duration,
    lane: Lane,
    /// For what replicas must acknowledge: it holds back whatever comes after it on its connection.
    acknowledged: Lane,
}

/// A command, and what goes with it.
pub(super) struct Request {
    command: Cmd,
    wait: Option<Cmd>,
}

impl Request {
    pub(super) fn new(command: Cmd) -> Self {
        Self {
            command,
            wait: None,
        }
    }

    pub(super) fn acknowledged(command: Cmd, wait: Cmd) -> Self {
        Self {
            command,
            wait: Some(wait),
        }
    }
}

/// Why there is no answer.
pub(super) enum Failure {
    /// Nothing was sent.
    Unsent(RedisError),
    /// Refused, or lost with the connection: then it may have been done.
    Sent(RedisError),
}

impl From<Failure> for RedisError {
    fn from(failure: Failure) -> Self {
        let (Failure::Unsent(error) | Failure::Sent(error)) = failure;
        error
    }
}

impl Node {
    pub(super) fn new(place: Place, timeout: Duration) -> Self {
        Self {
            place,
            timeout,
            lane: Lane::default(),
            acknowledged: Lane::default(),
        }
    }

    /// Connects, so that a server that is not there is found out.
    pub(super) async fn greet(&self) -> RedisResult<()> {
        self.lane.connection(|on_end| self.open(on_end)).await?;
        Ok(())
    }

    async fn open(&self, on_end: OnEnd) -> RedisResult<MultiplexedConnection> {
        match &self.place {
            Place::Server(info) => connect(info, self.timeout, Some(on_end)).await,
            Place::Sentinels(address) => {
                let primary = sentinel::primary(address, self.timeout).await?;
                connect(&primary, self.timeout, Some(on_end)).await
            }
        }
    }

    /// The answers to a command and, if there is one, to its `WAIT`.
    pub(super) async fn send(
        &self,
        request: &Request,
        asking: bool,
    ) -> Result<Vec<Value>, Failure> {
        let lane = match request.wait {
            Some(_) => &self.acknowledged,
            None => &self.lane,
        };
        let mut live = match lane.current() {
            Some(live) => live,
            // Rare and large: not a part of every verb's future.
            None => Box::pin(lane.connection(|on_end| self.open(on_end)))
                .await
                .map_err(Failure::Unsent)?,
        };
        let answers = exchange(&mut live, request, asking).await;
        answers.map_err(|error| {
            if is_read_only(&error) || error.is_unrecoverable_error() {
                lane.discard(live.number);
            }
            Failure::Sent(error)
        })
    }

    pub(super) fn doubt(&self, began: Instant) {
        self.lane.discard_older(began);
        self.acknowledged.discard_older(began);
    }

    /// Where it is, if that is settled.
    pub(super) fn server(&self) -> Option<&ConnectionInfo> {
        match &self.place {
            Place::Server(info) => Some(info),
            Place::Sentinels(_) => None,
        }
    }

    /// Where to watch, and how to tell that the watch still hears.
    pub(super) async fn to_watch(&self) -> RedisResult<(ConnectionInfo, Check)> {
        match &self.place {
            Place::Server(info) => Ok((info.clone(), Check::Answers)),
            Place::Sentinels(address) => {
                let primary = sentinel::primary(address, self.timeout).await?;
                Ok((primary, Check::IsPrimary))
            }
        }
    }
}

/// The server lost its place as primary. Redis before 7 says so of a script in the text of another error.
fn is_read_only(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
        || error
            .detail()
            .is_some_and(|detail| detail.contains("-READONLY"))
}

async fn exchange(live: &mut Live, request: &Request, asking: bool) -> RedisResult<Vec<Value>> {
    if request.wait.is_none() && !asking {
        let answer = live
            .connection
            .send_packed_command(&request.command)
            .await?;
        return Ok(vec![answer.extract_error()?]);
    }
    // One piece of the stream, so that nothing of another verb comes between.
    let mut pipeline = Pipeline::new();
    if asking {
        pipeline.add_command(redis::cmd("ASKING"));
    }
    pipeline.add_command(request.command.clone());
    if let Some(wait) = &request.wait {
        pipeline.add_command(wait.clone());
    }
    let count = pipeline.len();
    let mut answers = live
        .connection
        .send_packed_commands(&pipeline, 0, count)
        .await?;
    let mut answers = answers.split_off(usize::from(asking).min(answers.len()));
    // An error in place of `WAIT`'s count is for the caller: no replica acknowledged.
    if let Some(first) = answers.first_mut() {
        *first = std::mem::replace(first, Value::Nil).extract_error()?;
    }
    Ok(answers)
}
