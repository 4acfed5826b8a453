//! Messages for others.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{
    MessageId, OutboxKind, OutboxMessage, OutboxStore, StoreError, StoreResult,
};
use sea_orm::sea_query::{
    Expr, ExprTrait as _, LockBehavior, LockType, Order, Query, SelectStatement, UpdateStatement,
};
use sea_orm::{DbBackend, FromQueryResult};

use crate::SeaOrmStore;
use crate::codec::moment;
use crate::database::{Dialect as _, Field, How, MOST_KEYS, Run as _};

const RECORD: &str = "outbox message";
const COLUMNS: [&str; 6] = [
    "id",
    "payload",
    "created_at",
    "attempts",
    "due_at",
    "expires_at",
];

#[derive(FromQueryResult)]
struct MessageRow {
    id: String,
    payload: Vec<u8>,
    created_at: i64,
    attempts: i64,
    due_at: i64,
    expires_at: i64,
}

impl MessageRow {
    fn into_message(self, kind: OutboxKind) -> StoreResult<OutboxMessage> {
        let attempts = u32::try_from(self.attempts);
        Ok(OutboxMessage {
            id: MessageId::new(self.id),
            kind,
            payload: self.payload,
            created_at: moment(self.created_at),
            attempts: attempts.map_err(|error| StoreError::corrupt(RECORD, error))?,
            due_at: moment(self.due_at),
            expires_at: moment(self.expires_at),
        })
    }
}

fn row(message: &OutboxMessage) -> [Field; 7] {
    [
        ("id", message.id.as_str().into()),
        ("kind", message.kind.as_str().into()),
        ("payload", message.payload.clone().into()),
        ("created_at", message.created_at.millis().into()),
        ("attempts", i64::from(message.attempts).into()),
        // None once it is finished: no moment finds it then.
        ("due_at", message.due_at.millis().into()),
        ("expires_at", message.expires_at.millis().into()),
    ]
}

impl SeaOrmStore {
    /// Messages that wait for a taker. Rows that another taker holds are passed over rather than waited for.
    fn select_due(&self, kind: OutboxKind, now: Timestamp, limit: u64) -> SelectStatement {
        let mut select = Query::select();
        select
            .from(self.tables.outbox.clone())
            .and_where(Expr::col("kind").eq(kind.as_str()))
            .and_where(Expr::col("due_at").lte(now.millis()))
            .and_where(Expr::col("expires_at").gt(now.millis()))
            .order_by("due_at", Order::Asc)
            .limit(limit);
        // SQLite has one writer at a time, and no such words.
        if self.verb().backend() != DbBackend::Sqlite {
            select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        select
    }

    fn take_until(&self, until: Timestamp, which: Expr) -> UpdateStatement {
        Query::update()
            .table(self.tables.outbox.clone())
            .value("due_at", until.millis())
            .value("attempts", Expr::col("attempts").add(1))
            .and_where(which)
            .take()
    }

    /// Where rows cannot be returned by what changes them: they are locked, read and changed.
    async fn take_in_two_steps(
        &self,
        due: &SelectStatement,
        until: Timestamp,
    ) -> StoreResult<Vec<MessageRow>> {
        let select = &due.clone().columns(COLUMNS).take();
        self.verb()
            .transact(RECORD, |mut transaction| async move {
                let mut rows: Vec<MessageRow> = transaction.all(RECORD, select).await?;
                if rows.is_empty() {
                    return Ok(rows);
                }
                let ids = rows.iter().map(|row| row.id.as_str());
                let take = self.take_until(until, Expr::col("id").is_in(ids));
                transaction.write(RECORD, &take).await?;
                for row in &mut rows {
                    row.attempts += 1;
                    row.due_at = until.millis();
                }
                Ok(rows)
            })
            .await
    }
}

#[async_trait]
impl OutboxStore for SeaOrmStore {
    async fn put_messages(&self, messages: &[OutboxMessage]) -> StoreResult<()> {
        let table = &self.tables.outbox;
        if let [message] = messages {
            let mut db = self.verb();
            db.insert_if_free(RECORD, table, &row(message)).await?;
            return Ok(());
        }
        if messages.is_empty() {
            return Ok(());
        }
        // In one order, so that two that write the same do not hold what the other waits for.
        let mut rows: Vec<_> = messages.iter().map(|one| (&one.id, row(one))).collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        let rows = &rows;
        self.verb()
            .transact(RECORD, |mut transaction| async move {
                for (_, row) in rows {
                    transaction.insert_if_free(RECORD, table, row).await?;
                }
                Ok(())
            })
            .await
    }

    async fn take_due(
        &self,
        kind: OutboxKind,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<OutboxMessage>> {
        let due = self.select_due(kind, now, Ord::min(u64::from(limit), MOST_KEYS as u64));
        let mut db = self.verb();
        let rows = if db.backend() == DbBackend::MySql {
            self.take_in_two_steps(&due, until).await?
        } else {
            let ids = due.clone().column("id").take();
            let mut take = self.take_until(until, Expr::col("id").in_subquery(ids));
            take.returning(Query::returning().columns(COLUMNS));
            db.rows(RECORD, &take, How::Change).await?
        };
        let mut taken = rows
            .into_iter()
            .map(|row: MessageRow| row.into_message(kind))
            .collect::<StoreResult<Vec<_>>>()?;
        taken.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(taken)
    }

    async fn finish_message(&self, id: &MessageId) -> StoreResult<bool> {
        let finish = Query::update()
            .table(self.tables.outbox.clone())
            .value("due_at", None::<i64>)
            .value("payload", Vec::<u8>::new())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(Expr::col("due_at").is_not_null())
            .take();
        Ok(self.verb().write(RECORD, &finish).await? > 0)
    }

    async fn delay_message(&self, id: &MessageId, due_at: Timestamp) -> StoreResult<()> {
        let delay = Query::update()
            .table(self.tables.outbox.clone())
            .value("due_at", due_at.millis())
            .and_where(Expr::col("id").eq(id.as_str()))
            .and_where(Expr::col("due_at").is_not_null())
            .take();
        self.verb().write(RECORD, &delay).await?;
        Ok(())
    }
}
