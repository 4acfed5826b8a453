//! Attempt counters: a hash under the key's digest.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{StoreError, StoreResult, ThrottlePolicy, ThrottleStore, Verdict};

use crate::{RedisStore, SLACK_MILLIS};

const RECORD: &str = "throttle";

impl RedisStore {
    fn throttle_key(&self, key: &Digest32) -> String {
        self.key("t", &key.to_text())
    }
}

// A script counts in doubles, exact up to 2^53.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(1 << 50, |millis| millis.min(1 << 50))
}

#[async_trait]
impl ThrottleStore for RedisStore {
    async fn count_and_check(
        &self,
        key: &Digest32,
        policy: &ThrottlePolicy,
        now: Timestamp,
    ) -> StoreResult<Verdict> {
        let script = &self.scripts.throttle_count;
        let count = script
            .call(self.throttle_key(key))
            .arg(now.millis())
            .arg(policy.limit)
            .arg(millis(policy.window))
            .arg(millis(policy.lock))
            .arg(millis(policy.max_lock))
            .arg(millis(policy.forget_after()))
            .arg(SLACK_MILLIS);
        let (verdict, number): (u8, i64) = self.connection.verb().call(&count).await?;
        let until = Timestamp::from_millis(number);
        match verdict {
            0 => Ok(Verdict::Allowed {
                remaining: u32::try_from(number)
                    .map_err(|_| StoreError::corrupt(RECORD, "a count out of range"))?,
            }),
            1 => Ok(Verdict::Locked { until }),
            _ => Ok(Verdict::Refused { until }),
        }
    }

    async fn take_back_attempt(&self, key: &Digest32) -> StoreResult<()> {
        let script = &self.scripts.throttle_take_back;
        let take_back = script.call(self.throttle_key(key));
        self.connection.verb().call(&take_back).await
    }

    async fn clear_throttle(&self, key: &Digest32) -> StoreResult<()> {
        let name = self.throttle_key(key);
        let delete = redis::Cmd::del(&name);
        self.connection.verb().run(&name, delete).await
    }
}
