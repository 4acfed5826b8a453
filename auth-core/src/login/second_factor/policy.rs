//! Who must have a second factor, and who has one.

use async_trait::async_trait;

use crate::login::first_factor::Basis;
use crate::login::{LoginWing, Mfa, UserError, acr};
use crate::services::Event;
use crate::store::{Session, TotpFactor, User, UserChange, UserId};
use crate::web::Problem;

/// Why the host could not say whether a user must have a second factor.
pub type MfaPolicyError = Box<dyn std::error::Error + Send + Sync>;

/// What a host knows of who must have a second factor: it knows roles and organizations.
#[async_trait]
pub trait MfaPolicy: Send + Sync + 'static {
    /// Whether this user must have one. Asked at each sign-in that had one factor, and before the last second factor is
    /// removed. A failure refuses the request (503) and is logged: nobody gets in on an answer that did not come.
    async fn requires(&self, user: &User) -> Result<bool, MfaPolicyError>;
}

/// The second factors of a user.
pub(in crate::login) struct SecondFactors {
    /// A confirmed authenticator app.
    pub(in crate::login) totp: Option<TotpFactor>,
    /// Passkeys that count as one.
    pub(in crate::login) has_passkey: bool,
    /// Backup codes not spent; they stand in for the others, and are none by themselves.
    pub(in crate::login) backup_codes: u32,
}

impl SecondFactors {
    pub(in crate::login) fn any(&self) -> bool {
        self.totp.is_some() || self.has_passkey
    }

    /// Whether a backup code may be given.
    pub(in crate::login) fn has_backup_codes(&self) -> bool {
        self.any() && self.backup_codes > 0
    }

    /// Without those that were the first factor.
    pub(in crate::login) fn beside(mut self, basis: &Basis) -> Self {
        self.has_passkey &= !basis.is_passkey();
        self
    }

    /// As [`beside`](Self::beside), of a session that stands.
    pub(in crate::login) fn beside_session(mut self, session: &Session) -> Self {
        self.has_passkey &= !acr::is_passkey_alone(&session.amr);
        self
    }

    /// Their names, for a client that draws its own pages.
    pub(in crate::login) fn names(&self) -> Vec<&'static str> {
        let names = [
            ("totp", self.totp.is_some()),
            ("passkey", self.has_passkey),
            ("backup_code", self.has_backup_codes()),
        ];
        let there = names.into_iter().filter(|(_, there)| *there);
        there.map(|(name, _)| name).collect()
    }
}

impl LoginWing {
    /// Says whether a user must have a second factor, whatever the settings say of others. It counts from the next
    /// sign-in; sessions that stand can be held to it by the guard `multi_factor`.
    ///
    /// # Errors
    /// [`UserError::Unknown`] or the store's error.
    pub async fn require_mfa(&self, user: &UserId, required: bool) -> Result<User, UserError> {
        let change = UserChange {
            mfa_required: Some(required),
            ..UserChange::default()
        };
        let now = self.core.clock.now();
        let users = &self.core.stores.users;
        let changed = users.update_user(user, &change, now).await?;
        let changed = changed.ok_or(UserError::Unknown)?;
        let event = Event::MfaRequirementChanged {
            user: user.clone(),
            required,
        };
        self.core.emit(now, None, event).await;
        Ok(changed)
    }

    /// Whether the user must have a second factor.
    pub(in crate::login) async fn must_have_mfa(&self, user: &User) -> Result<bool, Problem> {
        let settings = &self.settings.factors;
        if settings.mfa == Mfa::Required || user.mfa_required {
            return Ok(true);
        }
        let Some(policy) = &settings.policy else {
            return Ok(false);
        };
        policy.requires(user).await.map_err(|error| {
            tracing::error!(
                error = &*error as &dyn std::error::Error,
                user = user.id.as_str(),
                "whether a user must have a second factor cannot be found out"
            );
            Problem::unavailable()
        })
    }

    /// The second factors the user has.
    pub(in crate::login) async fn second_factors(
        &self,
        user: &UserId,
    ) -> Result<SecondFactors, Problem> {
        let stores = &self.core.stores;
        let totp = stores.factors.totp(user).await?;
        // Where there are no passkeys any more, nobody is asked for one.
        #[cfg(feature = "passkeys")]
        let has_passkey =
            self.relying_party.is_some() && !stores.passkeys.passkeys_of(user).await?.is_empty();
        #[cfg(not(feature = "passkeys"))]
        let has_passkey = false;
        let totp = totp.filter(|totp| totp.confirmed_at.is_some());
        let has_some = totp.is_some() || has_passkey;
        let backup_codes = if has_some {
            stores.factors.backup_codes_left(user).await?
        } else {
            0
        };
        Ok(SecondFactors {
            totp,
            has_passkey,
            backup_codes,
        })
    }
}
