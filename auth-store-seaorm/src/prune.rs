//! Removing what time has made worthless.
//!
//! One shape for all databases: the keys of some due rows are read, by the index on the end of life, and deleted if they
//! are due still. No lock is held for longer than one short statement, and of nodes that prune at once each deletes
//! what the others did not.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{Backend, Reach, StoreResult};
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query};
use sea_orm::{DbErr, DynIden, FromQueryResult, QueryResult};

use crate::SeaOrmStore;
use crate::database::{MOST_KEYS, Run as _, Verb};
use crate::ended::KEPT;

const RECORD: &str = "ended row";

/// The rows of one table that time has made worthless.
struct Due<'a> {
    table: &'a DynIden,
    /// The column before `key` in a primary key of two.
    group: Option<&'static str>,
    key: &'static str,
    /// The end of life.
    end: &'static str,
    /// What else makes a row worthless.
    and: Option<Expr>,
    /// As much of `and` as must hold in the very moment of deleting.
    and_still: Option<Expr>,
}

impl<'a> Due<'a> {
    fn new(table: &'a DynIden, key: &'static str, end: &'static str) -> Self {
        Self {
            table,
            group: None,
            key,
            end,
            and: None,
            and_still: None,
        }
    }
}

/// What is pruned by itself: what has an end, and the ends of sessions.
const PARTS: usize = WITH_END + 1;
const WITH_END: usize = 13;

struct KeyRow {
    group: Option<String>,
    key: String,
}

impl FromQueryResult for KeyRow {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        Ok(Self {
            key: row.try_get_by_index(0)?,
            group: row.try_get_by_index(1).ok(),
        })
    }
}

impl SeaOrmStore {
    /// A token stays as long as its predecessor can still be presented: it says whether that is a replay. A
    /// predecessor that ended does not live again, so this needs no second look.
    fn due_refresh_tokens(&self, now: Timestamp) -> Due<'_> {
        let tokens = &self.tables.refresh_tokens;
        let before = "before";
        let predecessor_lives = Query::select()
            .expr(Expr::val(1))
            .from_as(tokens.clone(), before)
            .and_where(Expr::col((before, "digest")).equals((tokens.clone(), "predecessor")))
            .and_where(Expr::col((before, "expires_at")).gt(now.millis()))
            .take();
        Due {
            and: Some(Expr::not_exists(predecessor_lives)),
            ..Due::new(tokens, "digest", "expires_at")
        }
    }

    /// A grant stays as long as it has a token: its end may move as long as one can be used.
    fn due_grants(&self) -> Due<'_> {
        let (tokens, grants) = (&self.tables.refresh_tokens, &self.tables.grants);
        let has_token = Query::select()
            .expr(Expr::val(1))
            .from(tokens.clone())
            .and_where(Expr::col((tokens.clone(), "grant_id")).equals((grants.clone(), "id")))
            .take();
        let has_none = Expr::not_exists(has_token);
        Due {
            and: Some(has_none.clone()),
            and_still: Some(has_none),
            ..Due::new(grants, "id", "expires_at")
        }
    }

    /// Everything that ends, grants after their tokens. No part waits for another's backlog: each has its share of a
    /// call, and a call that had to stop is gone on with where it did.
    fn with_end(&self, now: Timestamp) -> [Due<'_>; WITH_END] {
        let tables = &self.tables;
        let one_time = Due {
            group: Some("kind"),
            ..Due::new(&tables.one_time, "digest", "forget_at")
        };
        [
            Due::new(&tables.sessions, "id", "expires_at"),
            Due::new(&tables.sessions, "id", "idle_expires_at"),
            one_time,
            Due::new(&tables.throttles, "digest", "forget_at"),
            self.due_refresh_tokens(now),
            self.due_grants(),
            Due::new(&tables.signing_keys, "kid", "retired_at"),
            Due::new(&tables.leases, "name", "ends_at"),
            Due::new(&tables.outbox, "id", "expires_at"),
            Due::new(&tables.trusted_devices, "id", "expires_at"),
            Due::new(&tables.seen_devices, "digest", "keep_until"),
            Due::new(&tables.upstream_sessions, "session_id", "expires_at"),
            Due::new(&tables.audit, "id", "expires_at"),
        ]
    }

    async fn prune_part(
        &self,
        db: &mut Verb,
        part: Option<&Due<'_>>,
        now: Timestamp,
        limit: u64,
    ) -> StoreResult<(u64, u64)> {
        if let Some(due) = part {
            return self.prune_some(db, due, now, limit).await;
        }
        let removed = self.prune_ends(db, limit).await?;
        Ok((removed, removed))
    }

    /// Removes at most `limit` rows: how many were due, and how many of them this call removed.
    async fn prune_some(
        &self,
        db: &mut Verb,
        due: &Due<'_>,
        now: Timestamp,
        limit: u64,
    ) -> StoreResult<(u64, u64)> {
        let ended = || Expr::col((due.table.clone(), due.end)).lte(now.millis());
        let select = Query::select()
            .column(due.key)
            .columns(due.group)
            .from(due.table.clone())
            .and_where(ended())
            .and_where_option(due.and.clone())
            .order_by(due.end, Order::Asc)
            .limit(limit)
            .take();
        let rows: Vec<KeyRow> = db.all(RECORD, &select).await?;
        let found = rows.len() as u64;
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        for row in rows {
            groups.entry(row.group).or_default().push(row.key);
        }
        let mut removed = 0;
        for (group, mut keys) in groups {
            // In one order, so that nodes that prune at once do not hold what the other waits for.
            keys.sort_unstable();
            let in_group = due.group.map(|column| Expr::col(column).eq(group));
            let delete = Query::delete()
                .from_table(due.table.clone())
                .and_where_option(in_group)
                .and_where(Expr::col(due.key).is_in(keys))
                .and_where(ended())
                .and_where_option(due.and_still.clone())
                .take();
            removed += db.write(RECORD, &delete).await?;
        }
        Ok((found, removed))
    }

    /// Forgets ends of sessions, save the newest numbers. Numbers follow each other, so a range of them is as bounded
    /// as a list.
    async fn prune_ends(&self, db: &mut Verb, limit: u64) -> StoreResult<u64> {
        let table = &self.tables.session_ends;
        let last = self.last_end(db).await?;
        let oldest = Query::select()
            .column("seq")
            .from(table.clone())
            .and_where(Expr::col("seq").gt(0))
            .order_by("seq", Order::Asc)
            .limit(1)
            .take();
        let Some(oldest) = db.one::<SeqRow>(RECORD, &oldest).await? else {
            return Ok(0);
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let below = Ord::min(oldest.seq.saturating_add(limit), last - KEPT + 1);
        if below <= oldest.seq {
            return Ok(0);
        }
        let delete = Query::delete()
            .from_table(table.clone())
            .and_where(Expr::col("seq").lt(below))
            .take();
        db.write(RECORD, &delete).await
    }
}

#[derive(FromQueryResult)]
struct SeqRow {
    seq: i64,
}

#[async_trait]
impl Backend for SeaOrmStore {
    fn reach(&self) -> Reach {
        self.db.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        let with_end = self.with_end(now);
        let first = self.prune_next.load(Ordering::Relaxed);
        let mut open: Vec<_> = (0..PARTS).map(|part| (first + part) % PARTS).collect();
        let limit = u64::from(limit);
        let (mut db, mut left) = (self.verb(), limit);
        while left > 0 && !open.is_empty() {
            // What is not used of a share is shared again, among those for which theirs did not suffice.
            let share = Ord::min(left.div_ceil(open.len() as u64), MOST_KEYS as u64);
            let mut full = Vec::new();
            for part in open {
                if left == 0 || !db.has_time() {
                    return Ok(limit - left);
                }
                self.prune_next.store(part + 1, Ordering::Relaxed);
                let step = Ord::min(share, left);
                let (found, removed) = self
                    .prune_part(&mut db, with_end.get(part), now, step)
                    .await?;
                left -= Ord::min(removed, left);
                if found >= step {
                    full.push(part);
                }
            }
            open = full;
        }
        self.prune_next.store(0, Ordering::Relaxed);
        Ok(limit - left)
    }
}
