//! From an authenticator's answer to the user it proves.

use webauthn_rs_core::proto::{
    AuthenticationResult, AuthenticationState, Credential, PublicKeyCredential,
};

use super::relying_party::user_handle;
use super::{RelyingParty, passkey_id};
use crate::login::attempt::Refused;
use crate::login::first_factor::{Basis, FirstFactor};
use crate::login::settings::CounterPolicy;
use crate::login::{LoginWing, acr};
use crate::services::mail::MailKind;
use crate::services::{Event, SignInFailure};
use crate::store::{Passkey, PasskeyId, StoreError, User, UserId};
use crate::web::{Exchange, Problem, ReturnTo};

/// How often a use is tried again whose counter another use has moved meanwhile.
const MAX_TRIES: u32 = 4;

/// A user whose authenticator has just answered. Made here alone, so no session begins without.
pub(in crate::login) struct ProvenPasskey {
    pub(in crate::login) user: User,
    pub(in crate::login) passkey: PasskeyId,
    /// In the words of RFC 8176.
    pub(in crate::login) amr: Vec<&'static str>,
    /// The authenticator verified its owner: something one has and something one knows or is.
    pub(in crate::login) is_multi_factor: bool,
}

impl ProvenPasskey {
    pub(super) fn into_first_factor(
        self,
        remember: bool,
        return_to: Option<ReturnTo>,
    ) -> FirstFactor {
        FirstFactor {
            user: self.user,
            amr: self.amr,
            is_multi_factor: self.is_multi_factor,
            basis: Basis::Passkey(self.passkey),
            remember,
            return_to,
            came_from: None,
        }
    }
}

fn methods(result: &AuthenticationResult) -> Vec<&'static str> {
    key_methods(result.backup_eligible())
}

/// Of a key that is synced between devices, or stays in its own.
pub(super) fn key_methods(is_synced: bool) -> Vec<&'static str> {
    let key = if is_synced {
        acr::SOFTWARE_KEY
    } else {
        acr::HARDWARE_KEY
    };
    vec![key, acr::USER_PRESENCE]
}

/// WebAuthn §7.2 step 22: where either counts, the new one must be greater.
fn went_back(stored: u32, given: u32) -> bool {
    (stored != 0 || given != 0) && given <= stored
}

fn wrong(user: Option<UserId>) -> Refused {
    let reason = SignInFailure::WrongPasskey;
    Refused { user, reason }
}

impl LoginWing {
    /// Checks an answer: the credential is registered, its owner is the one meant (`only`, or whom the user handle
    /// names), the signature is right, the owner may sign in, and the counter moves on.
    pub(super) async fn prove_passkey(
        &self,
        exchange: &Exchange<'_>,
        party: &RelyingParty,
        answer: &PublicKeyCredential,
        state: &AuthenticationState,
        only: Option<&UserId>,
    ) -> Result<Result<ProvenPasskey, Refused>, Problem> {
        let id = passkey_id(&answer.raw_id);
        let Some(passkey) = self.core.stores.passkeys.passkey(&id).await? else {
            return Ok(Err(wrong(None)));
        };
        let owner = passkey.user_id.clone();
        let handle = answer.get_user_unique_id();
        let names_owner = handle.map(|handle| handle == user_handle(&owner));
        // WebAuthn §7.2 step 6: who was not known before must be named; who is named must be the owner.
        let is_meant = match only {
            Some(only) => *only == owner && names_owner != Some(false),
            None => names_owner == Some(true),
        };
        if !is_meant {
            return Ok(Err(wrong(Some(owner))));
        }
        let credential = read_credential(&passkey)?;
        let result = match party.check_authentication(answer, state, &credential) {
            Ok(result) => result,
            Err(error) => {
                tracing::debug!(error = %error, "a passkey was refused");
                return Ok(Err(wrong(Some(owner))));
            }
        };
        let user = self.core.stores.users.user(&owner).await?;
        let Some(user) = user.filter(|user| user.is_usable(exchange.now)) else {
            let (user, reason) = (Some(owner), SignInFailure::Disabled);
            return Ok(Err(Refused { user, reason }));
        };
        if !self.count_use(exchange, &user, passkey, &result).await? {
            return Ok(Err(wrong(Some(owner))));
        }
        Ok(Ok(ProvenPasskey {
            user,
            passkey: id,
            amr: methods(&result),
            is_multi_factor: result.user_verified(),
        }))
    }

    /// Writes the use down; `false` when it does not count.
    async fn count_use(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        mut passkey: Passkey,
        result: &AuthenticationResult,
    ) -> Result<bool, Problem> {
        let passkeys = &self.core.stores.passkeys;
        for _ in 0..MAX_TRIES {
            if went_back(passkey.counter, result.counter())
                && !self.allow_going_back(exchange, user, &passkey).await?
            {
                return Ok(false);
            }
            let mut credential = read_credential(&passkey)?;
            credential.backup_state = result.backup_state();
            credential.backup_eligible |= result.backup_eligible();
            // What was seen is never forgotten: a copy that lags behind is noticed each time.
            let counter = passkey.counter.max(result.counter());
            credential.counter = counter;
            let written = write_credential(&credential)?;
            let (id, expected) = (&passkey.id, passkey.counter);
            if passkeys
                .use_passkey(id, expected, counter, &written, exchange.now)
                .await?
            {
                return Ok(true);
            }
            // Used elsewhere in this very moment, or removed.
            match passkeys.passkey(&passkey.id).await? {
                Some(now) if now.user_id == user.id => passkey = now,
                _ => return Ok(false),
            }
        }
        Ok(false)
    }

    /// What the operator wants of a counter that went back.
    async fn allow_going_back(
        &self,
        exchange: &Exchange<'_>,
        user: &User,
        passkey: &Passkey,
    ) -> Result<bool, Problem> {
        let event = Event::PasskeyCounterWentBack {
            user: user.id.clone(),
            passkey: passkey.id.to_string(),
        };
        self.core.emit(exchange.now, exchange.address, event).await;
        match self.settings.passkeys.counter {
            CounterPolicy::Warn => Ok(true),
            CounterPolicy::Reauthenticate => Ok(false),
            CounterPolicy::Revoke => {
                let passkeys = &self.core.stores.passkeys;
                if passkeys.remove_passkey(&user.id, &passkey.id).await? {
                    self.tell_passkey(exchange, user, passkey, MailKind::PasskeyRemoved)
                        .await;
                    self.after_removal(exchange, &user.id).await?;
                }
                Ok(false)
            }
        }
    }
}

/// The credential as it was registered.
pub(super) fn read_credential(passkey: &Passkey) -> Result<Credential, Problem> {
    let read = serde_json::from_slice(&passkey.credential);
    read.map_err(|error| StoreError::corrupt("passkey", error).into())
}

pub(super) fn write_credential(credential: &Credential) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(credential).map_err(super::ceremony::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_goes_back_when_either_counts_and_it_does_not_grow() {
        for (stored, given, back) in [
            (0, 0, false),
            (0, 1, false),
            (5, 6, false),
            (5, 5, true),
            (5, 4, true),
            (5, 0, true),
            (u32::MAX, u32::MAX, true),
        ] {
            assert_eq!(went_back(stored, given), back, "{stored} {given}");
        }
    }
}
