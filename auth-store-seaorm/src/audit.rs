//! What happened.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{
    AuditId, AuditQuery, AuditRecord, AuditStore, ClientId, StoreError, StoreResult, UserId,
};
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query, SelectStatement};
use sea_orm::{DbBackend, FromQueryResult};

use crate::SeaOrmStore;
use crate::codec::moment;
use crate::database::{Dialect as _, Field, Run as _};

const RECORD: &str = "audit record";
const MOST_READ: u64 = 1_000;
/// In one statement.
const MOST_ROWS: usize = 500;

#[derive(FromQueryResult)]
struct AuditRow {
    id: String,
    at: i64,
    event: String,
    actor: Option<String>,
    subject: Option<String>,
    organization: Option<String>,
    client_id: Option<String>,
    address: Option<String>,
    data: String,
    expires_at: i64,
}

impl From<AuditRow> for AuditRecord {
    fn from(row: AuditRow) -> Self {
        Self {
            id: AuditId::new(row.id),
            at: moment(row.at),
            event: row.event,
            actor: row.actor.map(UserId::new),
            subject: row.subject.map(UserId::new),
            organization: row.organization,
            client: row.client_id.map(ClientId::new),
            address: row.address,
            data: row.data,
            expires_at: moment(row.expires_at),
        }
    }
}

fn row(record: &AuditRecord) -> [Field; 10] {
    let user = |id: &Option<UserId>| id.as_ref().map(|id| id.as_str().to_owned());
    let client = record.client.as_ref().map(|id| id.as_str().to_owned());
    [
        ("id", record.id.as_str().into()),
        ("at", record.at.millis().into()),
        ("event", record.event.as_str().into()),
        ("actor", user(&record.actor).into()),
        ("subject", user(&record.subject).into()),
        ("organization", record.organization.clone().into()),
        ("client_id", client.into()),
        ("address", record.address.clone().into()),
        ("data", record.data.as_str().into()),
        ("expires_at", record.expires_at.millis().into()),
    ]
}

impl SeaOrmStore {
    fn select_audit(&self, query: &AuditQuery) -> SelectStatement {
        let is = |column: &'static str, wanted: Option<&str>| {
            wanted.map(|wanted| Expr::col(column).eq(wanted))
        };
        let at = || Expr::col("at");
        // SQLite is told in any case where to begin an index; the others find the newest by themselves.
        let is_sqlite = self.verb().backend() == DbBackend::Sqlite;
        let since = query.since.map(Timestamp::millis);
        let since = since.or(is_sqlite.then_some(i64::MIN));
        let mut select = Query::select();
        select
            .columns([
                "id",
                "at",
                "event",
                "actor",
                "subject",
                "organization",
                "client_id",
                "address",
                "data",
                "expires_at",
            ])
            .from(self.tables.audit.clone())
            .and_where_option(is("actor", query.actor.as_ref().map(UserId::as_str)))
            .and_where_option(is("subject", query.subject.as_ref().map(UserId::as_str)))
            .and_where_option(is("organization", query.organization.as_deref()))
            .and_where_option(is("event", query.event.as_deref()))
            .and_where_option(since.map(|since| at().gte(since)))
            .and_where_option(query.until.map(|until| at().lt(until.millis())))
            .order_by("at", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(Ord::min(u64::from(query.limit), MOST_READ));
        if let Some((moment, id)) = &query.after {
            // The first of the two is what an index can begin at.
            let before = at().lt(moment.millis());
            select
                .and_where(at().lte(moment.millis()))
                .and_where(before.or(Expr::col("id").lt(id.as_str())));
        }
        select
    }
}

#[async_trait]
impl AuditStore for SeaOrmStore {
    async fn append_audit(&self, records: &[AuditRecord]) -> StoreResult<()> {
        let table = &self.tables.audit;
        if records.is_empty() {
            return Ok(());
        }
        // In one order, so that two that write the same do not hold what the other waits for.
        let mut rows: Vec<_> = records.iter().map(|one| (&one.id, row(one))).collect();
        rows.sort_by_key(|(id, _)| *id);
        // Of two with one id the first stands.
        rows.dedup_by_key(|(id, _)| *id);
        let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        let mut db = self.verb();
        if rows.len() <= MOST_ROWS {
            match db.insert_all_if_free(RECORD, table, &rows).await {
                // Where a statement with one key in use is undone as a whole, the rows are written one by one.
                Err(StoreError::Exists { .. }) => {}
                written => return written,
            }
        }
        let rows = &rows;
        db.transact(RECORD, |mut transaction| async move {
            for some in rows.chunks(MOST_ROWS) {
                match transaction.insert_all_if_free(RECORD, table, some).await {
                    Err(StoreError::Exists { .. }) => {}
                    written => {
                        written?;
                        continue;
                    }
                }
                for row in some {
                    transaction.insert_if_free(RECORD, table, row).await?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn audit(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>> {
        let select = self.select_audit(query);
        let rows: Vec<AuditRow> = self.verb().all(RECORD, &select).await?;
        Ok(rows.into_iter().map(AuditRecord::from).collect())
    }
}
