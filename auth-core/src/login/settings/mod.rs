//! What an operator decides about signing in, with the defaults of a careful one.

mod defence;
mod email;
mod factors;
#[cfg(feature = "federation")]
mod federation;
mod lifecycle;
#[cfg(feature = "passkeys")]
mod passkeys;

use std::sync::Arc;
use std::time::Duration;

pub(super) use self::defence::DefenceSettings;
pub use self::email::Confirmation;
pub(super) use self::email::EmailSettings;
pub(super) use self::factors::FactorSettings;
pub use self::factors::Mfa;
#[cfg(feature = "federation")]
pub(super) use self::federation::FederationSettings;
pub(super) use self::lifecycle::LifecycleSettings;
#[cfg(feature = "passkeys")]
pub(super) use self::passkeys::PasskeySettings;
#[cfg(feature = "passkeys")]
pub use self::passkeys::{CounterPolicy, UserVerification};

use super::identifier::IdentifierKind;
use super::observer::SessionObserver;
use super::password::{Argon2Cost, default_permits};
use super::scope::ScopeLoader;
use crate::store::ThrottlePolicy;

/// People sign in here. Every figure has a default; `build()` refuses combinations that cannot work.
#[derive(Clone)]
#[must_use]
pub struct Login {
    pub(crate) path: String,
    pub(super) identifiers: IdentifierKind,
    pub(super) registration: bool,
    pub(super) password_min_length: usize,
    pub(super) password_max_length: usize,
    pub(super) argon2: Argon2Cost,
    pub(super) weak_argon2: bool,
    pub(super) hashing_permits: usize,
    pub(super) hashing_queue: usize,
    pub(super) idle: Duration,
    pub(super) absolute: Duration,
    pub(super) remember: Duration,
    pub(super) activity_interval: Duration,
    pub(super) recency: Duration,
    pub(super) account_throttle: ThrottlePolicy,
    pub(super) address_throttle: ThrottlePolicy,
    pub(super) account_links: Vec<AccountLink>,
    pub(super) scope_loader: Option<Arc<dyn ScopeLoader>>,
    pub(super) observers: Vec<Arc<dyn SessionObserver>>,
    pub(super) email: EmailSettings,
    pub(super) factors: FactorSettings,
    pub(super) lifecycle: LifecycleSettings,
    pub(super) defence: DefenceSettings,
    #[cfg(feature = "passkeys")]
    pub(super) passkeys: PasskeySettings,
    #[cfg(feature = "federation")]
    pub(super) federation: FederationSettings,
    #[cfg(feature = "workos")]
    pub(super) hosted: Option<super::WorkOs>,
}

/// A link on the account page to something beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLink {
    /// What people read.
    pub label: String,
    /// A path of this site or an http(s) URL.
    pub url: String,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("login setting {setting}: {problem}")]
pub struct LoginSettingsError {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            path: "/auth".to_owned(),
            identifiers: IdentifierKind::Email,
            registration: true,
            password_min_length: 15,
            password_max_length: 128,
            argon2: Argon2Cost::default(),
            weak_argon2: false,
            hashing_permits: default_permits(),
            hashing_queue: 64,
            idle: Duration::from_mins(30),
            absolute: Duration::from_hours(24),
            remember: Duration::from_hours(24 * 60),
            activity_interval: Duration::from_mins(5),
            recency: Duration::from_mins(10),
            account_throttle: ThrottlePolicy {
                limit: 5,
                window: Duration::from_mins(15),
                lock: Duration::from_mins(15),
                max_lock: Duration::from_hours(24),
            },
            address_throttle: ThrottlePolicy {
                limit: 10,
                window: Duration::from_mins(1),
                lock: Duration::from_mins(1),
                max_lock: Duration::from_hours(1),
            },
            account_links: Vec::new(),
            scope_loader: None,
            observers: Vec::new(),
            email: EmailSettings::default(),
            factors: FactorSettings::default(),
            lifecycle: LifecycleSettings::default(),
            defence: DefenceSettings::default(),
            #[cfg(feature = "passkeys")]
            passkeys: PasskeySettings::default(),
            #[cfg(feature = "federation")]
            federation: FederationSettings::default(),
            #[cfg(feature = "workos")]
            hosted: None,
        }
    }
}

impl Login {
    /// The path under which the pages lie. Default `/auth`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// What people sign in with. Default: an e-mail address.
    pub fn identifiers(mut self, kind: IdentifierKind) -> Self {
        self.identifiers = kind;
        self
    }

    /// Whether anybody may register. Default: yes. When not, there is no such page.
    pub fn registration(mut self, open: bool) -> Self {
        self.registration = open;
        self
    }

    /// The shortest password people may choose, in characters (Unicode scalar values). Default 15, which is the least
    /// that NIST SP 800-63B-4 §3.1.1.2 asks of a password that is the only factor; 8 where [`mfa`](Self::mfa) makes
    /// everybody have a second one.
    pub fn password_min_length(mut self, characters: usize) -> Self {
        self.password_min_length = characters;
        self.factors.chose_password_min = true;
        self
    }

    /// The longest password, in characters. Default 128; between 64 (NIST SP 800-63B-4 §3.1.1.2) and 1024.
    pub fn password_max_length(mut self, characters: usize) -> Self {
        self.password_max_length = characters;
        self
    }

    /// The cost of new password hashes. Default: 19 456 KiB, two passes, one lane. Older hashes are replaced when
    /// their owner signs in. Costs below those of OWASP's password storage guidance are refused.
    pub fn argon2(mut self, cost: Argon2Cost) -> Self {
        self.argon2 = cost;
        self.weak_argon2 = false;
        self
    }

    /// As [`argon2`](Self::argon2), without a lower bound: for tests that hash a thousand times. A stolen table of
    /// such hashes is soon a table of passwords.
    pub fn dangerous_weak_argon2(mut self, cost: Argon2Cost) -> Self {
        self.argon2 = cost;
        self.weak_argon2 = true;
        self
    }

    /// How many passwords are hashed at once, and how many requests may wait for that; past both the answer is 503.
    /// Default: as many as there are processors but one (at least 1), so that a flood of sign-ins leaves one to the rest
    /// of the app; and 64. Each hash in work holds [`Argon2Cost::memory_kib`], given back when none came for a while.
    pub fn hashing(mut self, permits: usize, queue: usize) -> Self {
        self.hashing_permits = permits;
        self.hashing_queue = queue;
        self
    }

    /// How long a session lives unused, and in all. Default 30 min and 24 h.
    pub fn session_life(mut self, idle: Duration, absolute: Duration) -> Self {
        self.idle = idle;
        self.absolute = absolute;
        self
    }

    /// How long a session lives, used or not, for who asks to stay signed in. Default 60 days.
    pub fn remember_me(mut self, life: Duration) -> Self {
        self.remember = life;
        self
    }

    /// How often activity is written at most. Default 5 min; a session may end so much earlier than its idle time.
    pub fn activity_interval(mut self, interval: Duration) -> Self {
        self.activity_interval = interval;
        self
    }

    /// How recent a sign-in must be for what asks for a recent one. Default 10 min.
    pub fn recency(mut self, recency: Duration) -> Self {
        self.recency = recency;
        self
    }

    /// Password attempts on one account. Default: 5 in 15 min, then 15 min locked, doubling up to 24 h. Success
    /// forgets the count.
    pub fn account_throttle(mut self, policy: ThrottlePolicy) -> Self {
        self.account_throttle = policy;
        self
    }

    /// Failed sign-ins, and apart from them registrations, from one address (IPv6: one /64). Default: 10 a minute, then
    /// 1 min locked, doubling up to 1 h.
    pub fn address_throttle(mut self, policy: ThrottlePolicy) -> Self {
        self.address_throttle = policy;
        self
    }

    /// Adds a link to the account page: a path of this site or an http(s) URL.
    pub fn account_link(mut self, label: impl Into<String>, url: impl Into<String>) -> Self {
        self.account_links.push(AccountLink {
            label: label.into(),
            url: url.into(),
        });
        self
    }

    /// Fills in what the host knows of the person signed in: organization, role, profile.
    pub fn scope_loader(mut self, loader: impl ScopeLoader) -> Self {
        self.scope_loader = Some(Arc::new(loader));
        self
    }

    /// Tells an observer whenever sessions end other than by time.
    pub fn on_session_ended(mut self, observer: Arc<dyn SessionObserver>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Whether the host asked for what cannot be without a mailer.
    pub(crate) fn needs_mailer(&self) -> bool {
        self.email.needs_mailer()
    }

    pub(super) fn validate(&self) -> Result<(), LoginSettingsError> {
        self.validate_path()?;
        self.validate_passwords()?;
        self.validate_lives()?;
        validate_throttle("account_throttle", &self.account_throttle)?;
        validate_throttle("address_throttle", &self.address_throttle)?;
        self.account_links.iter().try_for_each(validate_link)?;
        self.email.validate()?;
        self.factors.validate()?;
        self.lifecycle.validate()?;
        self.defence.validate()?;
        #[cfg(feature = "passkeys")]
        self.passkeys.validate()?;
        #[cfg(feature = "federation")]
        self.federation.validate()?;
        Ok(())
    }

    fn validate_path(&self) -> Result<(), LoginSettingsError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        let fits = self.path.len() > 1
            && self.path.starts_with('/')
            && !self.path.ends_with('/')
            && !self.path.contains("//")
            && self.path.bytes().all(plain);
        check(
            fits,
            "path",
            "give a path such as \"/auth\": a slash first, none last, letters, digits and -_.~",
        )
    }

    fn validate_passwords(&self) -> Result<(), LoginSettingsError> {
        check(
            (64..=1024).contains(&self.password_max_length),
            "password_max_length",
            "must be between 64 and 1024 characters",
        )?;
        self.validate_password_min()?;
        if let Err(problem) = self.argon2.check(self.weak_argon2) {
            return fail("argon2", problem);
        }
        check(
            (1..=1024).contains(&self.hashing_permits),
            "hashing",
            "permits must be between 1 and 1024; leave the default, one for each processor but one, if in doubt",
        )?;
        check(
            self.hashing_queue <= 65_536,
            "hashing",
            "the queue must be at most 65536",
        )
    }

    fn validate_lives(&self) -> Result<(), LoginSettingsError> {
        check(
            self.idle >= Duration::from_mins(1) && self.idle <= self.absolute,
            "session_life",
            "idle must be at least 1 min and at most absolute; raise absolute or lower idle",
        )?;
        check(
            self.remember >= self.absolute,
            "remember_me",
            "must be at least as long as the absolute session life",
        )?;
        check(
            // Browsers cut cookies off there (RFC 6265bis, "Max-Age").
            self.remember <= Duration::from_hours(24 * 400),
            "remember_me",
            "must be at most 400 days: no browser keeps a cookie longer",
        )?;
        check(
            self.activity_interval < self.idle,
            "activity_interval",
            "must be shorter than the idle session life, or sessions in use would end",
        )?;
        check(
            self.recency >= Duration::from_secs(1) && self.recency <= self.absolute,
            "recency",
            "must be at least 1 s and at most the absolute session life",
        )
    }
}

fn validate_throttle(
    setting: &'static str,
    policy: &ThrottlePolicy,
) -> Result<(), LoginSettingsError> {
    let second = Duration::from_secs(1);
    check(
        policy.limit >= 1,
        setting,
        "limit must be at least 1, or nobody could sign in",
    )?;
    check(
        policy.window >= second && policy.lock >= second,
        setting,
        "window and lock must be at least 1 s",
    )?;
    check(
        policy.max_lock >= policy.lock,
        setting,
        "max_lock must be at least lock",
    )
}

fn validate_link(link: &AccountLink) -> Result<(), LoginSettingsError> {
    let is_path = link.url.starts_with('/')
        && !link.url.starts_with("//")
        && !link.url.contains(['\\', '\n', '\r', '\t']);
    let is_web = url::Url::parse(&link.url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    check(
        is_path || is_web,
        "account_link",
        "give a path of this site (\"/team\") or an http(s) URL",
    )?;
    check(
        !link.label.trim().is_empty(),
        "account_link",
        "give the link a label people can read",
    )
}

fn check(fits: bool, setting: &'static str, problem: &str) -> Result<(), LoginSettingsError> {
    if fits { Ok(()) } else { fail(setting, problem) }
}

fn fail(setting: &'static str, problem: impl Into<String>) -> Result<(), LoginSettingsError> {
    Err(LoginSettingsError {
        setting,
        problem: problem.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_features_and_valid() {
        let login = Login::default();
        assert_eq!(login.validate(), Ok(()));
        assert_eq!(login.idle, Duration::from_mins(30));
        assert_eq!(login.absolute, Duration::from_hours(24));
        assert_eq!(login.remember, Duration::from_hours(1440));
        assert_eq!(login.activity_interval, Duration::from_mins(5));
        assert_eq!(login.recency, Duration::from_mins(10));
        assert_eq!(
            (login.password_min_length, login.password_max_length),
            (15, 128)
        );
        assert_eq!(
            login.argon2,
            Argon2Cost {
                memory_kib: 19_456,
                iterations: 2,
                parallelism: 1
            }
        );
        assert_eq!(login.account_throttle.limit, 5);
        assert_eq!(login.account_throttle.lock, Duration::from_mins(15));
        assert_eq!(login.address_throttle.limit, 10);
        assert_eq!(login.address_throttle.window, Duration::from_mins(1));
    }

    #[test]
    #[expect(clippy::large_stack_arrays, reason = "a test may")]
    fn what_cannot_work_is_named() {
        let login = Login::default;
        let secs = Duration::from_secs;
        let policy = |limit, window, lock, max_lock| ThrottlePolicy {
            limit,
            window: secs(window),
            lock: secs(lock),
            max_lock: secs(max_lock),
        };
        let weak = Argon2Cost {
            memory_kib: 1024,
            iterations: 1,
            parallelism: 1,
        };
        let huge = Argon2Cost {
            memory_kib: u32::MAX,
            iterations: 1,
            parallelism: 1,
        };
        let impossible = Argon2Cost {
            memory_kib: 8,
            iterations: 0,
            parallelism: 9,
        };
        for (setting, bad) in [
            ("path", login().path("auth")),
            ("path", login().path("/auth/")),
            ("path", login().path("/")),
            ("path", login().path("//auth")),
            ("path", login().path("/a b")),
            ("path", login().path("/a?b")),
            ("password_min_length", login().password_min_length(7)),
            ("password_min_length", login().password_min_length(129)),
            ("password_max_length", login().password_max_length(63)),
            ("password_max_length", login().password_max_length(1025)),
            ("argon2", login().argon2(weak)),
            ("argon2", login().argon2(huge)),
            ("argon2", login().dangerous_weak_argon2(impossible)),
            ("argon2", login().dangerous_weak_argon2(weak).argon2(weak)),
            ("hashing", login().hashing(0, 64)),
            ("hashing", login().hashing(1, 70_000)),
            ("session_life", login().session_life(secs(7200), secs(3600))),
            ("session_life", login().session_life(secs(1), secs(3600))),
            ("remember_me", login().remember_me(secs(3600))),
            ("remember_me", login().remember_me(secs(401 * 86_400))),
            ("activity_interval", login().activity_interval(secs(1800))),
            ("recency", login().recency(secs(0))),
            ("recency", login().recency(secs(2 * 86_400))),
            (
                "account_throttle",
                login().account_throttle(policy(0, 60, 60, 60)),
            ),
            (
                "account_throttle",
                login().account_throttle(policy(5, 0, 60, 60)),
            ),
            (
                "address_throttle",
                login().address_throttle(policy(5, 60, 60, 30)),
            ),
            (
                "account_link",
                login().account_link("x", "javascript:alert(1)"),
            ),
            ("account_link", login().account_link("x", "//evil.example")),
            ("account_link", login().account_link("x", "/\\evil.example")),
            ("account_link", login().account_link(" ", "/team")),
        ] {
            let error = bad.validate().expect_err(setting);
            assert_eq!(error.setting, setting, "{error}");
            assert!(error.problem.len() > 10, "{error}");
        }
        assert_eq!(login().dangerous_weak_argon2(weak).validate(), Ok(()));
        assert_eq!(login().account_link("Team", "/team").validate(), Ok(()));
        assert_eq!(
            login()
                .account_link("Help", "https://help.example")
                .validate(),
            Ok(())
        );
    }
}
