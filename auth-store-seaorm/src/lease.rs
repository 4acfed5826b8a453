//! Leases.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{LeaseStore, StoreResult};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};

use crate::SeaOrmStore;
use crate::database::{Dialect as _, Run as _};

const RECORD: &str = "lease";

#[async_trait]
impl LeaseStore for SeaOrmStore {
    async fn hold_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<bool> {
        let table = &self.tables.leases;
        let row = [
            ("name", name.into()),
            ("holder", holder.into()),
            ("ends_at", until.millis().into()),
        ];
        let column = |name: &'static str| Expr::col((table.clone(), name));
        let free = column("ends_at")
            .lte(now.millis())
            .or(column("holder").eq(holder));
        self.verb().claim(RECORD, table, 1, &row, &free).await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> StoreResult<()> {
        let delete = Query::delete()
            .from_table(self.tables.leases.clone())
            .and_where(Expr::col("name").eq(name))
            .and_where(Expr::col("holder").eq(holder))
            .take();
        self.verb().write(RECORD, &delete).await?;
        Ok(())
    }
}
