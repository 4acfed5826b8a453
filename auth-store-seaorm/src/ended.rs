//! Telling every node which sessions were revoked.
//!
//! Each end is a row with a number, written by the transaction that deletes the session. The number comes from one row
//! that counts up, and whoever counts holds that row until it commits: so numbers are seen in their order, and a watch
//! that has seen `n` never misses a smaller one. Sessions first, the count last, everywhere: nobody waits for a session
//! while holding the count.
//!
//! No row carries a time, since no clock comes with a revocation: [pruning](super::prune) keeps the newest
//! [`KEPT`] numbers. A watch that fell further behind finds a gap, which it is told as an error.

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

#[derive(FromQueryResult)]
struct CounterRow {
    value: i64,
}

#[derive(FromQueryResult)]
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

    fn select_ends(&self, after: i64, until: i64) -> SelectStatement {
        Query::select()
            .columns(["seq", "session_id", "user_id"])
            .from(self.tables.session_ends.clone())
            .and_where(Expr::col("seq").gt(after))
            .and_where(Expr::col("seq").lte(until))
            .order_by("seq", Order::Asc)
            .limit(MOST_READ)
            .take()
    }
}

/// A watch: looks from time to time, and at once when this process ended a session.
pub(crate) struct Watch {
    store: SeaOrmStore,
    seen: i64,
    woken: watch::Receiver<()>,
    poll_every: Duration,
}

impl Watch {
    pub(crate) async fn begin(store: &SeaOrmStore) -> StoreResult<Self> {
        // First this, so that nothing falls between.
        let woken = store.db.ended.subscribe();
        let seen = store.last_end(&mut store.verb()).await?;
        Ok(Self {
            store: store.clone(),
            seen,
            woken,
            poll_every: store.poll_every,
        })
    }

    async fn look(&mut self) -> StoreResult<Vec<EndedSession>> {
        let mut db = self.store.verb();
        let last = self.store.last_end(&mut db).await?;
        if last == self.seen {
            return Ok(Vec::new());
        }
        let select = self.store.select_ends(self.seen, last);
        let rows: Vec<EndRow> = db.all(RECORD, &select).await?;
        let follows = |(row, expected): (&EndRow, i64)| row.seq == expected;
        let whole = rows.iter().zip(self.seen + 1..).all(follows);
        let Some(newest) = rows.last().filter(|_| whole) else {
            let gap = "ended sessions were forgotten before this watch read them";
            return Err(StoreError::unavailable(gap));
        };
        self.seen = newest.seq;
        let ended = |row: EndRow| EndedSession {
            user_id: UserId::new(row.user_id),
            id: SessionId::new(row.session_id),
        };
        Ok(rows.into_iter().map(ended).collect())
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
