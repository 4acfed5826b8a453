//! The provider's signing keys.

use async_trait::async_trait;
use auth_core::ground::Timestamp;
use auth_core::store::{SigningKeyRecord, SigningKeyStore, StoreError, StoreResult};
use sea_orm::FromQueryResult;
use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query};

use crate::SeaOrmStore;
use crate::codec::{millis, moment, number};
use crate::database::{Dialect as _, Field, Run as _};

const RECORD: &str = "signing key";

#[derive(FromQueryResult)]
struct KeyRow {
    kid: String,
    algorithm: String,
    generation: i64,
    sealed_private_key: Vec<u8>,
    created_at: i64,
    active_from: i64,
    retired_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct KidRow {
    #[expect(dead_code, reason = "that there is a row is the answer")]
    kid: String,
}

impl KeyRow {
    fn into_record(self) -> StoreResult<SigningKeyRecord> {
        Ok(SigningKeyRecord {
            kid: self.kid,
            algorithm: self.algorithm,
            generation: number(RECORD, self.generation)?,
            sealed_private_key: self.sealed_private_key,
            created_at: moment(self.created_at),
            active_from: moment(self.active_from),
            retired_at: self.retired_at.map(moment),
        })
    }
}

fn row(key: &SigningKeyRecord) -> [Field; 7] {
    [
        ("kid", key.kid.as_str().into()),
        ("algorithm", key.algorithm.as_str().into()),
        ("generation", i64::from(key.generation).into()),
        ("sealed_private_key", key.sealed_private_key.clone().into()),
        ("created_at", key.created_at.millis().into()),
        ("active_from", key.active_from.millis().into()),
        ("retired_at", millis(key.retired_at).into()),
    ]
}

#[async_trait]
impl SigningKeyStore for SeaOrmStore {
    async fn signing_keys(&self) -> StoreResult<Vec<SigningKeyRecord>> {
        let select = Query::select()
            .columns([
                "kid",
                "algorithm",
                "generation",
                "sealed_private_key",
                "created_at",
                "active_from",
                "retired_at",
            ])
            .from(self.tables.signing_keys.clone())
            .order_by("algorithm", Order::Asc)
            .order_by("generation", Order::Asc)
            .take();
        let rows: Vec<KeyRow> = self.verb().all(RECORD, &select).await?;
        rows.into_iter().map(KeyRow::into_record).collect()
    }

    async fn add_signing_key(
        &self,
        key: &SigningKeyRecord,
        previous_retired_at: Timestamp,
    ) -> StoreResult<bool> {
        let table = &self.tables.signing_keys;
        let generation = i64::from(key.generation);
        let of_algorithm = || Expr::col("algorithm").eq(key.algorithm.as_str());
        let newest = &Query::select()
            .column("kid")
            .from(table.clone())
            .and_where(of_algorithm())
            .order_by("generation", Order::Desc)
            .limit(1)
            .lock_exclusive()
            .take();
        // Later generations count too: a number that was pruned is not free again.
        let taken = &Query::select()
            .column("kid")
            .from(table.clone())
            .and_where(of_algorithm())
            .and_where(Expr::col("generation").gte(generation))
            .limit(1)
            .take();
        let retire = &Query::update()
            .table(table.clone())
            .value("retired_at", previous_retired_at.millis())
            .and_where(of_algorithm())
            .and_where(Expr::col("generation").eq(generation - 1))
            .take();
        self.verb()
            .transact(RECORD, |mut transaction| async move {
                // Those who add to an algorithm come one after the other, from its second key on.
                transaction.one::<KidRow>(RECORD, newest).await?;
                if transaction.one::<KidRow>(RECORD, taken).await?.is_some() {
                    return Ok(false);
                }
                if !transaction.insert_if_free(RECORD, table, &row(key)).await? {
                    // Which of the two keys it was: for the first generation there was nothing to wait for.
                    return match transaction.one::<KidRow>(RECORD, taken).await? {
                        Some(_) => Ok(false),
                        None => Err(StoreError::Exists { record: RECORD }),
                    };
                }
                transaction.write(RECORD, retire).await?;
                Ok(true)
            })
            .await
    }

    async fn reseal_signing_key(&self, kid: &str, sealed_private_key: &[u8]) -> StoreResult<()> {
        let update = Query::update()
            .table(self.tables.signing_keys.clone())
            .value("sealed_private_key", sealed_private_key.to_vec())
            .and_where(Expr::col("kid").eq(kid))
            .take();
        self.verb().write(RECORD, &update).await?;
        Ok(())
    }
}
