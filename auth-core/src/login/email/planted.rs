//! What somebody else may have left in an account before its owner came (pre-hijacking, arXiv 2205.10174).
//!
//! Registering an address proves nothing. Until the mailbox is proven, whoever registered may be a stranger who waits for
//! the owner. The first proof by somebody of whom no more is known than that they read the mailbox
//! ([`EmailProof::MailboxOwner`](super::super::EmailProof)) drops the password in the same step, and then every other
//! way in: passkeys, linked identities, authenticator app, backup codes, trusted devices, sessions; and what apps were
//! given. Changes of address that were asked for before it end with the password they name. Later proofs drop nothing.

use std::net::IpAddr;

use crate::ground::Timestamp;
use crate::login::LoginWing;
use crate::services::Event;
use crate::store::{StoreResult, UserId};

impl LoginWing {
    /// Removes every way in but the mailbox, and what others were given; sessions are the caller's.
    pub(in crate::login) async fn drop_planted(
        &self,
        user: &UserId,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let passkeys = &self.core.stores.passkeys;
        let planted = passkeys.passkeys_of(user).await?;
        passkeys.remove_passkeys(user).await?;
        for passkey in planted {
            let event = Event::PasskeyRemoved {
                user: user.clone(),
                passkey: passkey.id.to_string(),
            };
            self.core.emit(now, address, event).await;
        }
        let identities = &self.core.stores.identities;
        let planted = identities.identities_of(user).await?;
        identities.unlink_identities(user).await?;
        for identity in planted {
            let event = Event::IdentityUnlinked {
                user: user.clone(),
                upstream: identity.upstream,
            };
            self.core.emit(now, address, event).await;
        }
        self.forget_second_factors(user, address, now).await?;
        self.core.stores.devices.forget_devices(user).await?;
        self.account_observers.owner_came(user, now).await
    }
}
