//! Widening a remembered consent; the rest of it stands with the grants.

use std::collections::BTreeSet;

use auth_core::ground::Timestamp;
use auth_core::store::{ClientId, StoreResult};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, Query};

use crate::SeaOrmStore;
use crate::codec::{from_json, to_json};
use crate::database::{Dialect as _, Run as _};
use crate::grant::{CONSENT as RECORD, of};

#[derive(FromQueryResult)]
struct ScopesRow {
    scopes: String,
}

impl SeaOrmStore {
    /// Joins scopes to what stands, which is held from the look to the change.
    pub(crate) async fn join_consent(
        &self,
        subject: &str,
        client: &ClientId,
        scopes: &BTreeSet<String>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let table = &self.tables.consents;
        let stands = &Query::select()
            .column("scopes")
            .from(table.clone())
            .and_where(of(subject, client))
            .lock_exclusive()
            .take();
        let new = &[
            ("subject", subject.into()),
            ("client_id", client.as_str().into()),
            ("scopes", to_json(RECORD, scopes)?.into()),
            ("granted_at", now.millis().into()),
            ("updated_at", Expr::from(now.millis())),
        ];
        self.verb()
            .transact(RECORD, |mut transaction| async move {
                let row: Option<ScopesRow> = transaction.one(RECORD, stands).await?;
                let Some(row) = row else {
                    // There was no row to hold: when another call made it, what it holds has to be joined.
                    if transaction.insert_if_free(RECORD, table, new).await? {
                        return Ok(());
                    }
                    return Err(transaction.again().await);
                };
                let stands: BTreeSet<String> = from_json(RECORD, &row.scopes)?;
                if scopes.is_subset(&stands) {
                    return Ok(());
                }
                let joined: BTreeSet<_> = stands.union(scopes).collect();
                let widen = Query::update()
                    .table(table.clone())
                    .value("scopes", to_json(RECORD, &joined)?)
                    .value("updated_at", now.millis())
                    .and_where(of(subject, client))
                    .take();
                transaction.write(RECORD, &widen).await?;
                Ok(())
            })
            .await
    }
}
