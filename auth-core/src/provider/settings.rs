//! What an operator decides about the provider, with the defaults of a careful one.

use std::sync::Arc;
use std::time::Duration;

use super::account::AccountResolver;
use super::registration::Registration;
use super::registry::ClientRegistry;
use super::scope::Scopes;
use crate::ground::jose::Algorithm;

/// Other apps sign in through here. Every figure has a default; `build()` refuses combinations that cannot work.
#[derive(Clone)]
#[must_use]
pub struct Provider {
    pub(crate) path: String,
    pub(crate) accounts: Option<Arc<dyn AccountResolver>>,
    pub(crate) registry: Option<Arc<dyn ClientRegistry>>,
    pub(crate) scopes: Scopes,
    pub(crate) code_life: Duration,
    pub(crate) interaction_life: Duration,
    pub(crate) access_token_life: Duration,
    pub(crate) id_token_life: Duration,
    pub(crate) refresh_idle: Duration,
    pub(crate) refresh_absolute: Duration,
    pub(crate) access_token_algorithm: Algorithm,
    pub(crate) key_rotation: KeyRotation,
    pub(crate) signing_algorithms: Vec<Algorithm>,
    pub(crate) pkce: Pkce,
    pub(crate) front_channel_tokens: bool,
    pub(crate) registration: Registration,
    pub(crate) session_management: bool,
}

/// From whom an authorization request must carry a `code_challenge` (RFC 7636). One that is there always counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pkce {
    /// From every client.
    #[default]
    Always,
    /// From clients without a credential of their own. The least that RFC 9700 §2.1.1 allows; OpenID Connect Core, and
    /// so its certification, knows clients that never heard of PKCE.
    PublicClients,
}

/// When signing keys change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRotation {
    /// How long a key signs.
    pub active_for: Duration,
    /// How long before it signs a key is published: longer than any client caches the key set.
    pub published_before: Duration,
}

impl Default for KeyRotation {
    fn default() -> Self {
        Self {
            active_for: Duration::from_hours(24 * 90),
            published_before: Duration::from_hours(24),
        }
    }
}

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("provider setting {setting}: {problem}")]
pub struct ProviderSettingsError {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            path: "/oauth".to_owned(),
            accounts: None,
            registry: None,
            scopes: Scopes::default(),
            code_life: Duration::from_mins(1),
            interaction_life: Duration::from_mins(30),
            access_token_life: Duration::from_mins(15),
            id_token_life: Duration::from_hours(1),
            refresh_idle: Duration::from_hours(24 * 14),
            refresh_absolute: Duration::from_hours(24 * 90),
            access_token_algorithm: Algorithm::Es256,
            key_rotation: KeyRotation::default(),
            signing_algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
            pkce: Pkce::default(),
            front_channel_tokens: false,
            registration: Registration::default(),
            session_management: false,
        }
    }
}

impl Provider {
    /// The path under which OAuth endpoints lie. Default `/oauth`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Answers questions about accounts instead of the login wing.
    pub fn accounts(mut self, accounts: impl AccountResolver) -> Self {
        self.accounts = Some(Arc::new(accounts));
        self
    }

    /// Finds clients instead of the registry in the store.
    pub fn registry(mut self, registry: impl ClientRegistry) -> Self {
        self.registry = Some(Arc::new(registry));
        self
    }

    /// Adds a scope with the words a person reads on the consent page.
    pub fn scope(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.scopes.insert(name, description);
        self
    }

    /// How long an authorization code lives. Default 60 s; RFC 6749 §4.1.2 recommends 10 min at most.
    pub fn code_life(mut self, life: Duration) -> Self {
        self.code_life = life;
        self
    }

    /// How long a request waits for its user. Default 30 min.
    pub fn interaction_life(mut self, life: Duration) -> Self {
        self.interaction_life = life;
        self
    }

    /// How long an access token lives. Default 900 s.
    pub fn access_token_life(mut self, life: Duration) -> Self {
        self.access_token_life = life;
        self
    }

    /// How long an ID token lives. Default 1 h.
    pub fn id_token_life(mut self, life: Duration) -> Self {
        self.id_token_life = life;
        self
    }

    /// How long a refresh token lives unused, and a family of them in all. Default 14 and 90 days.
    pub fn refresh_life(mut self, idle: Duration, absolute: Duration) -> Self {
        self.refresh_idle = idle;
        self.refresh_absolute = absolute;
        self
    }

    /// Signs access tokens with another algorithm than ES256.
    pub fn access_token_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.access_token_algorithm = algorithm;
        self
    }

    /// The algorithms that clients may choose for what is signed for them (`id_token_signed_response_alg`, …), each with
    /// keys of its own. Default ES256 and RS256; RS256, which OpenID Connect Core §15.1 makes mandatory, and the
    /// algorithm of access tokens are always among them.
    pub fn signing_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.signing_algorithms = algorithms.into_iter().collect();
        self
    }

    /// From whom PKCE is required. Default: from everybody.
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.pkce = pkce;
        self
    }

    /// Offers the hybrid and implicit flows of OpenID Connect Core §3.2 and §3.3: ID tokens and access tokens that pass
    /// through the browser's address bar, its history and whatever script reads it (RFC 9700 §2.1.2 advises against
    /// them). For clients that cannot do otherwise, and for certification. Default: off.
    pub fn dangerous_front_channel_tokens(mut self, on: bool) -> Self {
        self.front_channel_tokens = on;
        self
    }

    /// Lets apps register themselves (RFC 7591). Default: nobody can.
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = registration;
        self
    }

    /// Offers OpenID Connect Session Management 1.0: a frame that clients' pages ask whether the sign-in has changed. It
    /// needs a cookie that scripts can read and frames of other sites get; browsers that keep such cookies back (Safari,
    /// Firefox, Chrome as its user wishes) make it answer "changed" always. Default: off.
    pub fn session_management(mut self, on: bool) -> Self {
        self.session_management = on;
        self
    }

    /// When signing keys change. Default: after 90 days, published a day before.
    pub fn key_rotation(mut self, rotation: KeyRotation) -> Self {
        self.key_rotation = rotation;
        self
    }

    pub(crate) fn validate(&self) -> Result<(), ProviderSettingsError> {
        let fail = |setting, problem: &str| {
            Err(ProviderSettingsError {
                setting,
                problem: problem.to_owned(),
            })
        };
        let lives = [
            ("code_life", self.code_life, Duration::from_mins(10)),
            (
                "interaction_life",
                self.interaction_life,
                Duration::from_hours(24),
            ),
            (
                "access_token_life",
                self.access_token_life,
                Duration::from_hours(24),
            ),
            (
                "id_token_life",
                self.id_token_life,
                Duration::from_hours(24),
            ),
        ];
        for (setting, life, most) in lives {
            if life < Duration::from_secs(1) || life > most {
                let problem = format!("must be between 1 s and {} s", most.as_secs());
                return fail(setting, &problem);
            }
        }
        self.registration.validate(self.registry.is_some())?;
        if self.refresh_idle.is_zero() || self.refresh_idle > self.refresh_absolute {
            return fail(
                "refresh_life",
                "idle must be above zero and at most absolute",
            );
        }
        if !self.path.starts_with('/') || self.path.len() < 2 || self.path.ends_with('/') {
            return fail(
                "path",
                "must start with a slash, name something and not end with a slash",
            );
        }
        // A relying party that caches the key set for a day must still find the next key in it.
        if self.key_rotation.active_for <= self.key_rotation.published_before {
            return fail(
                "key_rotation",
                "active_for must be longer than published_before",
            );
        }
        Ok(())
    }
}
