//! OAuth clients.

use async_trait::async_trait;
use auth_core::store::{Client, ClientChange, ClientId, ClientStore, StoreResult};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query, SelectStatement};

use crate::SeaOrmStore;
use crate::codec::{from_json, millis, moment, number, to_json};
use crate::database::{Dialect as _, Field, Run as _};

const RECORD: &str = "client";

#[derive(FromQueryResult)]
struct ClientRow {
    client_id: String,
    metadata: String,
    secrets: String,
    first_party: bool,
    disabled_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl ClientRow {
    fn into_client(self) -> StoreResult<Client> {
        Ok(Client {
            client_id: ClientId::new(self.client_id),
            metadata: from_json(RECORD, &self.metadata)?,
            secrets: from_json(RECORD, &self.secrets)?,
            first_party: self.first_party,
            disabled_at: self.disabled_at.map(moment),
            created_at: moment(self.created_at),
            updated_at: moment(self.updated_at),
            version: number(RECORD, self.version)?,
        })
    }
}

fn row(client: &Client) -> StoreResult<[Field; 8]> {
    Ok([
        ("client_id", client.client_id.as_str().into()),
        ("metadata", to_json(RECORD, &client.metadata)?.into()),
        ("secrets", to_json(RECORD, &client.secrets)?.into()),
        ("first_party", client.first_party.into()),
        ("disabled_at", millis(client.disabled_at).into()),
        ("created_at", client.created_at.millis().into()),
        ("updated_at", client.updated_at.millis().into()),
        ("version", i64::from(client.version).into()),
    ])
}

impl SeaOrmStore {
    fn select_clients(&self) -> SelectStatement {
        Query::select()
            .columns([
                "client_id",
                "metadata",
                "secrets",
                "first_party",
                "disabled_at",
                "created_at",
                "updated_at",
                "version",
            ])
            .from(self.tables.clients.clone())
            .take()
    }
}

#[async_trait]
impl ClientStore for SeaOrmStore {
    async fn insert_client(&self, client: &Client) -> StoreResult<()> {
        let row = row(client)?;
        self.verb().insert(RECORD, &self.tables.clients, &row).await
    }

    async fn client(&self, id: &ClientId) -> StoreResult<Option<Client>> {
        let select = self
            .select_clients()
            .and_where(Expr::col("client_id").eq(id.as_str()))
            .take();
        let row: Option<ClientRow> = self.verb().one(RECORD, &select).await?;
        row.map(ClientRow::into_client).transpose()
    }

    async fn update_client(&self, client: &Client) -> StoreResult<ClientChange> {
        let update = Query::update()
            .table(self.tables.clients.clone())
            .values(row(client)?)
            .and_where(Expr::col("client_id").eq(client.client_id.as_str()))
            .and_where(Expr::col("version").eq(i64::from(client.version) - 1))
            .take();
        match self.verb().write(RECORD, &update).await? {
            0 => Ok(ClientChange::Stale),
            _ => Ok(ClientChange::Updated),
        }
    }

    async fn delete_client(&self, id: &ClientId) -> StoreResult<bool> {
        let delete = Query::delete()
            .from_table(self.tables.clients.clone())
            .and_where(Expr::col("client_id").eq(id.as_str()))
            .take();
        Ok(self.verb().write(RECORD, &delete).await? > 0)
    }

    async fn clients(&self, after: Option<&ClientId>, limit: u32) -> StoreResult<Vec<Client>> {
        let select = self
            .select_clients()
            .and_where_option(after.map(|id| Expr::col("client_id").gt(id.as_str())))
            .order_by("client_id", Order::Asc)
            .limit(u64::from(limit))
            .take();
        let rows: Vec<ClientRow> = self.verb().all(RECORD, &select).await?;
        rows.into_iter().map(ClientRow::into_client).collect()
    }
}
