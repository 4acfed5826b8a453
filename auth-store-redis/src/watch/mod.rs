//! Word of sessions that ended, over connections of its own.

mod check;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auth_core::store::{EndedSession, EndedSessions, SessionId, StoreError, StoreResult, UserId};
pub(crate) use check::Check;
use check::Ear;
use redis::{ConnectionInfo, PushInfo, PushKind, RedisError, RedisResult, Value};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

use crate::address::HostPort;
use crate::connection::{Map, bounded, connect};
use crate::join;

const RECORD: &str = "word of an ended session";
/// Ends a watch may lag behind before it is over.
const BACKLOG: usize = 16 * 1024;
/// How often the connections are asked whether they still hear.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// What is told of an end: user and session, as JSON, which any text survives.
pub(crate) fn message(user: &UserId, id: &SessionId) -> String {
    serde_json::Value::from([user.as_str(), id.as_str()].as_slice()).to_string()
}

fn read(message: &[u8]) -> StoreResult<EndedSession> {
    let (user_id, id) = serde_json::from_slice(message)
        .map_err(|_| StoreError::corrupt(RECORD, "not what this store writes"))?;
    Ok(EndedSession { user_id, id })
}

/// Which of the ears is on the primary of a session.
type Owner = Box<dyn Fn(&SessionId) -> Option<usize> + Send>;

pub(crate) struct Watch {
    ears: Vec<Ear>,
    heard: Receiver<(usize, PushInfo)>,
    /// More came than the backlog holds.
    lost: Arc<AtomicBool>,
    over: bool,
    check: Check,
    check_at: Instant,
    timeout: Duration,
    owner: Option<Owner>,
}

impl Watch {
    pub(crate) async fn on_node(
        info: &ConnectionInfo,
        check: Check,
        channel: &str,
        timeout: Duration,
    ) -> RedisResult<Self> {
        Self::open(&[(None, info.clone())], check, channel, timeout).await
    }

    pub(crate) async fn on_cluster(
        map: Arc<Map>,
        channel: &str,
        timeout: Duration,
        key_of: Box<dyn Fn(&SessionId) -> String + Send>,
    ) -> RedisResult<Self> {
        let primaries = map.primaries();
        let hosts: Vec<HostPort> = primaries.iter().map(|(host, _)| host.clone()).collect();
        let targets: Vec<_> = primaries
            .into_iter()
            .map(|(host, info)| (Some(host), info))
            .collect();
        let check = Check::Primaries(hosts.iter().cloned().collect());
        let mut watch = Self::open(&targets, check, channel, timeout).await?;
        watch.owner = Some(Box::new(move |id| {
            let owner = map.primary(&key_of(id))?;
            hosts.iter().position(|host| host == owner)
        }));
        Ok(watch)
    }

    async fn open(
        targets: &[(Option<HostPort>, ConnectionInfo)],
        check: Check,
        channel: &str,
        timeout: Duration,
    ) -> RedisResult<Self> {
        let (sender, heard) = mpsc::channel(BACKLOG);
        let lost = Arc::new(AtomicBool::new(false));
        let opened = join::all(targets.iter().enumerate().map(|(index, (host, info))| {
            let pushes = pass_on(index, sender.clone(), Arc::clone(&lost));
            async move {
                let mut connection = connect(info, timeout, Some(pushes)).await?;
                connection.subscribe(channel).await?;
                let host = host.clone();
                Ok::<_, RedisError>(Ear { host, connection })
            }
        }))
        .await;
        let mut watch = Self {
            ears: opened.into_iter().collect::<RedisResult<_>>()?,
            heard,
            lost,
            over: false,
            check,
            check_at: Instant::now() + CHECK_EVERY,
            timeout,
            owner: None,
        };
        // A server may have lost its place between the moment it was named and the subscription.
        watch.still_hears().await?;
        Ok(watch)
    }

    async fn still_hears(&mut self) -> RedisResult<()> {
        let check = &self.check;
        let answers = join::all(self.ears.iter_mut().map(|ear| check.ask(ear))).await;
        answers.into_iter().collect()
    }

    /// What was heard, as far as it is word of an end.
    fn sort(&mut self, heard: Vec<(usize, PushInfo)>) -> StoreResult<Vec<EndedSession>> {
        let mut ended = Vec::new();
        for (ear, push) in heard {
            match (push.kind, push.data.as_slice()) {
                (PushKind::Message, [_, Value::BulkString(message)]) => {
                    let session = read(message)?;
                    let owner = self.owner.as_ref().and_then(|owner| owner(&session.id));
                    if owner.is_none_or(|owner| owner == ear) {
                        ended.push(session);
                    }
                }
                (PushKind::Disconnection, _) => self.over = true,
                _ => {}
            }
        }
        Ok(ended)
    }
}

fn pass_on(
    ear: usize,
    sender: Sender<(usize, PushInfo)>,
    lost: Arc<AtomicBool>,
) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
    move |push| {
        sender.try_send((ear, push)).map_err(|_| {
            lost.store(true, Ordering::Release);
        })
    }
}

fn over() -> StoreError {
    StoreError::unavailable("the watch is over: a connection is gone, or more came than was taken")
}

#[async_trait]
impl EndedSessions for Watch {
    async fn next(&mut self) -> StoreResult<Vec<EndedSession>> {
        loop {
            if self.over || self.lost.load(Ordering::Acquire) {
                self.over = true;
                return Err(over());
            }
            let mut heard = Vec::new();
            tokio::select! {
                biased;
                count = self.heard.recv_many(&mut heard, BACKLOG) => {
                    // None come when all connections are gone.
                    self.over = count == 0;
                    let ended = self.sort(heard)?;
                    if !ended.is_empty() {
                        return Ok(ended);
                    }
                }
                () = tokio::time::sleep_until(self.check_at) => {
                    let timeout = self.timeout;
                    if let Err(error) = bounded(timeout, self.still_hears()).await {
                        self.over = true;
                        return Err(error);
                    }
                    self.check_at = Instant::now() + CHECK_EVERY;
                }
            }
        }
    }
}
