//! What changes while a second factor is set up on the way to the first session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;

use super::factors::*;
use super::harness::*;
use crate::ground::{Digest32, Timestamp};
use crate::login::Mfa;
use crate::store::{
    Backend, FactorId, FactorStore, MemoryStore, PasswordHash, Reach, StoreResult, Stores,
    TotpFactor, UserId, UserStore as _,
};

/// Factors whose owner changes the password, on another node, in the moment one is confirmed.
struct Overtaken {
    inner: MemoryStore,
    armed: AtomicBool,
}

#[async_trait]
impl Backend for Overtaken {
    fn reach(&self) -> Reach {
        self.inner.reach()
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.prune(now, limit).await
    }
}

#[async_trait]
impl FactorStore for Overtaken {
    async fn totp(&self, user: &UserId) -> StoreResult<Option<TotpFactor>> {
        self.inner.totp(user).await
    }

    async fn begin_totp(&self, totp: &TotpFactor) -> StoreResult<bool> {
        self.inner.begin_totp(totp).await
    }

    async fn confirm_totp(
        &self,
        user: &UserId,
        id: &FactorId,
        step: u64,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let confirmed = self.inner.confirm_totp(user, id, step, now).await?;
        if confirmed && self.armed.swap(false, Ordering::SeqCst) {
            let new = PasswordHash::new("another");
            let stored = self.inner.password_hash(user).await?;
            let changed = self
                .inner
                .set_password(user, stored.as_ref(), &new, now)
                .await?;
            assert!(changed);
        }
        Ok(confirmed)
    }

    async fn spend_totp_step(&self, user: &UserId, id: &FactorId, step: u64) -> StoreResult<bool> {
        self.inner.spend_totp_step(user, id, step).await
    }

    async fn reseal_totp(&self, user: &UserId, id: &FactorId, secret: &[u8]) -> StoreResult<()> {
        self.inner.reseal_totp(user, id, secret).await
    }

    async fn remove_totp(&self, user: &UserId) -> StoreResult<bool> {
        self.inner.remove_totp(user).await
    }

    async fn replace_backup_codes(&self, user: &UserId, codes: &[Digest32]) -> StoreResult<()> {
        self.inner.replace_backup_codes(user, codes).await
    }

    async fn consume_backup_code(&self, user: &UserId, code: &Digest32) -> StoreResult<bool> {
        self.inner.consume_backup_code(user, code).await
    }

    async fn backup_codes_left(&self, user: &UserId) -> StoreResult<u32> {
        self.inner.backup_codes_left(user).await
    }
}

#[tokio::test]
async fn threat_28_who_knew_the_old_password_leaves_no_second_factor_behind() {
    let inner = MemoryStore::new();
    let overtaken = Arc::new(Overtaken {
        inner: inner.clone(),
        armed: AtomicBool::new(false),
    });
    let mut stores: Stores = inner.into();
    stores.factors = overtaken.clone();
    let house = House::build(settings().mfa(Mfa::Required), stores);
    let ada = house.account(ADA).await;
    for is_overtaken in [true, false] {
        let mut browser = house.browser();
        let answer = browser.sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.location(), "/auth/second-factor/enrol");
        let page = "/auth/second-factor/enrol";
        let begun = browser.post_json(page, &json!({})).await;
        let (factor, app, _) = read_enrolment(&begun.json()["context"]["enrolment"]);
        let right = json!({ "factor": factor, "code": app.code(&house) });
        overtaken.armed.store(is_overtaken, Ordering::SeqCst);
        let confirm = "/auth/second-factor/enrol/confirm";
        let answer = browser.post_json(confirm, &right).await;
        let factors = &house.core.stores.factors;
        let totp = factors.totp(&ada.id).await.expect("store");
        let codes = factors.backup_codes_left(&ada.id).await.expect("store");
        if is_overtaken {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
            assert_eq!(answer.json()["code"], "sign_in_expired");
            assert_eq!(browser.session_cookie(), None);
            assert_eq!((totp, codes), (None, 0), "nothing of theirs is left");
            let owner = house.wing.set_password(&ada.id, PASSWORD.into(), false);
            owner.await.expect("the owner's own");
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            assert!(totp.is_some() && codes == 10);
        }
    }
}
