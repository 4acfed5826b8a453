//! Client secrets: keyed digests at rest, compared in constant time, re-keyed on use.

use crate::ground::{Purpose, Timestamp, from_base64url};
use crate::provider::ProviderWing;
use crate::services::Core;
use crate::store::{Client, ClientSecret};

/// What became of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider) enum SecretCheck {
    /// No secret of the client that still counts.
    Wrong,
    /// One of them.
    Right,
    /// One of them, kept (as given here) under a key that is no longer the first.
    RightButStale(String),
}

/// A secret as it is stored.
pub(super) fn stored(core: &Core, secret: &str, now: Timestamp) -> ClientSecret {
    ClientSecret {
        mac: core.keys.mac(Purpose::ClientSecret, secret.as_bytes()),
        created_at: now,
        expires_at: None,
    }
}

/// Whether a stored secret still counts.
pub(super) fn counts(secret: &ClientSecret, now: Timestamp) -> bool {
    secret.expires_at.is_none_or(|end| now < end)
}

impl ProviderWing {
    /// Compares a secret with those of a client (RFC 6749 §2.3.1). As much is computed for an unknown client and for
    /// one without secrets as for one with a single secret (threat 46), and comparison takes constant time
    /// (threat 22).
    pub(in crate::provider) fn check_secret(
        &self,
        client: Option<&Client>,
        presented: &str,
        now: Timestamp,
    ) -> SecretCheck {
        let keys = &self.core.keys;
        let verify = |mac: &str| keys.verify_mac(Purpose::ClientSecret, presented.as_bytes(), mac);
        let secrets = client.map_or(&[][..], |client| client.secrets.as_slice());
        let mut counting = secrets
            .iter()
            .filter(|secret| counts(secret, now))
            .peekable();
        if counting.peek().is_none() {
            // It costs what a real one costs; its answer is ignored.
            let _ = verify(&keys.mac_of_nothing());
            return SecretCheck::Wrong;
        }
        match counting.find(|secret| verify(&secret.mac)) {
            None => SecretCheck::Wrong,
            Some(secret) if self.is_stale(&secret.mac) => {
                SecretCheck::RightButStale(secret.mac.clone())
            }
            Some(_) => SecretCheck::Right,
        }
    }

    fn is_stale(&self, mac: &str) -> bool {
        let id = mac.split_once('.').and_then(|(id, _)| from_base64url(id));
        id.is_some_and(|id| self.core.keys.is_stale(&id))
    }

    /// Writes a secret's digest under the first key of the ring. Losing a race, or the store, costs nothing: the next
    /// use tries again.
    pub(in crate::provider) async fn rekey_secret(
        &self,
        client: &Client,
        stale_mac: &str,
        secret: &str,
        now: Timestamp,
    ) {
        if self.settings.registry.is_some() {
            return;
        }
        let mut changed = client.clone();
        for own in changed
            .secrets
            .iter_mut()
            .filter(|own| own.mac == stale_mac)
        {
            own.mac = stored(&self.core, secret, now).mac;
        }
        changed.version = changed.version.saturating_add(1);
        if let Err(error) = self.core.stores.clients.update_client(&changed).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a client secret could not be keyed anew"
            );
        }
    }
}
