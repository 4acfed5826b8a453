//! Attempt counters.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{StoreResult, ThrottlePolicy, ThrottleState, ThrottleStore, Verdict};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::{moment, number};
use crate::database::{Count, Dialect as _, Field, Run as _, Verb};

const RECORD: &str = "throttle";
const STATE: [&str; 5] = [
    "attempts",
    "window_started_at",
    "locked_until",
    "locks",
    "forget_at",
];

#[derive(FromQueryResult)]
struct StateRow {
    attempts: i64,
    window_started_at: i64,
    locked_until: i64,
    locks: i64,
    forget_at: i64,
}

impl StateRow {
    fn state(&self) -> StoreResult<ThrottleState> {
        Ok(ThrottleState {
            count: number(RECORD, self.attempts)?,
            window_started_at: moment(self.window_started_at),
            locked_until: moment(self.locked_until),
            locks: number(RECORD, self.locks)?,
            forget_at: moment(self.forget_at),
        })
    }
}

fn row(key: &Digest32, state: &ThrottleState) -> [Field; 6] {
    [
        ("digest", key.to_text().into()),
        ("attempts", i64::from(state.count).into()),
        ("window_started_at", state.window_started_at.millis().into()),
        ("locked_until", state.locked_until.millis().into()),
        ("locks", i64::from(state.locks).into()),
        ("forget_at", state.forget_at.millis().into()),
    ]
}

impl SeaOrmStore {
    fn select_throttle(&self, key: &Digest32) -> SelectStatement {
        Query::select()
            .columns(STATE)
            .from(self.tables.throttles.clone())
            .and_where(Expr::col("digest").eq(key.to_text()))
            .take()
    }

    /// The common case: the first attempt, or one more in a window that runs and has room. `None` is no verdict: the
    /// state must be looked at.
    async fn count_within_window(
        &self,
        db: &mut Verb,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Option<Verdict>> {
        let mut first = ThrottleState::default();
        let Verdict::Allowed { .. } = first.count(policy, now) else {
            return Ok(None);
        };
        let table = &self.tables.throttles;
        let column = |name: &'static str| Expr::col((table.clone(), name));
        let runs_and_has_room = column("attempts")
            .gte(1)
            .and(column("attempts").lt(i64::from(policy.limit)))
            .and(column("window_started_at").gt((now - policy.window).millis()))
            .and(column("locked_until").lte(now.millis()))
            .and(column("forget_at").gt(now.millis()));
        let count = Count {
            table,
            key: ("digest", &key.to_text()),
            first: &row(key, &first),
            column: "attempts",
            by: 1,
            begins: 1,
            set: Some(("forget_at", first.forget_at.millis().into())),
            when: Some(runs_and_has_room),
        };
        let Some(attempts) = db.count(RECORD, &count).await? else {
            return Ok(None);
        };
        let remaining = policy.limit.saturating_sub(number(RECORD, attempts)?);
        Ok(Some(Verdict::Allowed { remaining }))
    }

    /// The whole of it, with the row held from the look to the change.
    async fn count_looking(
        &self,
        db: &mut Verb,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict> {
        let table = &self.tables.throttles;
        let locked = &self.select_throttle(key).lock_exclusive().take();
        db.transact(RECORD, |mut transaction| async move {
            let stands = transaction.one::<StateRow>(RECORD, locked).await?;
            let mut state = match &stands {
                Some(stands) => stands.state()?,
                None => ThrottleState::default(),
            };
            let verdict = state.count(policy, now);
            let row = row(key, &state);
            if stands.is_some() {
                let (_, state) = row.split_at(1);
                let replace = Query::update()
                    .table(table.clone())
                    .values(state.iter().cloned())
                    .and_where(Expr::col("digest").eq(key.to_text()))
                    .take();
                transaction.write(RECORD, &replace).await?;
            } else if !transaction.insert_if_free(RECORD, table, &row).await? {
                // There was no row to hold, and another attempt made it.
                return Err(transaction.again().await);
            }
            Ok(verdict)
        })
        .await
    }
}

#[async_trait]
impl ThrottleStore for SeaOrmStore {
    async fn count_and_check(
        &self,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict> {
        let mut db = self.verb();
        if let Some(verdict) = self.count_within_window(&mut db, key, policy, now).await? {
            return Ok(verdict);
        }
        // Under a lock, reading is enough: who hammers a locked door writes nothing.
        let select = self.select_throttle(key);
        if let Some(row) = db.one::<StateRow>(RECORD, &select).await? {
            let until = moment(row.locked_until);
            if now < until {
                return Ok(Verdict::Refused { until });
            }
        }
        self.count_looking(&mut db, key, policy, now).await
    }

    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()> {
        let take_back = Query::update()
            .table(self.tables.throttles.clone())
            .value("attempts", Expr::col("attempts").sub(1))
            .and_where(Expr::col("digest").eq(key.to_text()))
            .and_where(Expr::col("attempts").gt(0))
            .take();
        self.verb().write(RECORD, &take_back).await?;
        Ok(())
    }

    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()> {
        let delete = Query::delete()
            .from_table(self.tables.throttles.clone())
            .and_where(Expr::col("digest").eq(key.to_text()))
            .take();
        self.verb().write(RECORD, &delete).await?;
        Ok(())
    }
}
