//! Passkeys.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{AddPasskey, Passkey, PasskeyId, PasskeyStore, StoreResult, UserId};

#[derive(Default)]
pub(super) struct Passkeys {
    by_id: HashMap<PasskeyId, Passkey>,
}

impl Passkeys {
    fn of(&self, user: &UserId) -> Vec<Passkey> {
        let theirs = self.by_id.values().filter(|one| one.user_id == *user);
        let mut theirs: Vec<_> = theirs.cloned().collect();
        theirs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        theirs
    }

    fn owned(&mut self, user: &UserId, id: &PasskeyId) -> Option<&mut Passkey> {
        let found = self.by_id.get_mut(id);
        found.filter(|passkey| passkey.user_id == *user)
    }
}

#[async_trait]
impl PasskeyStore for MemoryStore {
    async fn add_passkey(&self, passkey: &Passkey, most: u32) -> StoreResult<AddPasskey> {
        let mut passkeys = lock(&self.inner.passkeys);
        if passkeys.by_id.contains_key(&passkey.id) {
            return Ok(AddPasskey::Exists);
        }
        if passkeys.of(&passkey.user_id).len() >= most as usize {
            return Ok(AddPasskey::TooMany);
        }
        passkeys.by_id.insert(passkey.id.clone(), passkey.clone());
        Ok(AddPasskey::Added)
    }

    async fn passkey(&self, id: &PasskeyId) -> StoreResult<Option<Passkey>> {
        Ok(lock(&self.inner.passkeys).by_id.get(id).cloned())
    }

    async fn passkeys_of(&self, user: &UserId) -> StoreResult<Vec<Passkey>> {
        Ok(lock(&self.inner.passkeys).of(user))
    }

    async fn use_passkey(
        &self,
        id: &PasskeyId,
        expected: u32,
        counter: u32,
        credential: &[u8],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut passkeys = lock(&self.inner.passkeys);
        let found = passkeys.by_id.get_mut(id);
        let Some(passkey) = found.filter(|passkey| passkey.counter == expected) else {
            return Ok(false);
        };
        passkey.counter = counter;
        passkey.credential = credential.to_vec();
        passkey.last_used_at = Some(now);
        Ok(true)
    }

    async fn rename_passkey(&self, user: &UserId, id: &PasskeyId, name: &str) -> StoreResult<bool> {
        let mut passkeys = lock(&self.inner.passkeys);
        let Some(passkey) = passkeys.owned(user, id) else {
            return Ok(false);
        };
        name.clone_into(&mut passkey.name);
        Ok(true)
    }

    async fn remove_passkey(&self, user: &UserId, id: &PasskeyId) -> StoreResult<bool> {
        let mut passkeys = lock(&self.inner.passkeys);
        let is_theirs = passkeys.owned(user, id).is_some();
        if is_theirs {
            passkeys.by_id.remove(id);
        }
        Ok(is_theirs)
    }

    async fn remove_passkeys(&self, user: &UserId) -> StoreResult<u64> {
        let mut passkeys = lock(&self.inner.passkeys);
        let before = passkeys.by_id.len();
        passkeys.by_id.retain(|_, passkey| passkey.user_id != *user);
        Ok((before - passkeys.by_id.len()) as u64)
    }
}
