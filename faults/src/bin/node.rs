//! A node that redeems the code it is given, and stands still once the code is spent: the moment to kill it.
#![expect(clippy::expect_used, reason = "test code: what must not be is a panic")]

use std::io::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use auth_core::ground::{Digest32, Timestamp};
use auth_core::store::{
    Backend, Consumed, OneTimeKind, OneTimeStore, OneTimeValue, Reach, StoreResult,
};
use faults::{Ledger, Node, Place, RelyingParty, TestClock};

/// Says that a value was spent, and never comes back.
struct StandsStill(Arc<dyn OneTimeStore>);

#[async_trait]
impl Backend for StandsStill {
    fn reach(&self) -> Reach {
        self.0.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.0.prune(now, limit).await
    }
}

#[async_trait]
impl OneTimeStore for StandsStill {
    async fn put(&self, value: &OneTimeValue) -> StoreResult<()> {
        self.0.put(value).await
    }

    async fn peek(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Option<OneTimeValue>> {
        self.0.peek(kind, key, now).await
    }

    async fn consume(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<Consumed> {
        let consumed = self.0.consume(kind, key, now).await?;
        if matches!(consumed, Consumed::First(_)) {
            say("consumed");
            std::future::pending::<()>().await;
        }
        Ok(consumed)
    }

    async fn claim_once(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<bool> {
        self.0.claim_once(kind, key, now, keep_until).await
    }

    async fn is_claimed(
        &self,
        kind: OneTimeKind,
        key: &Digest32,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.0.is_claimed(kind, key, now).await
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody who reads");
}

#[tokio::main]
async fn main() {
    let code = std::env::args().nth(1).expect("a code");
    let mut stores = Place::from_environment().open().await;
    stores.one_time = Arc::new(StandsStill(stores.one_time));
    let node = Node::over(stores, &TestClock::default()).await;
    let answer = RelyingParty::new(&Ledger::new()).redeem(&node, &code).await;
    say(&format!("answered {answer:?}"));
}
