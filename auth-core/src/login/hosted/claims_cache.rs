//! Tokens that were checked a moment ago. Bounded; each counts no longer than itself, and than [`RECHECK`].

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::access::HostedAccess;
use crate::ground::{Digest32, Timestamp};

/// A key that was withdrawn counts so much longer at most.
const RECHECK: Duration = Duration::from_mins(10);

pub(super) struct ClaimsCache {
    most: usize,
    known: RwLock<HashMap<Digest32, Known>>,
}

#[derive(Clone)]
struct Known {
    access: Arc<HostedAccess>,
    until: Timestamp,
}

impl ClaimsCache {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            known: RwLock::default(),
        }
    }

    pub(super) fn get(&self, key: &Digest32, now: Timestamp) -> Option<Arc<HostedAccess>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(key).filter(|known| now < known.until)?;
        Some(found.access.clone())
    }

    pub(super) fn put(&self, key: Digest32, access: Arc<HostedAccess>, now: Timestamp) {
        let until = access.expires_at.min(now + RECHECK);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most {
            known.retain(|_, known| now < known.until);
        }
        if known.len() >= self.most {
            // Half at once, so that the next ones need not look; what is asked for again is checked again.
            let mut keep = self.most / 2;
            known.retain(|_, _| {
                keep = keep.saturating_sub(1);
                keep > 0
            });
        }
        known.insert(key, Known { access, until });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(expires_at: i64) -> Arc<HostedAccess> {
        Arc::new(HostedAccess {
            user_id: "user_1".to_owned(),
            session_id: "session_1".to_owned(),
            organization: None,
            role: None,
            roles: Vec::new(),
            permissions: Vec::new(),
            entitlements: Vec::new(),
            expires_at: Timestamp::from_seconds(expires_at),
        })
    }

    #[test]
    fn a_token_counts_as_long_as_itself_and_no_longer_than_the_bound() {
        let cache = ClaimsCache::new(8);
        let now = Timestamp::from_seconds(1000);
        let (short, long) = (Digest32::of("short"), Digest32::of("long"));
        cache.put(short, access(1010), now);
        cache.put(long, access(100_000), now);
        assert!(cache.get(&short, Timestamp::from_seconds(1009)).is_some());
        assert!(cache.get(&short, Timestamp::from_seconds(1010)).is_none());
        assert!(cache.get(&long, now + RECHECK).is_none());
    }

    #[test]
    fn it_never_grows_past_its_bound() {
        let cache = ClaimsCache::new(8);
        let now = Timestamp::from_seconds(1000);
        for index in 0..100_u32 {
            cache.put(Digest32::of(index.to_be_bytes()), access(5000), now);
            assert!(cache.len() <= 8);
        }
        assert!(
            cache
                .get(&Digest32::of(99_u32.to_be_bytes()), now)
                .is_some()
        );
    }
}
