//! What an operator decides against guessing: breached passwords, CAPTCHA.

use std::sync::Arc;

use super::{Login, LoginSettingsError, check};
use crate::login::captcha::{Captcha, CaptchaAction};
use crate::login::password::BreachedPasswords;

/// The settings.
#[derive(Clone, Default)]
pub(in crate::login) struct DefenceSettings {
    pub(in crate::login) breached: Vec<Arc<dyn BreachedPasswords>>,
    pub(in crate::login) captcha: Option<(Arc<dyn Captcha>, Vec<CaptchaAction>)>,
}

impl Login {
    /// Refuses new passwords that this knows. Several may be given. Without any, what everybody knows is refused all
    /// the same.
    pub fn breached_passwords(mut self, breached: impl BreachedPasswords) -> Self {
        self.defence.breached.push(Arc::new(breached));
        self
    }

    /// Asks for a CAPTCHA before these actions.
    pub fn captcha(
        mut self,
        captcha: impl Captcha,
        actions: impl IntoIterator<Item = CaptchaAction>,
    ) -> Self {
        self.defence.captcha = Some((Arc::new(captcha), actions.into_iter().collect()));
        self
    }
}

impl DefenceSettings {
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        let Some((captcha, actions)) = &self.captcha else {
            return Ok(());
        };
        check(
            !actions.is_empty(),
            "captcha",
            "name the actions it stands before",
        )?;
        check(
            captcha.widget().origin().is_some(),
            "captcha",
            "the widget's script must be an https URL",
        )
    }
}
