//! What an operator decides about the beginning and the end of an account.

use std::sync::Arc;
use std::time::Duration;

use super::{Login, LoginSettingsError, check};
use crate::login::lifecycle::{Hooks, LifecycleHooks};
use crate::store::AccountEnd;

/// The settings.
#[derive(Clone)]
pub(in crate::login) struct LifecycleSettings {
    /// `None`: people cannot end their accounts themselves.
    pub(in crate::login) deletion: Option<Deletion>,
    pub(in crate::login) hooks: Hooks,
}

/// How people end their own accounts.
#[derive(Clone, Copy, Debug)]
pub(in crate::login) struct Deletion {
    pub(in crate::login) how: AccountEnd,
    pub(in crate::login) grace: Duration,
}

impl Default for LifecycleSettings {
    fn default() -> Self {
        Self {
            deletion: Some(Deletion {
                how: AccountEnd::Hard,
                grace: Duration::from_hours(24 * 14),
            }),
            hooks: Hooks::default(),
        }
    }
}

impl Login {
    /// What becomes of an account whose owner ends it, and how long they may change their mind. Default: it goes, after
    /// 14 days. At most a year.
    pub fn account_deletion(mut self, how: AccountEnd, grace: Duration) -> Self {
        self.lifecycle.deletion = Some(Deletion { how, grace });
        self
    }

    /// People cannot end their accounts themselves: there is no such page. [`LoginWing::schedule_deletion`] still does
    /// it, after 14 days.
    ///
    /// [`LoginWing::schedule_deletion`]: crate::login::LoginWing::schedule_deletion
    pub fn no_account_deletion(mut self) -> Self {
        self.lifecycle.deletion = None;
        self
    }

    /// Lets the host take part in the life of accounts. Several are asked in the order they were given.
    pub fn lifecycle_hooks(mut self, hooks: impl LifecycleHooks) -> Self {
        self.lifecycle.hooks.0.push(Arc::new(hooks));
        self
    }
}

impl LifecycleSettings {
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        let grace = self
            .deletion
            .map_or(Duration::ZERO, |deletion| deletion.grace);
        check(
            grace <= Duration::from_hours(24 * 366),
            "account_deletion",
            "the grace period must be at most a year",
        )
    }

    /// How accounts end.
    pub(in crate::login) fn ending(&self) -> Deletion {
        self.deletion.unwrap_or(Deletion {
            how: AccountEnd::Hard,
            grace: Duration::from_hours(24 * 14),
        })
    }
}
