//! What an operator decides about second factors and trusted devices.

use super::LoginSettingsError;

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct FactorSettings {}

impl FactorSettings {
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "nothing to set yet"
    )]
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        Ok(())
    }
}
