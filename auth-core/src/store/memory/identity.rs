//! Identities at other providers.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{MemoryStore, lock};
use crate::ground::Timestamp;
use crate::store::{
    IdentityId, IdentityStore, IdentityUse, LinkIdentity, LinkedIdentity, StoreError, StoreResult,
    UserId,
};

#[derive(Default)]
pub(super) struct Identities {
    by_id: HashMap<IdentityId, LinkedIdentity>,
    /// By issuer, then subject.
    by_subject: HashMap<String, HashMap<String, IdentityId>>,
}

impl Identities {
    fn of(&self, user: &UserId) -> Vec<LinkedIdentity> {
        let theirs = self.by_id.values().filter(|one| one.user_id == *user);
        let mut theirs: Vec<_> = theirs.cloned().collect();
        theirs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        theirs
    }

    fn find(&self, issuer: &str, subject: &str) -> Option<&LinkedIdentity> {
        let id = self.by_subject.get(issuer)?.get(subject)?;
        self.by_id.get(id)
    }

    fn remove(&mut self, id: &IdentityId) {
        let Some(gone) = self.by_id.remove(id) else {
            return;
        };
        if let Some(subjects) = self.by_subject.get_mut(&gone.issuer) {
            subjects.remove(&gone.subject);
            if subjects.is_empty() {
                self.by_subject.remove(&gone.issuer);
            }
        }
    }
}

#[async_trait]
impl IdentityStore for MemoryStore {
    async fn link_identity(
        &self,
        identity: &LinkedIdentity,
        most: u32,
    ) -> StoreResult<LinkIdentity> {
        let mut identities = lock(&self.inner.identities);
        if identities
            .find(&identity.issuer, &identity.subject)
            .is_some()
        {
            return Ok(LinkIdentity::Exists);
        }
        if identities.by_id.contains_key(&identity.id) {
            return Err(StoreError::Exists {
                record: "linked identity",
            });
        }
        if identities.of(&identity.user_id).len() >= most as usize {
            return Ok(LinkIdentity::TooMany);
        }
        let id = identity.id.clone();
        let subjects = identities.by_subject.entry(identity.issuer.clone());
        subjects
            .or_default()
            .insert(identity.subject.clone(), id.clone());
        identities.by_id.insert(id, identity.clone());
        Ok(LinkIdentity::Linked)
    }

    async fn identity(&self, issuer: &str, subject: &str) -> StoreResult<Option<LinkedIdentity>> {
        let identities = lock(&self.inner.identities);
        Ok(identities.find(issuer, subject).cloned())
    }

    async fn identities_of(&self, user: &UserId) -> StoreResult<Vec<LinkedIdentity>> {
        Ok(lock(&self.inner.identities).of(user))
    }

    async fn use_identity(
        &self,
        id: &IdentityId,
        seen: &IdentityUse,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut identities = lock(&self.inner.identities);
        let Some(identity) = identities.by_id.get_mut(id) else {
            return Ok(false);
        };
        identity.upstream.clone_from(&seen.upstream);
        identity.display.clone_from(&seen.display);
        identity.last_used_at = Some(now);
        if let Some(tokens) = &seen.tokens {
            identity.tokens = Some(tokens.clone());
            identity.tokens_version += 1;
        }
        Ok(true)
    }

    async fn replace_identity_tokens(
        &self,
        id: &IdentityId,
        expected: u64,
        tokens: Option<&[u8]>,
    ) -> StoreResult<bool> {
        let mut identities = lock(&self.inner.identities);
        let found = identities.by_id.get_mut(id);
        let Some(identity) = found.filter(|identity| identity.tokens_version == expected) else {
            return Ok(false);
        };
        identity.tokens = tokens.map(<[u8]>::to_vec);
        identity.tokens_version += 1;
        Ok(true)
    }

    async fn unlink_identity(&self, user: &UserId, id: &IdentityId) -> StoreResult<bool> {
        let mut identities = lock(&self.inner.identities);
        let found = identities.by_id.get(id);
        let is_theirs = found.is_some_and(|identity| identity.user_id == *user);
        if is_theirs {
            identities.remove(id);
        }
        Ok(is_theirs)
    }

    async fn unlink_identities(&self, user: &UserId) -> StoreResult<u64> {
        let mut identities = lock(&self.inner.identities);
        let theirs = identities.of(user);
        for identity in &theirs {
            identities.remove(&identity.id);
        }
        Ok(theirs.len() as u64)
    }
}
