//! Attempt counters.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{StoreResult, ThrottlePolicy, ThrottleState, ThrottleStore, Verdict};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::{moment, number};
use crate::query::insert;

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

#[derive(FromQueryResult)]
struct AttemptsRow {
    attempts: i64,
}

impl StateRow {
    fn into_state(self) -> StoreResult<ThrottleState> {
        Ok(ThrottleState {
            count: number(RECORD, self.attempts)?,
            window_started_at: moment(self.window_started_at),
            locked_until: moment(self.locked_until),
            locks: number(RECORD, self.locks)?,
            forget_at: moment(self.forget_at),
        })
    }
}

fn row(key: &Digest32, state: &ThrottleState) -> [(&'static str, Expr); 6] {
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

    /// The common case in one statement: the first attempt, or one more in a window that runs and has room.
    /// `None` is no verdict: the state must be looked at.
    async fn count_within_window(
        &self,
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
        let one_more = OnConflict::column("digest")
            .value("attempts", column("attempts").add(1))
            .value("forget_at", first.forget_at.millis())
            .action_and_where(column("attempts").gte(1))
            .action_and_where(column("attempts").lt(i64::from(policy.limit)))
            .action_and_where(column("window_started_at").gt((now - policy.window).millis()))
            .action_and_where(column("locked_until").lte(now.millis()))
            .action_and_where(column("forget_at").gt(now.millis()))
            .to_owned();
        let count = insert(table, row(key, &first))
            .on_conflict(one_more)
            .returning_col("attempts")
            .take();
        let rows: Vec<AttemptsRow> = self.db.write_returning(RECORD, &count).await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let remaining = policy.limit.saturating_sub(number(RECORD, row.attempts)?);
        Ok(Some(Verdict::Allowed { remaining }))
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
        if let Some(verdict) = self.count_within_window(key, policy, now).await? {
            return Ok(verdict);
        }
        let select = self.select_throttle(key);
        // Under a lock, reading is enough: who hammers a locked door writes nothing.
        if let Some(row) = self.db.one::<StateRow>(RECORD, &select).await? {
            let until = moment(row.locked_until);
            if now < until {
                return Ok(Verdict::Refused { until });
            }
        }
        let writing = self.db.begin().await?;
        let locked = select.clone().lock_exclusive().take();
        let mut state = match writing.one::<StateRow>(RECORD, &locked).await? {
            Some(row) => row.into_state()?,
            None => ThrottleState::default(),
        };
        let verdict = state.count(policy, now);
        let replace = OnConflict::column("digest")
            .update_columns(STATE)
            .to_owned();
        let write = insert(&self.tables.throttles, row(key, &state))
            .on_conflict(replace)
            .take();
        writing.write(RECORD, &write).await?;
        writing.commit().await?;
        Ok(verdict)
    }

    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()> {
        let take_back = Query::update()
            .table(self.tables.throttles.clone())
            .value("attempts", Expr::col("attempts").sub(1))
            .and_where(Expr::col("digest").eq(key.to_text()))
            .and_where(Expr::col("attempts").gt(0))
            .take();
        self.db.write(RECORD, &take_back).await?;
        Ok(())
    }

    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()> {
        let delete = Query::delete()
            .from_table(self.tables.throttles.clone())
            .and_where(Expr::col("digest").eq(key.to_text()))
            .take();
        self.db.write(RECORD, &delete).await?;
        Ok(())
    }
}
