//! Single-use values: a hash under kind and digest.

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    Consumed, OneTimeKind, OneTimeStore, OneTimeValue, StoreError, StoreResult,
};
use redis::Cmd;

use crate::{RedisStore, SLACK_MILLIS, ttl};

const RECORD: &str = "one-time value";
// What the script says of an attempt to spend.
const FIRST: u8 = 1;
const AGAIN: u8 = 2;
/// The last moment Redis is asked to remember, in the year 33658.
const FAR: i64 = 1_000_000_000_000_000;

impl RedisStore {
    fn one_time_key(&self, kind: OneTimeKind, key: &Digest32) -> String {
        self.key("o", &format!("{}:{}", kind.as_str(), key.to_text()))
    }
}

#[async_trait]
impl OneTimeStore for RedisStore {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        // No `now` is given here, so this end is by the server's clock. Were that far off, the value would be missing
        // and nobody let in.
        let forget_at = value.expires_at.millis().saturating_add(SLACK_MILLIS);
        let script = &self.scripts.one_time_put;
        let put = script
            .call(self.one_time_key(value.kind, &value.key))
            .arg(forget_at.min(FAR))
            .arg("payload")
            .arg(value.payload.as_slice())
            .arg("expires")
            .arg(value.expires_at.millis())
            .arg("keep")
            .arg(value.keep_until.millis())
            .arg("spent")
            .arg("0");
        if self.connection.verb().call(&put).await? {
            Ok(())
        } else {
            Err(StoreError::Exists { record: RECORD })
        }
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        type Fields = (Option<Vec<u8>>, Option<i64>, Option<i64>, Option<bool>);
        let fields = ["payload", "expires", "keep", "spent"];
        let name = self.one_time_key(kind, key);
        let read = Cmd::hmget(&name, &fields);
        let (Some(payload), Some(expires_at), Some(keep_until), Some(false)) =
            self.connection.verb().run::<Fields>(&name, read).await?
        else {
            return Ok(None);
        };
        let value = OneTimeValue {
            kind,
            key: *key,
            payload,
            expires_at: Timestamp::from_millis(expires_at),
            keep_until: Timestamp::from_millis(keep_until),
        };
        Ok(Some(value).filter(|value| now < value.expires_at))
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        let script = &self.scripts.one_time_consume;
        let consume = script
            .call(self.one_time_key(kind, key))
            .arg(now.millis())
            .arg(SLACK_MILLIS);
        let first = |(outcome, ..): &(u8, Vec<u8>, i64, i64)| *outcome == FIRST;
        let verb = self.connection.verb();
        let (outcome, payload, expires_at, keep_until) = verb.decide(&consume, first).await?;
        let value = OneTimeValue {
            kind,
            key: *key,
            payload,
            expires_at: Timestamp::from_millis(expires_at),
            keep_until: Timestamp::from_millis(keep_until),
        };
        Ok(match outcome {
            FIRST => Consumed::First(value),
            AGAIN => Consumed::Again(value),
            _ => Consumed::Absent,
        })
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool> {
        let script = &self.scripts.one_time_claim;
        let claim = script
            .call(self.one_time_key(kind, key))
            .arg(now.millis())
            .arg(keep_until.millis())
            .arg(ttl(keep_until, now));
        let verb = self.connection.verb();
        verb.decide(&claim, |claimed: &bool| *claimed).await
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let name = self.one_time_key(kind, key);
        let read = Cmd::hmget(&name, &["spent", "keep"]);
        let verb = self.connection.verb();
        let (spent, keep_until): (Option<bool>, Option<i64>) = verb.run(&name, read).await?;
        Ok(spent == Some(true) && keep_until.is_some_and(|end| now.millis() < end))
    }
}
