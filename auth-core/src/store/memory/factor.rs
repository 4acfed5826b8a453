//! TOTP secrets and backup codes.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::ground::{Digest32, Timestamp};
use crate::store::{FactorId, FactorStore, StoreResult, TotpFactor, UserId};

#[derive(Default)]
pub(super) struct Factors {
    totp: HashMap<UserId, TotpFactor>,
    backup_codes: HashMap<UserId, HashSet<Digest32>>,
}

impl Factors {
    fn enrolled(&mut self, user: &UserId, id: &FactorId) -> Option<&mut TotpFactor> {
        self.totp.get_mut(user).filter(|totp| totp.id == *id)
    }
}

#[async_trait]
impl FactorStore for MemoryStore {
    async fn totp(&self, user: &UserId) -> StoreResult<Option<TotpFactor>> {
        Ok(lock(&self.inner.factors).totp.get(user).cloned())
    }

    async fn begin_totp(&self, totp: &TotpFactor) -> StoreResult<bool> {
        let mut factors = lock(&self.inner.factors);
        let stands = factors.totp.get(&totp.user_id);
        if stands.is_some_and(|stands| stands.confirmed_at.is_some()) {
            return Ok(false);
        }
        factors.totp.insert(totp.user_id.clone(), totp.clone());
        Ok(true)
    }

    async fn confirm_totp(
        &self,
        user: &UserId,
        id: &FactorId,
        step: u64,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut factors = lock(&self.inner.factors);
        let begun = factors.enrolled(user, id);
        let Some(totp) = begun.filter(|totp| totp.confirmed_at.is_none()) else {
            return Ok(false);
        };
        totp.confirmed_at = Some(now);
        totp.last_step = Some(step);
        Ok(true)
    }

    async fn spend_totp_step(&self, user: &UserId, id: &FactorId, step: u64) -> StoreResult<bool> {
        let mut factors = lock(&self.inner.factors);
        let confirmed = factors.enrolled(user, id);
        let Some(totp) = confirmed.filter(|totp| totp.confirmed_at.is_some()) else {
            return Ok(false);
        };
        if totp.last_step.is_some_and(|last| step <= last) {
            return Ok(false);
        }
        totp.last_step = Some(step);
        Ok(true)
    }

    async fn reseal_totp(&self, user: &UserId, id: &FactorId, secret: &[u8]) -> StoreResult<()> {
        if let Some(totp) = lock(&self.inner.factors).enrolled(user, id) {
            totp.secret = secret.to_vec();
        }
        Ok(())
    }

    async fn remove_totp(&self, user: &UserId) -> StoreResult<bool> {
        Ok(lock(&self.inner.factors).totp.remove(user).is_some())
    }

    async fn replace_backup_codes(&self, user: &UserId, codes: &[Digest32]) -> StoreResult<()> {
        let codes = codes.iter().copied().collect();
        lock(&self.inner.factors)
            .backup_codes
            .insert(user.clone(), codes);
        Ok(())
    }

    async fn consume_backup_code(&self, user: &UserId, code: &Digest32) -> StoreResult<bool> {
        let mut factors = lock(&self.inner.factors);
        let codes = factors.backup_codes.get_mut(user);
        Ok(codes.is_some_and(|codes| codes.remove(code)))
    }

    async fn backup_codes_left(&self, user: &UserId) -> StoreResult<u32> {
        let factors = lock(&self.inner.factors);
        let left = factors.backup_codes.get(user).map_or(0, HashSet::len);
        Ok(u32::try_from(left).unwrap_or(u32::MAX))
    }
}
