//! What an operator decides about mails, links and codes.

use super::LoginSettingsError;

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct EmailSettings {}

impl EmailSettings {
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing to set yet"
    )]
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        Ok(())
    }
}
