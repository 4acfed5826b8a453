//! Grants, refresh tokens and consents.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;

use super::expiry::Expiry;
use super::{MemoryStore, lock};
use crate::ground::{Digest32, Timestamp};
use crate::store::{
    ClientId, Consent, Grant, GrantId, GrantStore, RefreshToken, RotationOutcome, SessionClient,
    SessionId, StoreError, StoreResult, Successor,
};

const MOST_LISTED: usize = 1000;

#[derive(Default)]
pub(super) struct Grants {
    by_id: HashMap<GrantId, Arc<Grant>>,
    by_client: HashMap<ClientId, HashSet<GrantId>>,
    by_subject: HashMap<String, HashSet<GrantId>>,
    by_session: HashMap<SessionId, HashSet<GrantId>>,
    ends: Expiry<GrantId>,
    refresh: HashMap<Digest32, Refresh>,
    refresh_of: HashMap<GrantId, u32>,
    refresh_ends: Expiry<Digest32>,
    consents: HashMap<String, BTreeMap<ClientId, Consent>>,
}

struct Refresh {
    token: RefreshToken,
    // What it replaced: a replay of that one is judged by this row.
    predecessor: Option<Digest32>,
}

fn unlink<K: Hash + Eq>(index: &mut HashMap<K, HashSet<GrantId>>, key: &K, id: &GrantId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

fn ids_in<K: Hash + Eq>(index: &HashMap<K, HashSet<GrantId>>, key: &K) -> Vec<GrantId> {
    index.get(key).into_iter().flatten().cloned().collect()
}

impl Grants {
    fn insert(&mut self, grant: &Grant) -> StoreResult<()> {
        if self.by_id.contains_key(&grant.id) {
            return Err(StoreError::Exists { record: "grant" });
        }
        let id = &grant.id;
        self.by_client
            .entry(grant.client_id.clone())
            .or_default()
            .insert(id.clone());
        self.by_subject
            .entry(grant.subject.clone())
            .or_default()
            .insert(id.clone());
        if let Some(session) = &grant.session_id {
            self.by_session
                .entry(session.clone())
                .or_default()
                .insert(id.clone());
        }
        self.ends.insert(grant.expires_at, id.clone());
        self.by_id.insert(id.clone(), Arc::new(grant.clone()));
        Ok(())
    }

    fn remove(&mut self, id: &GrantId) {
        let Some(grant) = self.by_id.remove(id) else {
            return;
        };
        unlink(&mut self.by_client, &grant.client_id, id);
        unlink(&mut self.by_subject, &grant.subject, id);
        if let Some(session) = &grant.session_id {
            unlink(&mut self.by_session, session, id);
        }
        self.ends.remove(grant.expires_at, id.clone());
    }

    fn insert_refresh(&mut self, token: RefreshToken, predecessor: Option<Digest32>) {
        *self.refresh_of.entry(token.grant_id.clone()).or_default() += 1;
        self.refresh_ends.insert(token.expires_at, token.digest);
        self.refresh
            .insert(token.digest, Refresh { token, predecessor });
    }

    fn remove_refresh(&mut self, digest: &Digest32) {
        let Some(Refresh { token, .. }) = self.refresh.remove(digest) else {
            return;
        };
        self.refresh_ends.remove(token.expires_at, *digest);
        if let Some(count) = self.refresh_of.get_mut(&token.grant_id) {
            *count -= 1;
            if *count == 0 {
                self.refresh_of.remove(&token.grant_id);
            }
        }
    }

    fn start_family(
        &mut self,
        token: &RefreshToken,
        grant_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let Some(grant) = self.by_id.get_mut(&token.grant_id) else {
            return Ok(false);
        };
        if !grant.is_live(now) {
            return Ok(false);
        }
        if self.refresh.contains_key(&token.digest) {
            return Err(StoreError::Exists {
                record: "refresh token",
            });
        }
        let before = grant.expires_at;
        Arc::make_mut(grant).expires_at = grant_expires_at;
        self.ends
            .change(before, grant_expires_at, token.grant_id.clone());
        self.insert_refresh(token.clone(), None);
        Ok(true)
    }

    fn rotate(
        &mut self,
        digest: &Digest32,
        client: &ClientId,
        successor: &Successor,
        successor_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<RotationOutcome> {
        let Some(Refresh { token, .. }) = self.refresh.get(digest) else {
            return Ok(RotationOutcome::Refused);
        };
        let grant_id = token.grant_id.clone();
        let grant = match self.by_id.get(&grant_id) {
            Some(grant)
                if grant.is_live(now) && grant.client_id == *client && now < token.expires_at =>
            {
                Grant::clone(grant)
            }
            _ => return Ok(RotationOutcome::Refused),
        };
        if let Some(stands) = token.successor.clone() {
            let unused = self
                .refresh
                .get(&stands.digest)
                .is_some_and(|next| next.token.successor.is_none());
            if unused {
                return Ok(RotationOutcome::Retried(grant, stands));
            }
            self.revoke(&grant_id, now);
            return Ok(RotationOutcome::Reused(Grant {
                revoked_at: Some(now),
                ..grant
            }));
        }
        if self.refresh.contains_key(&successor.digest) {
            return Err(StoreError::Exists {
                record: "refresh token",
            });
        }
        if let Some(used) = self.refresh.get_mut(digest) {
            used.token.successor = Some(successor.clone());
        }
        self.insert_refresh(
            RefreshToken {
                digest: successor.digest,
                grant_id,
                created_at: now,
                expires_at: successor_expires_at,
                successor: None,
            },
            Some(*digest),
        );
        Ok(RotationOutcome::Rotated(grant))
    }

    /// Marks the grant revoked; whether it was not before.
    fn revoke(&mut self, id: &GrantId, now: Timestamp) -> bool {
        match self.by_id.get_mut(id) {
            Some(grant) if grant.revoked_at.is_none() => {
                Arc::make_mut(grant).revoked_at = Some(now);
                true
            }
            _ => false,
        }
    }

    fn revoke_all(
        &mut self,
        ids: Vec<GrantId>,
        now: Timestamp,
        which: impl Fn(&Grant) -> bool,
    ) -> u64 {
        let mut ended = 0;
        for id in ids {
            if self.by_id.get(&id).is_some_and(|grant| which(grant)) && self.revoke(&id, now) {
                ended += 1;
            }
        }
        ended
    }

    fn remember(
        &mut self,
        subject: &str,
        client: &ClientId,
        scopes: &BTreeSet<String>,
        now: Timestamp,
    ) {
        let consent = self
            .consents
            .entry(subject.to_owned())
            .or_default()
            .entry(client.clone())
            .or_insert_with(|| Consent {
                subject: subject.to_owned(),
                client_id: client.clone(),
                scopes: scopes.clone(),
                granted_at: now,
                updated_at: now,
            });
        if !scopes.is_subset(&consent.scopes) {
            consent.scopes.extend(scopes.iter().cloned());
            consent.updated_at = now;
        }
    }

    fn forget_consent(&mut self, subject: &str, client: &ClientId) -> bool {
        let Some(of_subject) = self.consents.get_mut(subject) else {
            return false;
        };
        let forgotten = of_subject.remove(client).is_some();
        if of_subject.is_empty() {
            self.consents.remove(subject);
        }
        forgotten
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: usize) -> usize {
        // A token stays as long as its predecessor can still be presented: it says whether that is a replay.
        let tokens = self.refresh_ends.due(now, limit, |digest| {
            let predecessor = self
                .refresh
                .get(digest)
                .and_then(|refresh| self.refresh.get(&refresh.predecessor?));
            predecessor.is_none_or(|before| before.token.expires_at <= now)
        });
        for (_, digest) in &tokens {
            self.remove_refresh(digest);
        }
        let grants = self.ends.due(now, limit - tokens.len(), |id| {
            !self.refresh_of.contains_key(id)
        });
        for (_, id) in &grants {
            self.remove(id);
        }
        tokens.len() + grants.len()
    }
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn insert_grant(&self, grant: &Grant) -> StoreResult<()> {
        lock(&self.inner.grants).insert(grant)
    }

    async fn grant(&self, id: &GrantId) -> StoreResult<Option<Grant>> {
        let found = lock(&self.inner.grants).by_id.get(id).cloned();
        Ok(found.map(Arc::unwrap_or_clone))
    }

    async fn start_refresh_family(
        &self,
        token: &RefreshToken,
        grant_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        lock(&self.inner.grants).start_family(token, grant_expires_at, now)
    }

    async fn rotate_refresh_token(
        &self,
        digest: &Digest32,
        client: &ClientId,
        successor: &Successor,
        successor_expires_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<RotationOutcome> {
        lock(&self.inner.grants).rotate(digest, client, successor, successor_expires_at, now)
    }

    async fn refresh_token(&self, digest: &Digest32) -> StoreResult<Option<(RefreshToken, Grant)>> {
        let grants = lock(&self.inner.grants);
        Ok(grants.refresh.get(digest).and_then(|refresh| {
            let grant = grants.by_id.get(&refresh.token.grant_id)?;
            Some((refresh.token.clone(), Grant::clone(grant)))
        }))
    }

    async fn revoke_grant(&self, id: &GrantId, now: Timestamp) -> StoreResult<bool> {
        let mut grants = lock(&self.inner.grants);
        let lived = grants.by_id.get(id).is_some_and(|grant| grant.is_live(now));
        grants.revoke(id, now);
        Ok(lived)
    }

    async fn revoke_grants_of_client(&self, client: &ClientId, now: Timestamp) -> StoreResult<u64> {
        let mut grants = lock(&self.inner.grants);
        let ids = ids_in(&grants.by_client, client);
        Ok(grants.revoke_all(ids, now, |_| true))
    }

    async fn revoke_grants_of_subject(&self, subject: &str, now: Timestamp) -> StoreResult<u64> {
        let mut grants = lock(&self.inner.grants);
        let ids = ids_in(&grants.by_subject, &subject.to_owned());
        Ok(grants.revoke_all(ids, now, |_| true))
    }

    async fn revoke_grants_of_session(
        &self,
        session: &SessionId,
        now: Timestamp,
    ) -> StoreResult<u64> {
        let mut grants = lock(&self.inner.grants);
        let ids = ids_in(&grants.by_session, session);
        Ok(grants.revoke_all(ids, now, |grant| !grant.offline))
    }

    async fn clients_of_session(&self, session: &SessionId) -> StoreResult<Vec<SessionClient>> {
        let grants = lock(&self.inner.grants);
        let of_session = grants.by_session.get(session).into_iter().flatten();
        let clients: BTreeSet<_> = of_session
            .filter_map(|id| grants.by_id.get(id))
            .map(|grant| SessionClient {
                client_id: grant.client_id.clone(),
                subject: grant.subject.clone(),
                scopes: grant.scopes.clone(),
            })
            .collect();
        Ok(clients.into_iter().take(MOST_LISTED).collect())
    }

    async fn consent(&self, subject: &str, client: &ClientId) -> StoreResult<Option<Consent>> {
        let grants = lock(&self.inner.grants);
        Ok(grants
            .consents
            .get(subject)
            .and_then(|of_subject| of_subject.get(client).cloned()))
    }

    async fn remember_consent(
        &self,
        subject: &str,
        client: &ClientId,
        scopes: &BTreeSet<String>,
        now: Timestamp,
    ) -> StoreResult<()> {
        lock(&self.inner.grants).remember(subject, client, scopes, now);
        Ok(())
    }

    async fn consents_of(&self, subject: &str) -> StoreResult<Vec<Consent>> {
        let mut found: Vec<Consent> = lock(&self.inner.grants)
            .consents
            .get(subject)
            .map(|of_subject| of_subject.values().cloned().collect())
            .unwrap_or_default();
        found.sort_by_key(|consent| consent.granted_at);
        found.truncate(MOST_LISTED);
        Ok(found)
    }

    async fn revoke_consent(
        &self,
        subject: &str,
        client: &ClientId,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut grants = lock(&self.inner.grants);
        let ids = ids_in(&grants.by_subject, &subject.to_owned());
        grants.revoke_all(ids, now, |grant| grant.client_id == *client);
        Ok(grants.forget_consent(subject, client))
    }
}
