//! What an operator decides about passkeys.

use super::LoginSettingsError;

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct PasskeySettings {}

impl PasskeySettings {
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing to set yet"
    )]
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        Ok(())
    }
}
