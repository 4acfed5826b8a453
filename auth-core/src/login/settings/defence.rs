//! What an operator decides against guessing: breached passwords, delays, CAPTCHA.

use super::LoginSettingsError;

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct DefenceSettings {}

impl DefenceSettings {
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing to set yet"
    )]
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        Ok(())
    }
}
