//! What an operator decides about the end of an account.

use super::LoginSettingsError;

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct LifecycleSettings {}

impl LifecycleSettings {
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing to set yet"
    )]
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        Ok(())
    }
}
