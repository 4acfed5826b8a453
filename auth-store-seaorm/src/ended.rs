//! Telling every node which sessions were revoked.
//!
//! Each end is a row with a number, written by the transaction that deletes the session. The number comes from one row
//! that counts up, and whoever counts holds that row until it commits: so numbers are seen in their order, and a watch
//! that has seen `n` never misses a smaller one. Sessions first, the count last, everywhere: nobody waits for a session
//! while holding the count.
//!
//! No row carries a time, since no clock comes with a revocation: [pruning](super::prune) keeps the newest
//! [`KEPT`] numbers. A watch that fell further behind finds a gap, which it is told as an error. So is one whose last
//! row is gone or another: a standby that lacked the last commits has taken over, and numbers are given out again.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::store::{EndedSession, EndedSessions, SessionId, StoreError, StoreResult, UserId};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query, SelectStatement};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::SeaOrmStore;
use crate::database::{Count, Dialect as _, MOST_KEYS, Run, Transaction};

const RECORD: &str = "ended session";
const COUNTER: &str = "session_ends";

/// Ends that are kept for watches to catch up.
pub(crate) const KEPT: i64 = 10_000;

/// Ends that are read at once.
const MOST_READ: u64 = 1000;

/// The number of the first end there ever was.
const FIRST: i64 = 1;

#[derive(FromQueryResult)]
struct CounterRow {
    value: i64,
}

#[derive(FromQueryResult, PartialEq, Eq)]
struct EndRow {
    seq: i64,
    session_id: String,
    user_id: String,
}

impl SeaOrmStore {
    /// Appends the ends of `ids` in the transaction that deleted them. Nothing that can wait for a lock may come after.
    pub(crate) async fn tell(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        ids: &[SessionId],
    ) -> StoreResult<()> {
        let Ok(by) = i64::try_from(ids.len()) else {
            return Err(StoreError::corrupt(RECORD, "more than can be counted"));
        };
        if by == 0 {
            return Ok(());
        }
        let count = Count {
            table: &self.tables.counters,
            key: ("name", COUNTER),
            first: &[("name", COUNTER.into()), ("value", by.into())],
            begins: by,
            column: "value",
            by,
            set: None,
            when: None,
        };
        let Some(last) = transaction.count(RECORD, &count).await? else {
            return Err(transaction.again().await);
        };
        let numbered: Vec<_> = (last - by + 1..).zip(ids).collect();
        for some in numbered.chunks(MOST_KEYS) {
            let mut insert = Query::insert();
            insert
                .into_table(self.tables.session_ends.clone())
                .columns(["seq", "session_id", "user_id"]);
            for (seq, id) in some {
                // As many values as columns: the only thing that is refused here.
                let _ = insert.values([(*seq).into(), id.as_str().into(), user.as_str().into()]);
            }
            transaction.write(RECORD, &insert).await?;
        }
        Ok(())
    }

    /// The number of the last end.
    pub(crate) async fn last_end(&self, db: &mut impl Run) -> StoreResult<i64> {
        let select = Query::select()
            .column("value")
            .from(self.tables.counters.clone())
            .and_where(Expr::col("name").eq(COUNTER))
            .take();
        let row: Option<CounterRow> = db.one(RECORD, &select).await?;
        Ok(row.map_or(0, |row| row.value))
    }

    /// Ends in `order` of their numbers, from this number on.
    fn select_ends(&self, from: i64, order: Order, most: u64) -> SelectStatement {
        Query::select()
            .columns(["seq", "session_id", "user_id"])
            .from(self.tables.session_ends.clone())
            .and_where(Expr::col("seq").gte(from))
            .order_by("seq", order)
            .limit(most)
            .take()
    }
}

/// A watch: looks from time to time, and at once when this process ended a session.
pub(crate) struct Watch {
    store: SeaOrmStore,
    /// The last end it has seen; none while there was none.
    seen: Option<EndRow>,
    woken: watch::Receiver<()>,
    poll_every: Duration,
}

impl Watch {
    pub(crate) async fn begin(store: &SeaOrmStore) -> StoreResult<Self> {
        // First this, so that nothing falls between.
        let woken = store.db.ended.subscribe();
        let newest = store.select_ends(FIRST, Order::Desc, 1);
        let seen = store.verb().one(RECORD, &newest).await?;
        Ok(Self {
            store: store.clone(),
            seen,
            woken,
            poll_every: store.poll_every,
        })
    }

    async fn look(&mut self) -> StoreResult<Vec<EndedSession>> {
        let from = self.seen.as_ref().map_or(FIRST, |seen| seen.seq);
        let select = self.store.select_ends(from, Order::Asc, MOST_READ);
        let mut rows: Vec<EndRow> = self.store.verb().all(RECORD, &select).await?;
        let follows = |(row, expected): (&EndRow, i64)| row.seq == expected;
        let whole = rows.iter().zip(from..).all(follows);
        let same = match &self.seen {
            Some(seen) => rows.first() == Some(seen),
            None => true,
        };
        if !whole || !same {
            let gap = "ended sessions were forgotten before this watch read them";
            return Err(StoreError::unavailable(gap));
        }
        let new = rows.split_off(usize::from(self.seen.is_some()));
        let ended = new.iter().map(|row| EndedSession {
            user_id: UserId::new(row.user_id.as_str()),
            id: SessionId::new(row.session_id.as_str()),
        });
        let ended = ended.collect();
        self.seen = new.into_iter().next_back().or(self.seen.take());
        Ok(ended)
    }
}

#[async_trait]
impl EndedSessions for Watch {
    async fn next(&mut self) -> StoreResult<Vec<EndedSession>> {
        loop {
            self.woken.borrow_and_update();
            let ended = self.look().await?;
            if !ended.is_empty() {
                return Ok(ended);
            }
            // The sender lives as long as the store, which is held here; whichever comes first, it is time to look.
            let _ = timeout(self.poll_every, self.woken.changed()).await;
        }
    }
}
