//! One connection that many verbs share, opened when it is wanted and there is none.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, PushInfo, PushKind, RedisResult};
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct Lane {
    live: Arc<Mutex<Option<Live>>>,
    opening: tokio::sync::Mutex<()>,
    opened: AtomicU64,
}

#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    pub(super) number: u64,
    since: Instant,
}

impl Lane {
    /// The connection, if there is one.
    pub(super) fn current(&self) -> Option<Live> {
        lock(&self.live).clone()
    }

    /// The connection; `open` makes one, given what to tell when it ends.
    pub(super) async fn connection<F>(&self, open: impl FnOnce(OnEnd) -> F) -> RedisResult<Live>
    where
        F: Future<Output = RedisResult<MultiplexedConnection>>,
    {
        // One opens, the others wait for it. If it gives up, the next one does.
        let _one = self.opening.lock().await;
        if let Some(live) = self.current() {
            return Ok(live);
        }
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let on_end = OnEnd {
            live: Arc::clone(&self.live),
            number,
        };
        let live = Live {
            connection: open(on_end).await?,
            number,
            since: Instant::now(),
        };
        *lock(&self.live) = Some(live.clone());
        Ok(live)
    }

    /// Lets go of the connection with this number. Who still waits for an answer on it keeps it.
    pub(super) fn discard(&self, number: u64) {
        discard(&self.live, |live| live.number == number);
    }

    /// Lets go of a connection that stood at `moment` already.
    pub(super) fn discard_older(&self, moment: Instant) {
        discard(&self.live, |live| live.since <= moment);
    }
}

/// Lets go of a connection that the server or the network ended, before a verb comes upon it.
pub(super) struct OnEnd {
    live: Arc<Mutex<Option<Live>>>,
    number: u64,
}

impl AsyncPushSender for OnEnd {
    fn send(&self, push: PushInfo) -> Result<(), redis::aio::SendError> {
        if push.kind == PushKind::Disconnection {
            discard(&self.live, |live| live.number == self.number);
        }
        Ok(())
    }
}

fn discard(live: &Mutex<Option<Live>>, which: impl FnOnce(&Live) -> bool) {
    let gone = lock(live).take_if(|live| which(live));
    // Not under the lock: the last handle ends the connection's task, which may be the caller.
    drop(gone);
}

fn lock(live: &Mutex<Option<Live>>) -> MutexGuard<'_, Option<Live>> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects. There is no limit for answers: who asks has one.
pub(crate) async fn connect(
    info: &ConnectionInfo,
    timeout: Duration,
    pushes: Option<impl AsyncPushSender>,
) -> RedisResult<MultiplexedConnection> {
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(None);
    if let Some(pushes) = pushes {
        config = config.set_push_sender(pushes);
    }
    Client::open(info.clone())?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}
