//! Browsers seen and trusted.

use std::collections::HashMap;

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::{Digest32, Timestamp};
use crate::store::{
    DeviceId, DeviceSeen, DeviceStore, StoreError, StoreResult, TrustedDevice, UserId,
};

const MOST_LISTED: usize = 100;

#[derive(Default)]
pub(super) struct Devices {
    trusted: HashMap<DeviceId, TrustedDevice>,
    trust_ends: Expiry<DeviceId>,
    seen: HashMap<UserId, HashMap<Digest32, Timestamp>>,
    seen_ends: Expiry<(UserId, Digest32)>,
}

impl Devices {
    fn distrust(&mut self, id: &DeviceId) {
        if let Some(device) = self.trusted.remove(id) {
            self.trust_ends.remove(device.expires_at, device.id);
        }
    }

    fn distrust_all(&mut self, user: &UserId) -> usize {
        let theirs = self.trusted.values().filter(|one| one.user_id == *user);
        let ids: Vec<_> = theirs.map(|one| one.id.clone()).collect();
        for id in &ids {
            self.distrust(id);
        }
        ids.len()
    }

    fn note(&mut self, user: &UserId, browser: Digest32, keep_until: Timestamp) -> DeviceSeen {
        let seen = self.seen.entry(user.clone()).or_default();
        let is_first = seen.is_empty();
        let key = (user.clone(), browser);
        if let Some(until) = seen.get_mut(&browser) {
            let later = keep_until.max(*until);
            self.seen_ends.change(*until, later, key);
            *until = later;
            return DeviceSeen::Known;
        }
        seen.insert(browser, keep_until);
        self.seen_ends.insert(keep_until, key);
        if is_first {
            DeviceSeen::First
        } else {
            DeviceSeen::New
        }
    }

    fn forget_seen(&mut self, user: &UserId) {
        for (browser, until) in self.seen.remove(user).unwrap_or_default() {
            self.seen_ends.remove(until, (user.clone(), browser));
        }
    }

    pub(super) fn forget(&mut self, user: &UserId) {
        self.distrust_all(user);
        self.forget_seen(user);
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        let trusted = self.trust_ends.due(now, limit, |_| true);
        for (_, id) in &trusted {
            self.distrust(id);
        }
        let seen = self.seen_ends.due(now, limit - trusted.len(), |_| true);
        for (end, key) in &seen {
            if let Some(browsers) = self.seen.get_mut(&key.0) {
                browsers.remove(&key.1);
                if browsers.is_empty() {
                    self.seen.remove(&key.0);
                }
            }
            self.seen_ends.remove(*end, key.clone());
        }
        trusted.len() + seen.len()
    }
}

#[async_trait]
impl DeviceStore for MemoryStore {
    async fn trust_device(&self, device: &TrustedDevice) -> StoreResult<()> {
        let mut devices = lock(&self.inner.devices);
        if devices.trusted.contains_key(&device.id) {
            return Err(StoreError::Exists {
                record: "trusted device",
            });
        }
        let id = device.id.clone();
        devices.trust_ends.insert(device.expires_at, id.clone());
        devices.trusted.insert(id, device.clone());
        Ok(())
    }

    async fn trusted_device(&self, id: &DeviceId) -> StoreResult<Option<TrustedDevice>> {
        Ok(lock(&self.inner.devices).trusted.get(id).cloned())
    }

    async fn trusted_devices_of(&self, user: &UserId) -> StoreResult<Vec<TrustedDevice>> {
        let devices = lock(&self.inner.devices);
        let theirs = devices.trusted.values().filter(|one| one.user_id == *user);
        let mut theirs: Vec<_> = theirs.cloned().collect();
        theirs.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        theirs.truncate(MOST_LISTED);
        Ok(theirs)
    }

    async fn distrust_device(&self, user: &UserId, id: &DeviceId) -> StoreResult<bool> {
        let mut devices = lock(&self.inner.devices);
        let found = devices.trusted.get(id);
        let is_theirs = found.is_some_and(|device| device.user_id == *user);
        if is_theirs {
            devices.distrust(id);
        }
        Ok(is_theirs)
    }

    async fn distrust_devices(&self, user: &UserId) -> StoreResult<u64> {
        Ok(lock(&self.inner.devices).distrust_all(user) as u64)
    }

    async fn note_device(
        &self,
        user: &UserId,
        browser: &Digest32,
        _now: Timestamp,
        keep_until: Timestamp,
    ) -> StoreResult<DeviceSeen> {
        Ok(lock(&self.inner.devices).note(user, *browser, keep_until))
    }

    async fn forget_devices(&self, user: &UserId) -> StoreResult<()> {
        lock(&self.inner.devices).forget(user);
        Ok(())
    }
}
