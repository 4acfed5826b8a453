//! What an operator decides about second factors and trusted devices.

use std::sync::Arc;
use std::time::Duration;

use super::{Login, LoginSettingsError, check, validate_throttle};
use crate::login::second_factor::MfaPolicy;
use crate::store::ThrottlePolicy;

/// The shortest password that may be the only factor, and the shortest beside another (NIST SP 800-63B-4 §3.1.1.2).
pub(super) const SINGLE_FACTOR_MIN: usize = 15;
pub(super) const MULTI_FACTOR_MIN: usize = 8;

/// Whether people have a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mfa {
    /// Who wants one enrols it; from then on it is asked for.
    #[default]
    Optional,
    /// Everybody has one: who has none enrols it before the first session.
    Required,
    /// Nobody is offered one. Who has one from before is still asked for it, and who
    /// [must have one](crate::login::LoginWing::require_mfa) still enrols it.
    Off,
}

/// The settings.
#[derive(Clone)]
pub(in crate::login) struct FactorSettings {
    pub(in crate::login) mfa: Mfa,
    pub(in crate::login) policy: Option<Arc<dyn MfaPolicy>>,
    pub(in crate::login) throttle: ThrottlePolicy,
    pub(in crate::login) trusted_devices: Option<Duration>,
    /// Whether [`Login::password_min_length`] was called.
    pub(super) chose_password_min: bool,
}

impl Default for FactorSettings {
    fn default() -> Self {
        Self {
            mfa: Mfa::default(),
            policy: None,
            throttle: ThrottlePolicy {
                limit: 5,
                window: Duration::from_mins(15),
                lock: Duration::from_mins(15),
                max_lock: Duration::from_hours(24),
            },
            trusted_devices: Some(Duration::from_hours(24 * 30)),
            chose_password_min: false,
        }
    }
}

impl Login {
    /// Whether people have a second factor. Default: who wants. Where everybody must, the shortest password is 8
    /// characters unless [`password_min_length`](Self::password_min_length) says otherwise.
    pub fn mfa(mut self, mfa: Mfa) -> Self {
        self.factors.mfa = mfa;
        self
    }

    /// Says of each user whether they must have a second factor: by role, by organization, by whatever the host knows.
    /// It can only ask for more than [`mfa`](Self::mfa) and [`require_mfa`](crate::login::LoginWing::require_mfa) do.
    pub fn mfa_policy(mut self, policy: impl MfaPolicy) -> Self {
        self.factors.policy = Some(Arc::new(policy));
        self
    }

    /// Attempts at the second factor of an account, whichever it is and wherever they come from. Default: 5 in 15 min,
    /// then 15 min locked, doubling up to 24 h. Success with a second factor alone forgets the count.
    pub fn second_factor_throttle(mut self, policy: ThrottlePolicy) -> Self {
        self.factors.throttle = policy;
        self
    }

    /// For how long people may have a device spared the second factor; `None` to offer no such thing. Default 30 days.
    pub fn trusted_devices(mut self, life: impl Into<Option<Duration>>) -> Self {
        self.factors.trusted_devices = life.into();
        self
    }

    /// The shortest password, once all settings are known.
    pub(in crate::login) fn settle_password_min(&mut self) {
        if self.factors.mfa == Mfa::Required && !self.factors.chose_password_min {
            self.password_min_length = MULTI_FACTOR_MIN;
        }
    }

    pub(super) fn validate_password_min(&self) -> Result<(), LoginSettingsError> {
        let least = match self.factors.mfa {
            Mfa::Required => MULTI_FACTOR_MIN,
            Mfa::Optional | Mfa::Off => SINGLE_FACTOR_MIN,
        };
        check(
            (least..=self.password_max_length).contains(&self.password_min_length),
            "password_min_length",
            "must be at least 15 characters, or 8 with mfa(Mfa::Required), and at most password_max_length",
        )
    }
}

impl FactorSettings {
    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        validate_throttle("second_factor_throttle", &self.throttle)?;
        check(
            self.mfa != Mfa::Off || self.policy.is_none(),
            "mfa_policy",
            "asks for second factors, and mfa(Mfa::Off) offers none; leave out one of them",
        )?;
        let life = self.trusted_devices.unwrap_or(Duration::from_hours(24));
        check(
            // Browsers cut cookies off there (RFC 6265bis, "Max-Age").
            life >= Duration::from_hours(1) && life <= Duration::from_hours(24 * 400),
            "trusted_devices",
            "must be between 1 h and 400 days, or None",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_password_needs_a_second_factor_beside_it() {
        let shortest = |mut login: Login| {
            login.settle_password_min();
            login.validate().map(|()| login.password_min_length)
        };
        let login = Login::default;
        assert_eq!(shortest(login()), Ok(15));
        assert_eq!(shortest(login().mfa(Mfa::Required)), Ok(8));
        let both = login().password_min_length(10).mfa(Mfa::Required);
        assert_eq!(shortest(both), Ok(10));
        for bad in [
            login().password_min_length(14),
            login().password_min_length(8).mfa(Mfa::Off),
            login().password_min_length(7).mfa(Mfa::Required),
        ] {
            let error = shortest(bad).expect_err("too short");
            assert_eq!(error.setting, "password_min_length");
        }
    }

    #[test]
    fn what_cannot_work_is_named() {
        let throttle = ThrottlePolicy {
            limit: 0,
            ..FactorSettings::default().throttle
        };
        let login = Login::default;
        for (setting, bad) in [
            (
                "second_factor_throttle",
                login().second_factor_throttle(throttle),
            ),
            (
                "trusted_devices",
                login().trusted_devices(Duration::from_mins(1)),
            ),
            (
                "trusted_devices",
                login().trusted_devices(Duration::from_hours(24 * 401)),
            ),
        ] {
            assert_eq!(bad.validate().expect_err(setting).setting, setting);
        }
        assert_eq!(login().trusted_devices(None).validate(), Ok(()));
    }
}
