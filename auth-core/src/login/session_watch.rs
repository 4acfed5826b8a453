//! Hearing of sessions that end, on every node, so that a host can close what it holds open for them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, broadcast};
use tokio::time::Instant;

use super::LoginWing;
use crate::store::{EndedSession, EndedSessions, SessionId, SessionStore, StoreResult};
use crate::web::Problem;

/// News a subscriber may lag behind before it is told that it missed some.
const BACKLOG: usize = 1024;

/// First and longest pause before a lost watch is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a session that nobody can ask about counts as standing.
const BENEFIT_OF_DOUBT: Duration = Duration::from_secs(30);

/// A session's own end is looked for at least this often: its idle end moves.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionNews {
    /// A session ended before its time: signed out, replaced or revoked, on whichever node.
    Ended(EndedSession),
    /// The line to the store broke or came back, or the subscriber was too slow: sessions may have ended unheard. Look
    /// at those you hold.
    Missed,
}

/// A subscription to sessions that end; see [`LoginWing::subscribe`].
#[derive(Debug)]
pub struct SessionSubscription {
    news: broadcast::Receiver<SessionNews>,
}

impl SessionSubscription {
    /// Waits for the next piece of news.
    pub async fn next(&mut self) -> SessionNews {
        match self.news.recv().await {
            Ok(news) => news,
            Err(broadcast::error::RecvError::Lagged(_)) => SessionNews::Missed,
            // The sender lives as long as its task, and that as long as there are subscribers.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The one watch on the store that all subscribers of this process share. Opened for the first, closed after the last.
pub(super) struct SessionWatch {
    store: Arc<dyn SessionStore>,
    news: broadcast::Sender<SessionNews>,
    running: Mutex<bool>,
}

impl SessionWatch {
    pub(super) fn new(store: Arc<dyn SessionStore>) -> Arc<Self> {
        Arc::new(Self {
            store,
            news: broadcast::Sender::new(BACKLOG),
            running: Mutex::new(false),
        })
    }

    async fn subscribe(self: &Arc<Self>) -> StoreResult<SessionSubscription> {
        let mut running = self.running.lock().await;
        let news = self.news.subscribe();
        if !*running {
            let watch = self.store.watch_ended().await?;
            tokio::spawn(Arc::clone(self).run(watch));
            *running = true;
        }
        Ok(SessionSubscription { news })
    }

    async fn run(self: Arc<Self>, first: Box<dyn EndedSessions>) {
        let mut watch = Some(first);
        loop {
            tokio::select! {
                biased;
                () = self.news.closed() => {
                    let mut running = self.running.lock().await;
                    // Somebody may have subscribed since.
                    if self.news.receiver_count() == 0 {
                        *running = false;
                        return;
                    }
                }
                () = self.pass_on(&mut watch) => {}
            }
        }
    }

    /// Passes news on until the watch is lost, then opens another. Told twice of the gap: at once, for who would
    /// rather close too much, and when the line is back, for who looks at the store.
    async fn pass_on(&self, watch: &mut Option<Box<dyn EndedSessions>>) {
        if let Some(open) = watch {
            loop {
                match open.next().await {
                    Ok(ended) => ended
                        .into_iter()
                        .for_each(|ended| self.tell(SessionNews::Ended(ended))),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "the watch on ended sessions was lost");
                        break;
                    }
                }
            }
            *watch = None;
            self.tell(SessionNews::Missed);
        }
        let mut pause = FIRST_PAUSE;
        loop {
            match self.store.watch_ended().await {
                Ok(open) => {
                    *watch = Some(open);
                    return self.tell(SessionNews::Missed);
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "ended sessions cannot be watched yet");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    pub(super) fn tell(&self, news: SessionNews) {
        // An error means that nobody listens.
        let _ = self.news.send(news);
    }
}

impl LoginWing {
    /// Hears of every session that ends before its time from now on, whichever node ends it: to close websockets, or
    /// to forget what was cached. Across nodes through Redis at once, or within a second where there is only SQL.
    ///
    /// # Errors
    /// A 503 when the store cannot be watched now.
    pub async fn subscribe(&self) -> Result<SessionSubscription, Problem> {
        Ok(self.watch.subscribe().await?)
    }

    /// Returns when this session no longer stands: revoked on any node, or ended by time. For a websocket: race it
    /// against the next message and close when it wins. When the store cannot say for thirty seconds, the session
    /// counts as ended.
    pub async fn until_ended(&self, session: &SessionId) {
        let mut subscription = None;
        let (mut doubt, mut known_end) = (None, None);
        loop {
            let asked = Instant::now();
            let pause = match self.standing(session, &mut subscription).await {
                Ok(None) => return,
                Ok(Some(left)) => {
                    (doubt, known_end) = (None, asked.checked_add(left));
                    left.clamp(Duration::from_millis(1), LONGEST_SLEEP)
                }
                Err(_) => {
                    let since = *doubt.get_or_insert(asked);
                    let until = since + BENEFIT_OF_DOUBT;
                    let now = Instant::now();
                    if now >= known_end.map_or(until, |end| until.min(end)) {
                        return;
                    }
                    now.duration_since(since).clamp(FIRST_PAUSE, LONGEST_PAUSE)
                }
            };
            let news = async {
                match &mut subscription {
                    Some(subscription) => until_told(subscription, session).await,
                    None => std::future::pending().await,
                }
            };
            if let Ok(Told::Ended) = tokio::time::timeout(pause, news).await {
                return;
            }
        }
    }

    /// How long the session has left, once there is a subscription that will tell if it ends sooner.
    async fn standing(
        &self,
        session: &SessionId,
        subscription: &mut Option<SessionSubscription>,
    ) -> StoreResult<Option<Duration>> {
        if subscription.is_none() {
            *subscription = Some(self.watch.subscribe().await?);
        }
        let now = self.core.clock.now();
        let found = self.core.stores.sessions.session(session).await?;
        let live = found.filter(|session| session.is_live(now));
        Ok(live.map(|session| session.idle_expires_at.min(session.expires_at).since(now)))
    }
}

enum Told {
    Ended,
    Look,
}

async fn until_told(subscription: &mut SessionSubscription, session: &SessionId) -> Told {
    loop {
        match subscription.next().await {
            SessionNews::Ended(ended) if ended.id == *session => return Told::Ended,
            SessionNews::Ended(_) => {}
            SessionNews::Missed => return Told::Look,
        }
    }
}
