//! Who may register clients, and what an operator says about it.

use std::sync::Arc;
use std::time::Duration;

use super::policy::{RegistrationPolicy, StandardRegistrationPolicy};
use crate::ground::Digest32;
use crate::ground::jose::{JwkSet, VerificationKeys};
use crate::provider::settings::ProviderSettingsError;
use crate::store::ThrottlePolicy;

/// 128 bits in base64url, as RFC 6749 §10.10 asks of what nobody may guess.
const SHORTEST_TOKEN: usize = 22;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum RegistrationMode {
    Closed,
    Token,
    Open,
}

/// Dynamic client registration (RFC 7591): closed, by initial access token, or open to everybody.
#[derive(Clone)]
#[must_use]
pub struct Registration {
    pub(in crate::provider) mode: RegistrationMode,
    pub(super) tokens: Vec<Digest32>,
    has_weak_token: bool,
    pub(super) policy: Arc<dyn RegistrationPolicy>,
    pub(super) statement_issuers: Vec<StatementIssuer>,
    pub(super) throttle: ThrottlePolicy,
}

/// Whose software statements count.
#[derive(Clone)]
pub(super) struct StatementIssuer {
    pub issuer: String,
    pub keys: Arc<VerificationKeys>,
}

impl Default for Registration {
    fn default() -> Self {
        Self::closed()
    }
}

impl Registration {
    fn with_mode(mode: RegistrationMode) -> Self {
        Self {
            mode,
            tokens: Vec::new(),
            has_weak_token: false,
            policy: Arc::new(StandardRegistrationPolicy::default()),
            statement_issuers: Vec::new(),
            throttle: ThrottlePolicy {
                limit: 60,
                window: Duration::from_mins(10),
                lock: Duration::from_mins(10),
                max_lock: Duration::from_hours(24),
            },
        }
    }

    /// Nobody: the endpoint is not there. The default.
    pub fn closed() -> Self {
        Self::with_mode(RegistrationMode::Closed)
    }

    /// Whoever has an initial access token: one that
    /// [`issue_registration_token`](crate::provider::ProviderWing::issue_registration_token) made, or one of
    /// [`initial_access_tokens`](Self::initial_access_tokens).
    pub fn by_token() -> Self {
        Self::with_mode(RegistrationMode::Token)
    }

    /// Everybody, as some federations and conformance suites want. Anybody can then fill the client table, as fast as
    /// [`throttle`](Self::throttle) lets them, and put a name of their choice on a consent page.
    pub fn open() -> Self {
        Self::with_mode(RegistrationMode::Open)
    }

    /// Fixed initial access tokens, each for any number of registrations: 22 characters or more, drawn at random.
    pub fn initial_access_tokens(
        mut self,
        tokens: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        for token in tokens {
            let token = token.as_ref();
            let fits = token.bytes().all(|byte| byte.is_ascii_graphic());
            self.has_weak_token |= token.len() < SHORTEST_TOKEN || !fits;
            self.tokens.push(Digest32::of(token));
        }
        self
    }

    /// Decides what may be registered instead of [`StandardRegistrationPolicy`].
    pub fn policy(mut self, policy: impl RegistrationPolicy) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Believes the software statements of an issuer (RFC 7591 §2.3), signed with one of these keys. Those of anybody
    /// else are `unapproved_software_statement`.
    pub fn trust_software_statements(mut self, issuer: impl Into<String>, jwks: &JwkSet) -> Self {
        self.statement_issuers.push(StatementIssuer {
            issuer: issuer.into(),
            keys: Arc::new(VerificationKeys::from_set(jwks)),
        });
        self
    }

    /// How many registrations and changes from one address. Default 60 in 10 minutes, then a lock that starts with 10
    /// minutes and doubles. Registrations by token do not count when they succeed.
    pub fn throttle(mut self, policy: ThrottlePolicy) -> Self {
        self.throttle = policy;
        self
    }

    pub(in crate::provider) fn validate(
        &self,
        has_own_registry: bool,
    ) -> Result<(), ProviderSettingsError> {
        let fail = |problem: &str| {
            Err(ProviderSettingsError {
                setting: "registration",
                problem: problem.to_owned(),
            })
        };
        if self.mode == RegistrationMode::Closed {
            return Ok(());
        }
        if has_own_registry {
            return fail(
                "a host that keeps its own clients registers them itself: leave it closed",
            );
        }
        if self.has_weak_token {
            return fail(
                "an initial access token must have 22 printable characters or more; draw one with: openssl rand -base64 32",
            );
        }
        if self.throttle.limit == 0 {
            return fail("throttle must let one registration through");
        }
        let unusable = |own: &&StatementIssuer| own.issuer.is_empty() || own.keys.is_empty();
        match self.statement_issuers.iter().find(unusable) {
            Some(own) => fail(&format!(
                "trust_software_statements needs an issuer and a key that verifies signatures ({:?})",
                own.issuer
            )),
            None => Ok(()),
        }
    }
}
