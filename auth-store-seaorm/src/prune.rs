//! Removing what time has made worthless: one bounded `DELETE` per table, each by an index on the end of life.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{Prune, StoreResult};
use sea_orm::DynIden;
use sea_orm::sea_query::{DeleteStatement, Expr, ExprTrait as _, Query};

use crate::SeaOrmStore;

const RECORD: &str = "ended row";

/// Deletes the rows of `table` that are `due`, at most `limit`.
fn delete(table: &DynIden, key: &[&'static str], due: Expr, limit: u64) -> DeleteStatement {
    let batch = Query::select()
        .columns(key.iter().copied())
        .from(table.clone())
        .and_where(due)
        .limit(limit)
        .take();
    let key = match key {
        [column] => Expr::col(*column),
        columns => Expr::tuple(columns.iter().map(|column| Expr::col(*column))),
    };
    Query::delete()
        .from_table(table.clone())
        .and_where(key.in_subquery(batch))
        .take()
}

impl SeaOrmStore {
    fn due_refresh_tokens(&self, now: Timestamp) -> Expr {
        // A token stays as long as its predecessor can still be presented: it says whether that is a replay.
        let tokens = &self.tables.refresh_tokens;
        let before = "before";
        let predecessor_lives = Query::select()
            .expr(Expr::val(1))
            .from_as(tokens.clone(), before)
            .and_where(Expr::col((before, "digest")).equals((tokens.clone(), "predecessor")))
            .and_where(Expr::col((before, "expires_at")).gt(now.millis()))
            .take();
        Expr::col((tokens.clone(), "expires_at"))
            .lte(now.millis())
            .and(Expr::not_exists(predecessor_lives))
    }

    fn due_grants(&self, now: Timestamp) -> Expr {
        let (tokens, grants) = (&self.tables.refresh_tokens, &self.tables.grants);
        let has_token = Query::select()
            .expr(Expr::val(1))
            .from(tokens.clone())
            .and_where(Expr::col((tokens.clone(), "grant_id")).equals((grants.clone(), "id")))
            .take();
        Expr::col((grants.clone(), "expires_at"))
            .lte(now.millis())
            .and(Expr::not_exists(has_token))
    }
}

#[async_trait]
impl Prune for SeaOrmStore {
    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        let tables = &self.tables;
        let ended = |column: &'static str| Expr::col(column).lte(now.millis());
        let batches = [
            (&tables.sessions, &["id"][..], ended("expires_at")),
            (&tables.sessions, &["id"], ended("idle_expires_at")),
            (&tables.one_time, &["kind", "digest"], ended("forget_at")),
            (&tables.throttles, &["digest"], ended("forget_at")),
            (
                &tables.refresh_tokens,
                &["digest"],
                self.due_refresh_tokens(now),
            ),
            (&tables.grants, &["id"], self.due_grants(now)),
            (&tables.signing_keys, &["kid"], ended("retired_at")),
        ];
        let limit = u64::from(limit);
        let mut removed = 0;
        for (table, key, due) in batches {
            if removed >= limit {
                break;
            }
            let delete = delete(table, key, due, limit - removed);
            removed += self.db.write(RECORD, &delete).await?;
        }
        Ok(removed)
    }
}
