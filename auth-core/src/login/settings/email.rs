//! What an operator decides about mails, links and codes.

use std::time::Duration;

use super::{Login, LoginSettingsError, check, validate_throttle};
use crate::store::ThrottlePolicy;

/// Whether an address must be shown to be its owner's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirmation {
    /// Nobody signs in with a password before they confirmed their address.
    #[default]
    Required,
    /// A confirmation is asked for by mail; the account works without.
    Optional,
    /// Nobody is asked. Addresses are verified by what else proves a mailbox.
    Off,
}

/// The settings.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(in crate::login) struct EmailSettings {
    /// `None`: where there is a mailer.
    pub(in crate::login) flows: Option<bool>,
    /// `None`: required where flows are on.
    pub(in crate::login) confirmation: Option<Confirmation>,
    pub(in crate::login) magic_link: bool,
    pub(in crate::login) codes: bool,
    pub(in crate::login) password_reset: bool,
    pub(in crate::login) change: bool,
    pub(in crate::login) confirmation_life: Duration,
    pub(in crate::login) confirmation_code_life: Duration,
    pub(in crate::login) sign_in_life: Duration,
    pub(in crate::login) reset_life: Duration,
    pub(in crate::login) change_life: Duration,
    pub(in crate::login) mail_throttle: ThrottlePolicy,
}

impl Default for EmailSettings {
    fn default() -> Self {
        Self {
            flows: None,
            confirmation: None,
            magic_link: true,
            codes: true,
            password_reset: true,
            change: true,
            confirmation_life: Duration::from_hours(48),
            confirmation_code_life: Duration::from_mins(15),
            sign_in_life: Duration::from_mins(10),
            reset_life: Duration::from_hours(1),
            change_life: Duration::from_hours(24),
            mail_throttle: ThrottlePolicy {
                limit: 3,
                window: Duration::from_mins(15),
                lock: Duration::from_mins(15),
                max_lock: Duration::from_mins(15),
            },
        }
    }
}

impl Login {
    /// Whether anything is done by mail. Default: where the host has a mailer. Without, there are no such pages, and
    /// accounts work unconfirmed.
    pub fn mail_flows(mut self, on: bool) -> Self {
        self.email.flows = Some(on);
        self
    }

    /// Whether an address must be confirmed. Default: [`Confirmation::Required`] where mails are sent, else
    /// [`Confirmation::Off`]. A mail orders it with a link (48 h) and six digits (15 min).
    pub fn confirmation(mut self, confirmation: Confirmation) -> Self {
        self.email.confirmation = Some(confirmation);
        self
    }

    /// Whether people may sign in by a link in a mail. Default: yes, where mails are sent. The mail has a code too, for
    /// whoever opens the link in another browser.
    pub fn magic_link(mut self, on: bool) -> Self {
        self.email.magic_link = on;
        self
    }

    /// Whether people may sign in by a code in a mail, typed where they asked for it. Default: yes, where mails are
    /// sent.
    pub fn email_codes(mut self, on: bool) -> Self {
        self.email.codes = on;
        self
    }

    /// Whether people may set a new password by a link in a mail. Default: yes, where mails are sent.
    pub fn password_reset(mut self, on: bool) -> Self {
        self.email.password_reset = on;
        self
    }

    /// Whether people may change their e-mail address themselves. Default: yes, where mails are sent.
    pub fn email_change(mut self, on: bool) -> Self {
        self.email.change = on;
        self
    }

    /// How long a confirmation's link and its code live. Default 48 h and 15 min.
    pub fn confirmation_life(mut self, link: Duration, code: Duration) -> Self {
        self.email.confirmation_life = link;
        self.email.confirmation_code_life = code;
        self
    }

    /// How long a link or code to sign in by lives. Default 10 min.
    pub fn email_sign_in_life(mut self, life: Duration) -> Self {
        self.email.sign_in_life = life;
        self
    }

    /// How long a link to a new password lives. Default 1 h.
    pub fn password_reset_life(mut self, life: Duration) -> Self {
        self.email.reset_life = life;
        self
    }

    /// How long another address may be confirmed, and stopped. Default 24 h.
    pub fn email_change_life(mut self, life: Duration) -> Self {
        self.email.change_life = life;
        self
    }

    /// Mails of one kind to one e-mail address, whether or not an account has it, that are asked for from one network
    /// address. Default: 3 in 15 min, then none for 15 min. From all network addresses together it is eight times as
    /// many in four times as long.
    pub fn mail_throttle(mut self, policy: ThrottlePolicy) -> Self {
        self.email.mail_throttle = policy;
        self
    }
}

impl EmailSettings {
    /// Of one kind to one e-mail address, whoever asks. One who asks without end, and is held up each time, takes half.
    pub(in crate::login) fn mails_in_all(&self) -> ThrottlePolicy {
        ThrottlePolicy {
            limit: self.mail_throttle.limit.saturating_mul(8),
            window: self.mail_throttle.window.saturating_mul(4),
            ..self.mail_throttle
        }
    }

    /// Whether the host asked for what cannot be without a mailer.
    pub(crate) fn needs_mailer(&self) -> bool {
        let confirms = self.confirmation.unwrap_or(Confirmation::Off) != Confirmation::Off;
        self.flows == Some(true) || (self.flows.is_none() && confirms)
    }

    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        let minute = Duration::from_mins(1);
        let fits = |life: Duration, most: Duration| life >= minute && life <= most;
        let (hour, week) = (Duration::from_hours(1), Duration::from_hours(24 * 7));
        check(
            self.flows != Some(false)
                || self.confirmation.unwrap_or(Confirmation::Off) == Confirmation::Off,
            "confirmation",
            "without mails nobody can confirm an address: say mail_flows(true), or Confirmation::Off",
        )?;
        check(
            fits(self.confirmation_life, week)
                && fits(
                    self.confirmation_code_life,
                    hour.min(self.confirmation_life),
                ),
            "confirmation_life",
            "a link lives 1 min to 7 days; its six digits 1 min to 1 h, and no longer than the link",
        )?;
        check(
            fits(self.sign_in_life, hour),
            "email_sign_in_life",
            "must be between 1 min and 1 h",
        )?;
        check(
            fits(self.reset_life, Duration::from_hours(24)),
            "password_reset_life",
            "must be between 1 min and 24 h",
        )?;
        check(
            fits(self.change_life, week),
            "email_change_life",
            "must be between 1 min and 7 days",
        )?;
        validate_throttle("mail_throttle", &self.mail_throttle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_features() {
        let email = EmailSettings::default();
        assert_eq!(email.validate(), Ok(()));
        let mins = Duration::from_mins;
        assert_eq!(email.confirmation_life, mins(48 * 60));
        assert_eq!(email.confirmation_code_life, mins(15));
        assert_eq!(email.sign_in_life, mins(10));
        assert_eq!(email.reset_life, mins(60));
        assert_eq!(email.change_life, mins(24 * 60));
        assert_eq!(
            (email.mail_throttle.limit, email.mail_throttle.window),
            (3, mins(15))
        );
    }

    #[test]
    fn what_cannot_work_is_named() {
        let (login, secs, hours) = (Login::default, Duration::from_secs, Duration::from_hours);
        let never = ThrottlePolicy {
            limit: 0,
            ..EmailSettings::default().mail_throttle
        };
        for (setting, bad) in [
            (
                "confirmation",
                login()
                    .mail_flows(false)
                    .confirmation(Confirmation::Required),
            ),
            (
                "confirmation",
                login()
                    .mail_flows(false)
                    .confirmation(Confirmation::Optional),
            ),
            (
                "confirmation_life",
                login().confirmation_life(hours(200), secs(60)),
            ),
            (
                "confirmation_life",
                login().confirmation_life(hours(48), hours(2)),
            ),
            (
                "confirmation_life",
                login().confirmation_life(secs(60), secs(120)),
            ),
            ("email_sign_in_life", login().email_sign_in_life(secs(59))),
            ("email_sign_in_life", login().email_sign_in_life(hours(2))),
            (
                "password_reset_life",
                login().password_reset_life(hours(25)),
            ),
            (
                "email_change_life",
                login().email_change_life(hours(24 * 8)),
            ),
            ("mail_throttle", login().mail_throttle(never)),
        ] {
            let error = bad.validate().expect_err(setting);
            assert_eq!(error.setting, setting, "{error}");
        }
        let off = login().mail_flows(false).confirmation(Confirmation::Off);
        assert_eq!(off.validate(), Ok(()));
    }
}
